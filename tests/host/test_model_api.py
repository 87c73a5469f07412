#!/usr/bin/env python3
"""The program that gets the model's API ready: what it makes of Docker's words, of the bucket, and of a bad model."""

import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

PROGRAM = Path(__file__).resolve().parents[2] / "templates/api/model_api.py"
SPEC = importlib.util.spec_from_file_location("model_api", PROGRAM)
model_api = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(model_api)

IMAGE = "127.0.0.1:5000/penguins:1"
# As Docker 20.10 said them of Debian's registry, and of names that lead nowhere.
REFUSALS = [
    (
        'Error response from daemon: Head "http://127.0.0.1:5000/v2/penguins/manifests/1": no basic auth credentials',
        "log in with `sudo docker login 127.0.0.1:5000`",
    ),
    (
        "Error response from daemon: manifest for 127.0.0.1:5000/penguins:1 not found: manifest unknown: manifest unknown",
        f"the registry has no image `{IMAGE}`",
    ),
    (
        'Error response from daemon: Get "http://127.0.0.1:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused',
        f"the registry of `{IMAGE}` cannot be reached",
    ),
    (
        'Error response from daemon: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on 10.0.0.2:53: no such host',
        f"the registry of `{IMAGE}` cannot be reached",
    ),
    ("something that no version has said yet", f"the image `{IMAGE}` cannot be downloaded"),
]


class Registry(unittest.TestCase):
    """An image that cannot be pulled."""

    def test_each_refusal_has_a_sentence_of_its_own(self):
        for said, sentence in REFUSALS:
            with self.subTest(said):
                self.assertIn(sentence, model_api.why_not(IMAGE, said))

    def test_docker_hub_has_no_name(self):
        said = "pull access denied for octocat/penguins, repository does not exist or may require 'docker login'"
        for image in ("octocat/penguins", "octocat/penguins:1", "penguins:1"):
            self.assertTrue(model_api.why_not(image, said).endswith("log in with `sudo docker login`"), image)
        self.assertIn("`sudo docker login localhost`", model_api.why_not("localhost/penguins:1", said))

    def test_a_list_without_this_processor(self):
        said = "no matching manifest for linux/arm64/v8 in the manifest list entries"
        self.assertIn(platform.machine(), model_api.why_not(IMAGE, said))

    def test_an_image_that_cannot_be_named_is_not_said_to_be_there(self):
        here = model_api.PROCESSORS[platform.machine()]
        ran = []

        def run(command):
            ran.append(command)
            return here

        def told(command):
            return (1, "read-only file system") if command[1] == "tag" else (0, "")

        with (
            mock.patch.multiple(model_api, is_there=lambda _: False, run=run, told=told),
            self.assertRaisesRegex(model_api.Broken, "cannot name the image .* read-only file system"),
        ):
            model_api.pull(IMAGE, "labctl-model-api:1")
        self.assertIn(["docker", "image", "rm", IMAGE], ran)


class Notes(unittest.TestCase):
    """What stays on the server of an attempt, for who looks at it later."""

    def note_after(self, link, **parts):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, "link")
            if link:
                place.symlink_to(folder)
            settings = {"link": str(place), "image": "labctl-model-api:1", "model": {"bucket": "ours", "key": "model"}}
            parts = {"found": lambda _: (None, []), **parts}
            with mock.patch.multiple(model_api, STATE=Path(folder), **parts):
                try:
                    model_api.prepare(settings)
                except model_api.Broken:
                    pass
            noted = Path(folder, "model.json")
            return json.loads(noted.read_text()) if noted.exists() else None

    def test_why_an_api_does_not_run_with_its_model(self):
        def fails(kind):
            return mock.Mock(side_effect=kind("why"))

        there = mock.Mock(return_value="/there")
        noted = {"source": "s3://ours/model", "why": "why"}
        self.assertEqual(self.note_after(False, fetch=fails(model_api.Waiting)), {**noted, "state": "waiting"})
        image = {"fetch": there, "make_image": fails(model_api.Broken)}
        self.assertEqual(self.note_after(False, **image), {**noted, "state": "broken"})
        self.assertIsNone(self.note_after(True, **image), "it runs with the model of before")
        ready = self.note_after(False, fetch=there, make_image=there)
        self.assertEqual(ready, {**noted, "state": "ready", "why": ""})


class Account(unittest.TestCase):
    """A model is taken of the lab's own account's bucket alone: of the emulator's S3, through boto3."""

    OURS, THEIRS = "111111111111", "999999999999"

    @classmethod
    def setUpClass(cls):
        emulator = PROGRAM.parents[2] / "tests/emulator/emulator.py"
        cls.process = subprocess.Popen([sys.executable, emulator], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = "http://" + cls.process.stdout.readline().removeprefix("listening on ").strip()
        cls.variables = {"AWS_ENDPOINT_URL_S3": url, "AWS_ACCESS_KEY_ID": cls.OURS, "AWS_SECRET_ACCESS_KEY": "x"}

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait()
        cls.process.stdout.close()

    def setUp(self):
        self.enterContext(mock.patch.dict(os.environ, self.variables))
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        parts = {"FOLDER": self.folder, "ROOM": 0, "AWS_ENVIRONMENT": self.folder / "none"}
        self.enterContext(mock.patch.multiple(model_api, **parts))

    def bucket(self, name, account):
        """Makes a bucket with a model in it, and a policy that lets everybody read that."""
        import boto3

        s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="x")
        s3.create_bucket(Bucket=name)
        s3.delete_public_access_block(Bucket=name)
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody]}))
        s3.put_object(Bucket=name, Key="models/penguin/model.pickle", Body=b"a program")

    def fetch(self, bucket, **more):
        model = {"bucket": bucket, "account": self.OURS, "key": "models/penguin", "region": "us-east-1", **more}
        settings = {"model": model}
        return model_api.fetch(settings, *model_api.found(settings))

    def test_a_model_of_the_labs_own_bucket_is_fetched(self):
        self.bucket("ours", self.OURS)
        self.assertEqual((self.fetch("ours") / "penguin/model.pickle").read_bytes(), b"a program")

    def test_a_model_of_another_accounts_bucket_is_refused(self):
        self.bucket("theirs", self.THEIRS)
        with self.assertRaisesRegex(model_api.Waiting, f"`theirs` is not a bucket of account {self.OURS}"):
            self.fetch("theirs")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_bucket_that_changes_hands_after_the_listing_gives_no_file(self):
        self.bucket("changing", self.THEIRS)
        model = {"bucket": "changing", "account": self.OURS, "region": "us-east-1"}
        listed = [("penguin/model.pickle", "models/penguin/model.pickle", "tag", 9)]
        with self.assertRaisesRegex(model_api.Waiting, "`models/penguin/model.pickle` cannot be read"):
            model_api.download(model_api.connect(model), model, listed, self.folder)
        self.assertFalse((self.folder / "penguin/model.pickle").exists())

    def test_without_an_account_nothing_is_fetched(self):
        for account in ({"account": None}, {"account": ""}):
            with self.assertRaisesRegex(model_api.Broken, "to which account the bucket must belong"):
                self.fetch("ours", **account)


class Refusals(unittest.TestCase):
    """A model with which the API does not answer is tried once, and not again until the bucket or the image changes."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.settings = {
            "link": str(self.folder / "link"), "image": "labctl-model-api:1", "build": None,
            "model": {"bucket": "ours", "key": "model"},
        }
        self.tag, self.fetched, self.restarts, self.is_bad = "1", [], 0, True
        (self.folder / "state").mkdir()
        self.enterContext(mock.patch.multiple(
            model_api, STATE=self.folder / "state", FOLDER=self.folder, found=self.found, download=self.download,
            ROOM=0, make_image=lambda _: None, restart=self.restart, wait_for_answer=self.answers, run=lambda _: "",
        ))  # fmt: skip

    def found(self, _):
        return None, [("model.json", "model/model.json", self.tag, 1)]

    def download(self, _client, _model, _objects, target):
        self.fetched.append(target)
        (target / "model.json").touch()

    def restart(self):
        self.restarts += 1

    def answers(self):
        if self.is_bad:
            raise model_api.Refused("no prediction")
        return "fine"

    def refresh(self):
        return model_api.refresh({**self.settings, "model": {**self.settings["model"], "region": "", "account": "1"}})

    def note(self):
        noted = json.loads((self.folder / "state/model.json").read_text())
        return noted["state"], noted["why"]

    def models(self):
        return sorted(str(each) for each in self.folder.glob("model-*"))

    def good(self):
        """Lets the API run with a model that answers."""
        self.is_bad = False
        self.refresh()
        self.is_bad = True
        return os.readlink(self.settings["link"])

    def test_a_first_model_that_is_bad_is_tried_once_and_goes(self):
        with self.assertRaisesRegex(model_api.Refused, "not tried again: no prediction"):
            self.refresh()
        self.assertEqual((self.models(), self.restarts, len(self.fetched)), ([], 1, 1))
        self.assertFalse(Path(self.settings["link"]).is_symlink())
        for _ in range(3):
            again = self.refresh()
            self.assertEqual(again["state"], "waiting")
            self.assertIn("was refused: no prediction", again["why"])
        self.assertEqual((self.restarts, len(self.fetched)), (1, 1))
        self.assertEqual(self.note(), ("refused", "no prediction"))

    def test_the_model_before_serves_on(self):
        before = self.good()
        self.tag = "2"
        with self.assertRaises(model_api.Refused):
            self.refresh()
        restarts = self.restarts
        again = self.refresh()
        self.assertEqual((again["state"], again["target"], again["refused"]), ("ready", before, "no prediction"))
        self.assertEqual((os.readlink(self.settings["link"]), self.models()), (before, [before]))
        self.assertEqual((self.restarts, len(self.fetched)), (restarts, 2))
        # An apply does not take it up either.
        self.assertEqual(model_api.prepare(self.settings)["target"], before)

    def test_another_object_or_another_image_is_tried(self):
        with self.assertRaises(model_api.Refused):
            self.refresh()
        self.settings["image"] = "labctl-model-api:2"
        with self.assertRaises(model_api.Refused):
            self.refresh()
        self.tag, self.is_bad = "2", False
        self.assertEqual(self.refresh()["detail"], "fine")
        self.assertEqual(self.note(), ("ready", ""))

    def test_a_trial_that_was_cut_off_leads_back_and_is_refused_the_second_time(self):
        before = self.good()
        self.tag = "2"
        for state in ("ready", "refused"):
            with (
                mock.patch.object(model_api, "wait_for_answer", mock.Mock(side_effect=KeyboardInterrupt)),
                self.assertRaises(KeyboardInterrupt),
            ):
                self.refresh()
            self.assertNotEqual(os.readlink(self.settings["link"]), before)
            self.assertEqual(model_api.prepare(self.settings)["target"] == before, state == "refused")
            self.assertEqual((os.readlink(self.settings["link"]), self.note()[0]), (before, state))
        self.assertIn("stopped 2 times", self.note()[1])
        self.assertEqual(self.refresh()["target"], before)

    def test_names_that_no_file_system_takes_are_refused(self):
        def download(_client, _model, _objects, target):
            (target / ("x" * 300)).touch()

        with mock.patch.object(model_api, "download", download), self.assertRaises(model_api.Refused):
            self.refresh()
        self.assertEqual((self.note()[0], self.models()), ("refused", []))
        self.assertEqual(self.refresh()["state"], "waiting")


if __name__ == "__main__":
    unittest.main()
