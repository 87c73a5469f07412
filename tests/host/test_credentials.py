#!/usr/bin/env python3
"""The program that gives users keys for the bucket: to whom, which, and how it learns who asks."""

import importlib.util
import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/emulator"))

import emulator as emulation  # before moto, whose settings it makes

from moto.backends import get_backend

PROGRAM = ROOT / "templates/aws/credentials.py"
ASK = ROOT / "templates/aws/ask_credentials.py"
SPEC = importlib.util.spec_from_file_location("credentials", PROGRAM)
credentials = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(credentials)

ACCOUNT = "222222222222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lab-us-east-1-users"
ME = pwd.getpwuid(os.getuid()).pw_name
NOBODY = pwd.getpwnam("nobody")


class Credentials(unittest.TestCase):
    """Keys come of the emulator's STS, through boto3."""

    @classmethod
    def setUpClass(cls):
        emulator = emulation.TestEmulator()
        server = emulation.ThreadedWSGIServer("127.0.0.1", 0, emulator, handler=emulation.Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (cls.folder / "aws.env").write_text(
            f"# by hand\nAWS_ENDPOINT_URL_STS=http://127.0.0.1:{server.server_port}\n"
            f"AWS_ENDPOINT_URL_S3=http://s3.example\nAWS_ACCESS_KEY_ID={ACCOUNT}\nAWS_SECRET_ACCESS_KEY=x\n"
        )
        parts = {"AWS_ENVIRONMENT": cls.folder / "aws.env", "CONFIGURATION": cls.folder / "config"}
        cls.enterClassContext(mock.patch.multiple(credentials, **parts))
        cls.enterClassContext(mock.patch.dict(os.environ))

    def setUp(self):
        self.broker = credentials.Broker(self.settings({ME: "read", NOBODY.pw_name: "read-write"}))

    def settings(self, users):
        return {"region": "eu-west-1", "role": ROLE, "users": users}

    def taken(self):
        return get_backend("sts")[ACCOUNT]["aws"].assumed_roles

    def test_keys_are_of_the_role_in_the_users_name(self):
        before = len(self.taken())
        answer = self.broker.answer(os.getuid())
        self.assertEqual(sorted(answer), ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken", "Version"])
        self.assertEqual(answer["Version"], 1)
        self.assertTrue(answer["AccessKeyId"].startswith("ASIA"))
        [role] = self.taken()[before:]
        self.assertEqual((role.role_arn, role.session_name), (ROLE, f"labctl-{ME}"))
        # Who only reads gets no more, whatever the role allows to others.
        self.assertEqual(json.loads(role.policy), credentials.NARROWED["read"])
        self.broker.answer(NOBODY.pw_uid)
        self.assertIsNone(self.taken()[-1].policy)

    def test_the_same_keys_are_given_again_while_they_are_good_for_long(self):
        first = self.broker.answer(os.getuid())
        self.assertEqual(self.broker.answer(os.getuid()), first)
        self.assertNotEqual(self.broker.answer(NOBODY.pw_uid)["AccessKeyId"], first["AccessKeyId"], "another user's")
        with mock.patch.object(credentials.time, "monotonic", return_value=credentials.time.monotonic() + 1801):
            self.assertNotEqual(self.broker.answer(os.getuid()), first)

    def test_others_get_none_and_aws_is_not_asked(self):
        before = len(self.taken())
        broker = credentials.Broker(self.settings({}))
        self.assertEqual(broker.answer(os.getuid()), {"error": f"`{ME}` has no `bucket_access` in the lab's plan"})
        self.assertIn("nobody", broker.answer(4_000_000)["error"])
        self.assertEqual(len(self.taken()), before)

    def test_without_an_account_it_says_what_to_do(self):
        settings = {**self.settings({ME: "read"}), "role": None}
        self.assertIn("`labctl apply`", credentials.Broker(settings).answer(os.getuid())["error"])

    def test_what_aws_says_is_told(self):
        def refuse(_region):
            import boto3

            return boto3.client("sts", endpoint_url="http://127.0.0.1:9", region_name="eu-west-1")

        broker = credentials.Broker(self.settings({ME: "read"}), refuse)
        with mock.patch("builtins.print"):
            self.assertIn("AWS gives no keys: Could not connect", broker.answer(os.getuid())["error"])

    def test_the_kernel_says_who_asks(self):
        here, there = socket.socketpair(socket.AF_UNIX)
        with here, there:
            self.assertEqual(credentials.uid_of(here), os.getuid())

    def test_it_answers_at_a_socket_and_ends_when_nobody_asks(self):
        """The two programs together, as systemd and a user start them."""
        place = self.folder / "socket"
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps(self.settings({ME: "read"})))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place))
            listener.listen()
            changed = f"IDLE_SECONDS, LISTENER, AWS_ENVIRONMENT = 3, {listener.fileno()}, Path({str(self.folder / 'aws.env')!r})"
            program = f"import runpy, sys; m = runpy.run_path({str(PROGRAM)!r}); from pathlib import Path; import json\n"
            program += f"g = m['serve'].__globals__; exec({changed!r}, g); m['serve'](json.load(open({str(settings)!r})))"
            serving = subprocess.Popen([sys.executable, "-c", program], pass_fds=[listener.fileno()])
        ask = ASK.read_text().replace("/run/labctl-credentials/socket", str(place))
        answered = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
        self.assertEqual(answered.returncode, 0, answered.stderr)
        self.assertTrue(json.loads(answered.stdout)["AccessKeyId"].startswith("ASIA"))
        self.assertEqual(serving.wait(timeout=30), 0)
        gone = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("nobody answers", gone.stderr)

    def test_the_configuration_leads_to_the_program_and_to_a_private_endpoint(self):
        credentials.configure(self.settings({}))
        text = (self.folder / "config").read_text()
        self.assertIn("credential_process = /usr/local/lib/labctl/ask-credentials\n", text)
        self.assertIn("region = eu-west-1\n", text)
        self.assertIn("  endpoint_url = http://s3.example\n", text)
        self.assertNotIn("AWS_SECRET", text)
        with mock.patch.object(credentials, "AWS_ENVIRONMENT", self.folder / "none"):
            credentials.configure(self.settings({}))
        self.assertNotIn("endpoint", (self.folder / "config").read_text())


if __name__ == "__main__":
    unittest.main()
