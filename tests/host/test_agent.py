"""Tests the parts of the agent on temporary folders: `python3 tests/host/test_agent.py`.

They need no container; `test_agent_runs.py` has the whole runs.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent.parent / "python/agent"))

from agent import checks, disk, dpkg, environments, examine, gates, journal, keys, languages, locks, manifest, node, packages, prepare, private, snapshot, swap, switch, tokens, units, uv
from agent.failure import Failure, from_exception
from agent.job import Job
from agent.rollback import _restore_files
from agent.tools import Answer, Tools
from agent_host import Lab


class FakeTools:
    """Notes the commands and answers what it was told to."""

    def __init__(self, answers=None):
        self.answers = answers or {}
        self.commands = []

    def attempt(self, command, **_options):
        """Answers by the program's name, or says nothing and succeeds."""
        self.commands.append(command)
        return self.answers.get(command[0], Answer(0, ""))

    ask = attempt

    def run(self, command, what, help, **options):
        """As the real one: failure becomes a Failure."""
        answer = self.attempt(command, **options)
        if answer.code != 0:
            raise Failure(what, help, answer.lines)
        return answer


class OnFolder(unittest.TestCase):
    """Gives each test a host that is a temporary folder."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        (self.root / "var/lib/labctl").mkdir(parents=True)

    def job(self, lab):
        """A run's folder as it is before the agent starts."""
        folder = self.root / "var/lib/labctl/runs" / lab.request["run"]
        folder.mkdir(parents=True)
        (folder / "request.json").write_text(json.dumps(lab.request))
        for path, text in lab.files.items():
            place = folder / "files" / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        job = Job(folder, self.root)
        job.tools = FakeTools()
        self.addCleanup(job.journal._events.close)
        return job

    def put(self, path, text, mode=0o644):
        """Puts a file on the host."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
        return place

    def lab(self):
        """An empty desired state."""
        return Lab(SimpleNamespace(new_run=lambda: "20261122T000001Z-0a0b0c"))


class PartsOfFiles(OnFolder):
    """Snapshot, switch and restoring."""

    def everything(self):
        """A lab that writes, replaces, removes and links."""
        self.put("/etc/old.conf", "old", 0o640)
        self.put("/etc/gone.conf", "gone")
        (self.root / "opt/labctl/env-000000000001").mkdir(parents=True)
        (self.root / "opt/env").symlink_to("/opt/labctl/env-000000000001")
        lab = self.lab().file("/etc/old.conf", "new", "0600").file("/etc/deep/er/new.conf", "new")
        lab.environment("env", "000000000002", "")
        lab.want(remove=[{"path": "/etc/gone.conf", "restore": None, "backup": False}])
        return self.job(lab)

    def take(self, job):
        """Takes a snapshot of a host on which no web server runs."""
        before = snapshot.Snapshot(job)
        with mock.patch.object(snapshot.web, "nginx_live", return_value=None):
            before.take()
        return before

    def test_switch_and_restore_are_each_others_opposite(self):
        job = self.everything()
        before = self.take(job)
        switch.switch(job, before)
        self.assertEqual((self.root / "etc/old.conf").read_text(), "new")
        self.assertEqual((self.root / "etc/old.conf").stat().st_mode & 0o7777, 0o600)
        self.assertEqual((self.root / "etc/deep/er/new.conf").stat().st_mode & 0o7777, 0o644)
        self.assertEqual((self.root / "etc/deep").stat().st_mode & 0o7777, 0o755)
        self.assertFalse((self.root / "etc/gone.conf").exists())
        self.assertEqual(os.readlink(self.root / "opt/env"), "/opt/labctl/env-000000000002")
        _restore_files(job, before)
        self.assertEqual((self.root / "etc/old.conf").read_text(), "old")
        self.assertEqual((self.root / "etc/old.conf").stat().st_mode & 0o7777, 0o640)
        self.assertEqual((self.root / "etc/gone.conf").read_text(), "gone")
        self.assertFalse((self.root / "etc/deep").exists())
        self.assertEqual(os.readlink(self.root / "opt/env"), "/opt/labctl/env-000000000001")
        self.assertEqual([p for p in self.root.rglob("*") if p.name.endswith(".labctl")], [])

    def test_a_full_disk_is_met_before_the_first_rename(self):
        job = self.everything()
        before = self.take(job)
        with mock.patch.object(switch.shutil, "copyfileobj", side_effect=[None, OSError(28, "full", "x")]):
            with self.assertRaises(OSError):
                switch.switch(job, before)
        self.assertEqual((self.root / "etc/old.conf").read_text(), "old")

    def test_files_of_others_are_kept_and_told(self):
        self.put("/etc/foreign.conf", "theirs")
        self.put("/etc/packaged.conf", "of a package")
        lab = self.lab().file("/etc/foreign.conf", "ours", backup=True).file("/etc/packaged.conf", "ours")
        job = self.job(lab)
        self.take(job)
        kept = "/var/lib/labctl/backups/20261122T000001Z-0a0b0c/etc/foreign.conf"
        self.assertEqual((self.root / kept.lstrip("/")).read_text(), "theirs")
        self.assertEqual(len(job.journal.warnings), 1)
        self.assertIn("`/etc/foreign.conf` was not written by labctl", job.journal.warnings[0]["text"])
        files = job.request["manifest"]["files"]
        self.assertEqual(files["/etc/foreign.conf"]["original"], kept)
        self.assertTrue(files["/etc/packaged.conf"]["original"].endswith("/etc/packaged.conf"))

    def test_what_labctl_wrote_needs_no_backup(self):
        lab = self.lab().file("/etc/ours.conf", "version 2")
        old = snapshot.sha256(self.put("/etc/ours.conf", "version 1"))
        self.put("/var/lib/labctl/manifest.json", json.dumps({"files": {"/etc/ours.conf": {"sha256": old}}}))
        job = self.job(lab)
        self.take(job)
        self.assertFalse((self.root / "var/lib/labctl/backups").exists())
        self.assertIsNone(job.request["manifest"]["files"]["/etc/ours.conf"]["original"])

    def test_an_original_comes_back_when_the_file_leaves_the_plan(self):
        self.put("/etc/a.conf", "ours")
        self.put("/var/lib/labctl/backups/r/etc/a.conf", "theirs", 0o604)
        lab = self.lab()
        lab.want(remove=[{"path": "/etc/a.conf", "restore": "/var/lib/labctl/backups/r/etc/a.conf", "backup": False}])
        job = self.job(lab)
        switch.switch(job, self.take(job))
        self.assertEqual((self.root / "etc/a.conf").read_text(), "theirs")
        self.assertEqual((self.root / "etc/a.conf").stat().st_mode & 0o777, 0o604)

    def test_a_folder_in_the_way_is_refused(self):
        (self.root / "etc/a.conf").mkdir(parents=True)
        job = self.job(self.lab().file("/etc/a.conf", "x"))
        with self.assertRaisesRegex(Failure, "in the way: `/etc/a.conf`"):
            prepare.prepare(job)

    def test_a_damaged_file_is_refused(self):
        lab = self.lab().file("/etc/a.py", "x = 1")
        lab.files["/etc/a.py"] = "x = 2"
        with self.assertRaisesRegex(Failure, "did not arrive"):
            checks.check(self.job(lab))

    def test_the_copy_of_a_secret_that_leaves_is_gone_with_its_run(self):
        folder = self.root / "run"
        (folder / "snapshot").mkdir(parents=True)
        for name in ("0000", "0001"):
            (folder / "snapshot" / name).write_text(name)
        index = {
            "entries": [
                {"path": "/etc/hub.env", "kind": "file", "copy": "0000"},
                {"path": "/etc/motd", "kind": "file", "copy": "0001"},
                {"path": "/etc/new", "kind": "absent"},
            ],
            "manifest": {"files": {"/etc/hub.env": {"sha256": ""}, "/etc/motd": {"sha256": "0123"}}},
        }
        (folder / "snapshot/index.json").write_text(json.dumps(index))
        private.forget(SimpleNamespace(folder=folder, request={"files": []}))
        self.assertEqual({file.name for file in (folder / "snapshot").iterdir()}, {"0001", "index.json"})


class PartsOfMemory(OnFolder):
    """Manifest, secrets, journal, swap."""

    def test_owed_units_are_struck_out_and_come_back(self):
        self.put(
            "/var/lib/labctl/manifest.json",
            json.dumps(
                {
                    "files": {"/etc/old": {"sha256": "1"}},
                    "units": {"a.service": {}, "b.service": {}},
                    "users": {"gone": {"created": True, "keys": ["k0"]}, "ann": {"created": True, "keys": ["k1"]}},
                }
            ),
        )
        lab = self.lab().file("/etc/new", "x").unit("a.service", "reload").unit("c.service", "none")
        lab.request["manifest"]["users"] = {"ann": {"created": False, "gave_sudo": True, "keys": ["k2"]}}
        job = self.job(lab)
        manifest.note(job)
        noted = manifest.read_manifest(job)
        self.assertEqual(noted["users"]["ann"], {"created": True, "gave_sudo": True, "keys": ["k1", "k2"]})
        self.assertIn("gone", noted["users"])
        self.assertEqual(set(noted["units"]), {"a.service", "b.service"})
        manifest.owe(job)
        owed = manifest.read_manifest(job)
        self.assertEqual(set(owed["units"]), {"b.service"})
        self.assertEqual(set(owed["files"]), {"/etc/old", "/etc/new"})
        manifest.record(job)
        self.assertEqual(manifest.read_manifest(job), lab.request["manifest"])

    def test_the_last_apply_that_succeeded_stays_recorded(self):
        request = {"applied": {"gates": [{"kind": "nginx", "hash": "new"}], "model": None}}
        lab = self.lab().user("ann")
        lab.request["manifest"].update(request)
        job = self.job(lab)
        applied = lambda: manifest.read_manifest(job).get("applied", "missing")
        # Of a first run nothing is proved until it has succeeded.
        manifest.note(job)
        manifest.owe(job)
        self.assertEqual(applied(), {})
        manifest.record(job)
        self.assertEqual(applied(), request["applied"])
        # One that fails leaves what was recorded, and so it is where an older labctl recorded nothing.
        for before in ({"applied": {"gates": [], "model": None}}, {}):
            manifest.write_manifest(job, {"format": 1, "users": {}, "files": {}, "units": {}, **before})
            manifest.note(job)
            manifest.owe(job)
            self.assertEqual(applied(), before.get("applied", "missing"))
            self.assertIn("ann", manifest.read_manifest(job)["users"])

    def test_a_secret_is_drawn_once(self):
        wish = {"path": "/etc/hub.env", "key": "TOKEN", "mode": "0600", "owner": "root", "group": "root"}
        job = self.job(self.lab())
        tokens.make_secret(job, wish)
        first = (self.root / "etc/hub.env").read_text()
        self.assertRegex(first, r"^TOKEN=[0-9a-f]{64}\n$")
        tokens.make_secret(job, wish)
        tokens.make_secret(job, {**wish, "key": "OTHER"})
        text = (self.root / "etc/hub.env").read_text()
        self.assertTrue(text.startswith(first))
        self.assertRegex(text, r"\nOTHER=[0-9a-f]{64}\n$")
        self.assertNotIn(first.strip().split("=")[1], (job.folder / "events.jsonl").read_text())

    def test_a_secret_is_drawn_anew_with_all_who_read_it(self):
        wish = {"path": "/etc/hub.env", "key": "TOKEN", "mode": "0600", "owner": "root", "group": "root"}
        kept = {**wish, "key": "KEPT", "renewed_with": []}
        job = self.job(self.lab().want(secrets=[{**wish, "renewed_with": ["a.service", "b.service"]}, kept]))
        for secret in job.request["secrets"]:
            tokens.make_secret(job, secret)
        read = lambda: dict(line.split("=") for line in (self.root / "etc/hub.env").read_text().splitlines())
        before = read()
        tokens.renew_secrets(job)
        self.assertNotEqual(read()["TOKEN"], before["TOKEN"])
        self.assertRegex(read()["TOKEN"], "^[0-9a-f]{64}$")
        self.assertEqual(read()["KEPT"], before["KEPT"])
        # A rollback starts both again, whichever of them was started before it.
        self.assertEqual(job.touched, {"a.service", "b.service"})

    def test_a_servers_environment_names_the_port_of_its_hub(self):
        for text, port in (
            (b"HOME=/\0JUPYTERHUB_API_URL=http://127.0.0.1:8081/jupyter/hub/api\0X=1\0", 8081),
            (b"JUPYTERHUB_API_URL=http://127.0.0.1:482/hub/api", 482),
            (b"JUPYTERHUB_API_URL_=http://127.0.0.1:1/\0OTHER=2", None),
            (b"", None),
        ):
            place = self.root / "environ"
            place.write_bytes(text)
            self.assertEqual(units._port_of_hub(place), port)
        self.assertIsNone(units._port_of_hub(self.root / "gone"))

    def test_events_are_ascii_lines_without_passwords(self):
        job = self.job(self.lab())
        job.journal.line("get https://me:secret@pip.example/simple é \udc80")
        text = (job.folder / "events.jsonl").read_bytes()
        self.assertEqual(json.loads(text.decode("ascii"))["text"], "get https://***@pip.example/simple é ?")

    def test_an_unknown_exception_is_said_in_words(self):
        try:
            {}["x"]
        except KeyError as error:
            failure = from_exception(error)
        self.assertIn("`KeyError: 'x'`", failure.what)
        self.assertIn("disk is full", from_exception(OSError(28, "No space left", "/a")).what)

    def test_fstab_keeps_the_lines_of_others(self):
        self.put("/etc/fstab", "LABEL=root / ext4 defaults 0 1\n")
        self.put("/proc/swaps", "Filename Type Size Used Priority\n")
        job = self.job(self.lab())
        self.put("/.swapfile.new", "")
        with mock.patch.object(swap, "_write_file"):
            swap.make(job, "/swapfile", 1 << 20)
            swap.make(job, "/swapfile", 1 << 20)
        text = (self.root / "etc/fstab").read_text()
        self.assertEqual(text, "LABEL=root / ext4 defaults 0 1\n/swapfile none swap sw 0 0 # labctl\n")


class PartsOfDisk(OnFolder):
    """Which commands grow which disk."""

    def disk(self, partition, parent, number):
        """Puts a partition into /sys as the kernel shows it."""
        entry = self.root / f"sys/devices/{parent}/{partition}"
        entry.mkdir(parents=True)
        (entry / "partition").write_text(f"{number}\n")
        (self.root / "sys/class/block").mkdir(parents=True, exist_ok=True)
        (self.root / f"sys/class/block/{partition}").symlink_to(entry)

    def grown(self, source, filesystem, **answers):
        """The commands that grow a file system."""
        job = self.job(self.lab())
        job.tools = FakeTools(answers)
        with mock.patch.object(disk.shutil, "which", return_value="/usr/bin/growpart"):
            disk.grow(job, source, filesystem, "/")
        return job.tools.commands

    def test_partition_then_file_system(self):
        self.disk("nvme0n1p1", "nvme0n1", 1)
        commands = self.grown("/dev/nvme0n1p1", "ext4")
        self.assertEqual(commands, [["growpart", "/dev/nvme0n1", "1"], ["resize2fs", "/dev/nvme0n1p1"]])

    def test_nothing_to_grow_is_no_failure(self):
        self.disk("xvda14", "xvda", 14)
        commands = self.grown("/dev/xvda14", "xfs", growpart=Answer(1, "NOCHANGE: partition 14 is size 1"))
        self.assertEqual(commands[-1], ["xfs_growfs", "/"])

    def test_a_failure_of_growpart_is_one(self):
        self.disk("sda1", "sda", 1)
        with self.assertRaisesRegex(Failure, "partition 1 of `/dev/sda` could not be grown"):
            self.grown("/dev/sda1", "ext4", growpart=Answer(2, "FAILED: no"))

    def test_an_unknown_file_system_is_left_alone_with_a_warning(self):
        self.assertEqual(self.grown("/dev/sda1", "btrfs"), [])


class PartsOfInstalling(OnFolder):
    """uv, what it is asked for, and the locks."""

    VERSION = "0.0.1"

    def lab(self, name="python-3.12.4", **fields):
        self.runs = getattr(self, "runs", 0) + 1
        lab = Lab(SimpleNamespace(new_run=lambda: f"run-{self.runs}"))
        lab.environment(name, "00000000000a", "pandas\n", lock="six==1.0 \\\n    --hash=sha256:01\n")
        lab.request["environments"][0].update(fields)
        machine = os.uname().machine
        lab.request["installer"] = f"# uv\n00  uv-{self.VERSION}-py3-none-manylinux_2_17_{machine}.whl\n"
        self.put(f"/opt/labctl/tools/uv-{self.VERSION}/bin/uv", "")
        return lab

    def built(self, lab, answers=None):
        """Builds the environment; gives the commands, and their variables."""
        job = self.job(lab)
        job.tools = FakeTools(answers)
        environment = job.request["environments"][0]
        self.put(f"{environment['target']}/bin/python", "")
        attempt, variables = job.tools.attempt, []

        def note(command, **options):
            variables.append(options.get("environment"))
            return attempt(command, **options)

        job.tools.attempt = note
        environments._build_python(job, environment, self.root / environment["target"][1:])
        return job.tools.commands, variables

    def index(self, content=b"#!/bin/sh\n"):
        """An index on the disk that has a wheel of uv; gives the wheel's name and sum."""
        machine = os.uname().machine
        name = f"uv-{self.VERSION}-py3-none-manylinux_2_17_{machine}.manylinux2014_{machine}.whl"
        page = self.put("/index/simple/uv/index.html", f"<a>x</a><a class=y href='../../{name}#sha256=00'>{name}</a>")
        with zipfile.ZipFile(page.parents[2] / name, "w") as wheel:
            wheel.writestr(f"uv-{self.VERSION}.data/scripts/uv", content)
        self.put("/etc/pip.conf", f"[global]\nindex-url = {page.parents[1].as_uri()}\n")
        return name, hashlib.sha256((page.parents[2] / name).read_bytes()).hexdigest()

    def test_uv_comes_by_its_sum_from_an_index_and_others_of_its_versions_go(self):
        name, digest = self.index()
        lab = self.lab(is_extended=False)
        lab.request["installer"] = f"# uv\n{'0' * 64}  uv-9-py3-none-manylinux_2_17_riscv64.whl\n{digest}  {name}\n"
        tools = self.root / "opt/labctl/tools"
        (tools / f"uv-{self.VERSION}").rename(tools / "uv-0.0.0")
        commands, _ = self.built(lab)
        self.assertEqual([place.name for place in tools.iterdir()], [f"uv-{self.VERSION}"])
        program = tools / f"uv-{self.VERSION}/bin/uv"
        self.assertEqual((program.read_text(), program.stat().st_mode & 0o777), ("#!/bin/sh\n", 0o755))
        self.assertEqual(commands[0][0], str(program))

    def test_another_uv_is_refused_and_so_is_an_index_without_it(self):
        name, digest = self.index()
        self.index(b"#!/bin/sh\nexec evil\n")
        lab = self.lab(is_extended=False)
        lab.request["installer"] = f"{digest}  {name}\n"
        shutil.rmtree(self.root / "opt/labctl/tools")
        with self.assertRaisesRegex(Failure, "is not what labctl has locked"):
            self.built(lab)
        lab = self.lab(is_extended=False)
        lab.request["installer"] = f"{digest}  {name.replace('2_17', '2_99')}\n"
        shutil.rmtree(self.root / "opt/labctl/tools")
        with self.assertRaisesRegex(Failure, "has no `uv-0.0.1-py3-none-manylinux_2_99"):
            self.built(lab)
        self.assertFalse((self.root / "opt/labctl/tools").exists())

    def test_uv_leaves_with_the_last_environment(self):
        job = self.job(self.lab())
        target = job.request["environments"][0]["target"]
        self.put(f"{target}/bin/python", "")
        tools = self.root / "opt/labctl/tools"
        environments.remove_unused(job)
        self.assertTrue(tools.exists())
        job.request["manifest"]["environments"].clear()
        environments.remove_unused(job)
        self.assertEqual((tools.exists(), (self.root / target[1:]).exists()), (False, False))

    def test_what_labctl_locked_is_installed_as_it_is_and_from_wheels_alone(self):
        commands, _ = self.built(self.lab(is_extended=False))
        self.assertEqual([" ".join(command[1:3]) for command in commands], ["venv --python", "pip sync"])
        for option in ("--require-hashes", "--only-binary"):
            self.assertIn(option, commands[-1])

    def test_a_lock_is_kept_once_it_has_proved_and_taken_up_by_the_next_build(self):
        lab = self.lab(is_extended=True)
        job = self.job(lab)
        target = job.request["environments"][0]["target"]
        kept = self.root / "var/lib/labctl/locks/python-3.12.4.txt"
        earlier = "Six==0.9 \\\n    --hash=sha256:09\npandas==1.0 \\\n    --hash=sha256:02\n"
        self.put(f"{target}/labctl.lock", earlier)
        locks.keep(job)
        self.assertEqual(kept.read_text(), earlier)
        self.interpreter()
        commands, _ = self.built(self.lab(is_extended=True, version="3.12.4"))
        verbs = [" ".join(command[1:3]) for command in commands]
        self.assertEqual(verbs, ["python install", "venv --python", "pip compile", "pip sync"])
        # What labctl brings is labctl's to say, and the rest stays.
        own = "six==1.0 \\\n    --hash=sha256:01\n"
        self.assertEqual((self.root / f"{target[1:]}/labctl.lock").read_text(), own + earlier[earlier.index("pandas") :])
        self.assertNotIn("--only-binary", commands[-1])

    def interpreter(self):
        """Lays a Python out as uv does."""
        self.put("/opt/labctl/cpython/cpython-3.12.4-linux-x86_64-gnu/bin/python3", "")

    def test_another_place_of_python_is_a_mirror_or_a_list(self):
        self.interpreter()
        for address, option in (("https://m/python", "--mirror"), ("https://m/a.json", "--python-downloads-json-url")):
            commands, _ = self.built(self.lab(interpreters=address, version="3.12.4", is_extended=False))
            self.assertEqual(commands[0][-2:], [option, address])

    def test_an_index_is_told_where_nobody_else_reads_it(self):
        commands, variables = self.built(self.lab(index="https://me:secret@pip.example/simple", is_extended=False))
        self.assertNotIn("secret", str(commands))
        self.assertEqual(variables[-1]["UV_DEFAULT_INDEX"], "https://me:secret@pip.example/simple")

    def test_the_settings_of_pip_on_the_server_count_where_the_plan_has_no_index(self):
        settings = "[global]\nindex-url = https://a.example/simple\nextra-index-url =\n  https://b.example/simple\n"
        self.put("/etc/pip.conf", settings + "[install]\nindex-url = https://c.example/simple\n")
        with mock.patch.dict(os.environ, clear=False) as variables:
            variables.pop("PIP_INDEX_URL", None)
            _, seen = self.built(self.lab(is_extended=False))
            self.assertEqual(seen[-1]["UV_DEFAULT_INDEX"], "https://c.example/simple")
            self.assertEqual(seen[-1]["UV_INDEX"], "https://b.example/simple")
            _, seen = self.built(self.lab(index="https://plan.example/simple", is_extended=False))
            self.assertEqual((seen[-1]["UV_DEFAULT_INDEX"], seen[-1]["UV_INDEX"]), ("https://plan.example/simple", ""))

    def test_a_small_server_does_less_at_once(self):
        for size, is_less in ((1 << 30, True), (4 << 30, False)):
            with mock.patch.object(uv.machine, "memory", return_value=(size, 0)):
                _, variables = self.built(self.lab(is_extended=False))
            self.assertEqual(variables[-1].get("UV_CONCURRENT_INSTALLS") == "1", is_less)

    def test_the_name_and_password_of_a_registry_are_no_part_of_its_address(self):
        found = node.registry_settings("https://me:p%40ss@npm.example:8443/team")
        self.assertEqual(found["npm_config_registry"], "https://npm.example:8443/team/")
        self.assertEqual(found["npm_config_//npm.example:8443/team/:_auth"], "bWU6cEBzcw==")
        self.assertEqual(node.registry_settings(None), {})

    def test_a_build_that_fails_beside_dpkg_is_tried_again_after_it(self):
        for wanted, tries in ((["nginx"], 2), ([], 1)):
            lab = self.lab(name=f"app{tries}")
            lab.request["packages"] = wanted
            tried = []

            def fail(job, environment, _target, tried=tried):
                tried.append(environment["name"])
                raise Failure("no", "yes")

            with mock.patch.dict(environments.BUILDERS, python=fail):
                with self.assertRaises(Failure), environments.Background(self.job(lab)) as background:
                    background.finish()
            self.assertEqual(len(tried), tries)

    def test_what_builds_is_ended_when_the_run_fails(self):
        lab = self.lab(name="slow")
        job = self.job(lab)
        job.tools = Tools(job.journal)
        started = threading.Event()

        def wait(aside, _environment, _target):
            started.set()
            aside.tools.run(["sleep", "60"], "no", "yes")

        begin = time.monotonic()
        with mock.patch.dict(environments.BUILDERS, python=wait), self.assertRaises(KeyError):
            with environments.Background(job):
                started.wait()
                time.sleep(0.2)
                raise KeyError
        self.assertLess(time.monotonic() - begin, 10)


class PartsOfLanguages(OnFolder):
    """The versions that rig has installed."""

    def test_ten_is_more_than_nine(self):
        self.assertEqual(languages._newest({"4.9.3", "4.10.0", "devel"}), "4.10.0")
        self.assertIsNone(languages._newest(set()))

    def test_a_folder_of_a_python_can_be_told_from_what_else_lies_there(self):
        for name in ("python-3.12.4-0123456789ab", "jupyterhub-0123456789ab", "r-0123456789ab"):
            self.assertTrue(environments.TARGET.match(name))
        for name in ("cpython", "tools", "uv-cache"):
            self.assertFalse(environments.TARGET.match(name))


class PartsOfWords(OnFolder):
    """Small pure pieces."""

    def test_mirrors_replace_the_hosts_of_the_distributions(self):
        text = (
            "deb http://eu-west-1.ec2.archive.ubuntu.com/ubuntu/ noble main\n"
            "deb http://security.ubuntu.com/ubuntu noble-security main\n"
            "URIs: http://deb.debian.org/debian-security\nURIs: https://packages.example/x\n"
        )
        self.assertEqual(
            packages._through_mirror(text, "https://m.corp/d/"),
            (
                "deb https://m.corp/d noble main\ndeb https://m.corp/d noble-security main\n"
                "URIs: https://m.corp/d-security\nURIs: https://packages.example/x\n"
            ),
        )

    def test_programs_in_units_are_looked_for_where_they_are_now(self):
        text = "ExecStart=/opt/hub/bin/hub --x /opt/hub\nExecStartPre=-/usr/lib/a b\nExecStop=/opt/hubbub\n"
        found = checks._redirect(text, {"/opt/hub": "/opt/labctl/hub-1", "/usr/lib/a": "/s/a"})
        self.assertEqual(
            found, "ExecStart=/opt/labctl/hub-1/bin/hub --x /opt/hub\nExecStartPre=-/s/a b\nExecStop=/opt/hubbub\n"
        )

    def test_every_gate_of_the_laptop_has_a_name(self):
        every = [
            {"kind": "active", "unit": "a"},
            {"kind": "nginx"},
            {"kind": "redirect"},
            {"kind": "loopback"},
            {"kind": "certificate", "host": "h"},
            {"kind": "page", "name": "n"},
            {"kind": "hub_api"},
            {"kind": "metadata"},
            {"kind": "isolation", "user": "u"},
            {"kind": "bucket_access"},
            {"kind": "kernel", "user": "u"},
            {"kind": "shiny"},
            {"kind": "shiny_server"},
            {"kind": "predict"},
            {"kind": "public_api"},
        ]
        self.assertEqual({gate["kind"] for gate in every}, {*gates.KINDS, "active"})
        self.assertEqual(len({gates.name_of(gate) for gate in every}), len(every))

    def test_a_gate_of_a_newer_labctl_is_left_out(self):
        lab = self.lab().want(gates=[{"kind": "telepathy", "unit": "a.service"}])
        job = self.job(lab)
        with mock.patch.object(examine, "Job", lambda _folder: job):
            (seen,) = examine.gates(job.folder, deep=False)
        self.assertEqual((seen["ok"], seen["unit"]), (None, "a.service"))
        self.assertIn("telepathy", seen["gate"] + seen["detail"])

    def test_the_holder_of_a_lock_is_named(self):
        lock = self.put("/var/lib/dpkg/lock", "")
        program = (
            "import fcntl,sys,time\nf=open(sys.argv[1],'w')\nfcntl.lockf(f,2)\nprint('x',flush=True)\ntime.sleep(60)"
        )
        with subprocess.Popen([sys.executable, "-c", program, lock], stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()
            self.assertIn(f"(process {holder.pid})", dpkg._holder(lock))
            holder.kill()
        self.assertIsNone(dpkg._holder(lock))


class PartsOfKeys(OnFolder):
    """`authorized_keys`, without any account."""

    def test_lines_are_added_and_removed_and_others_kept(self):
        home = self.root / "home"
        home.mkdir(mode=0o755)
        home.chmod(0o775)
        keys.change(str(home), ["new"], [])
        self.assertEqual((home / ".ssh").stat().st_mode & 0o7777, 0o700)
        file = home / ".ssh/authorized_keys"
        self.assertEqual((file.read_text(), file.stat().st_mode & 0o7777), ("new\n", 0o600))
        self.assertEqual(home.stat().st_mode & 0o7777, 0o755)
        file.write_text("# mine\nold\nown key \xff\n", encoding="latin-1")
        keys.change(str(home), ["new"], ["old"])
        self.assertEqual(file.read_bytes(), b"# mine\nown key \xff\nnew\n")
        keys.change(str(home), ["new"], [])
        self.assertEqual(file.read_bytes(), b"# mine\nown key \xff\nnew\n")

    def test_a_comment_with_what_python_takes_for_a_lines_end_is_one_line(self):
        home = self.root / "home"
        (home / ".ssh").mkdir(parents=True)
        file = home / ".ssh/authorized_keys"
        key, other = "ssh-ed25519 AAAA my\u2028laptop", "ssh-ed25519 BBBB a\x0cb"
        file.write_text(other + "\r\n")
        keys.change(str(home), [key], [])
        keys.change(str(home), [key], [])
        self.assertEqual(file.read_bytes().decode(), f"{other}\r\n{key}\n")
        keys.change(str(home), [], [key])
        self.assertEqual(file.read_bytes().decode(), f"{other}\r\n")

    def test_links_and_pipes_are_refused(self):
        home = self.root / "home"
        elsewhere = self.root / "root-ssh"
        elsewhere.mkdir()
        home.mkdir()
        (home / ".ssh").symlink_to(elsewhere)
        with self.assertRaisesRegex(ValueError, "link"):
            keys.change(str(home), ["new"], [])
        (home / ".ssh").unlink()
        (home / ".ssh").mkdir()
        os.mkfifo(home / ".ssh/authorized_keys")
        with self.assertRaisesRegex(ValueError, "not an ordinary file"):
            keys.change(str(home), ["new"], [])
        (home / ".ssh/authorized_keys").unlink()
        (home / ".ssh/authorized_keys").symlink_to(elsewhere / "x")
        with self.assertRaisesRegex(ValueError, "not an ordinary file"):
            keys.change(str(home), ["new"], [])
        self.assertEqual(list(elsewhere.iterdir()), [])


class PartsOfJournal(OnFolder):
    """A full disk must not swallow the verdict."""

    def test_the_reserve_makes_room_for_the_verdict(self):
        log = journal.Journal(self.root)
        self.assertEqual((self.root / "reserve").stat().st_size, journal.RESERVE_BYTES)
        real = log._events
        log._events = mock.Mock()
        log._events.write.side_effect = [OSError(28, "full"), None]
        log.emit({"type": "verdict", "ok": False})
        self.assertFalse((self.root / "reserve").exists())
        self.assertEqual(log._events.write.call_count, 2)
        real.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
