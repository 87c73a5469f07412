"""Tests the programs that labctl sends to a server, as far as that needs no server.

    python3 tests/host/test_remote.py
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.dont_write_bytecode = True
from support import NONCE, PACKAGE, archive, with_state

from agent import common, doctor, follow, machine, probe, push


class Temporary(unittest.TestCase):
    """Gives each test a folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def replace(self, module, **names):
        """Gives a module other functions, until the test ends."""
        for name, value in names.items():
            patch = mock.patch.object(module, name, value)
            patch.start()
            self.addCleanup(patch.stop)


class TestStaging(Temporary):
    """What push takes, and what it does not."""

    def push(self, tar, run="run-1"):
        with_state(self, self.folder / "state")
        started, said = [], []
        self.replace(push, running_now=lambda: None, start=started.append)
        (self.folder / "state").mkdir(exist_ok=True)
        is_followed = push.receive({"run": run, "nonce": NONCE}, io.BytesIO(tar), said.append)
        self.assertEqual(bool(started), is_followed)
        return said

    def runs(self):
        folder = self.folder / "state" / "runs"
        return sorted(os.listdir(folder)) if folder.exists() else []

    def test_a_whole_tar_becomes_a_run(self):
        self.assertEqual(self.push(archive({"files/etc/x": "text"})), [])
        run = self.folder / "state" / "runs" / "run-1"
        self.assertEqual((run / "files/etc/x").read_text(), "text")
        self.assertEqual(json.loads((run / "request.json").read_text()), {"run": "run-1"})
        agent = {path.name: path.read_text() for path in (run / "agent").iterdir()}
        self.assertEqual(agent, {path.name: path.read_text() for path in PACKAGE.glob("*.py")})
        for path in (run, run / "agent", run / "agent/job.py", run / "files/etc/x", run / "request.json"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_members_that_reach_out_are_refused(self):
        link = tarfile.TarInfo("files/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        hard = tarfile.TarInfo("files/hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "/etc/shadow"
        device = tarfile.TarInfo("files/device")
        device.type = tarfile.CHRTYPE
        members = [link, hard, device]
        members += [tarfile.TarInfo(name) for name in ("../x", "/etc/x", "files/../../x", "agent/x", "files//x")]
        for member in members:
            said = self.push(archive({}, [member]))
            self.assertIn("may not be in it", said[0]["what"], member.name)
            self.assertEqual(self.runs(), [], member.name)

    def test_a_cut_off_tar_starts_nothing(self):
        whole = archive({"files/etc/x": "text", "files/etc/y": "text"})
        for end in (0, 512, 1000, 1536, 2048):
            said = self.push(whole[:end])
            self.assertIn("did not arrive as a whole", said[0]["what"], end)
            self.assertEqual(self.runs(), [])

    def test_a_name_that_reaches_out_is_refused(self):
        self.assertIn("cannot be a run's name", self.push(archive({}), run="../x")[0]["what"])

    def test_a_state_folder_of_somebody_else_is_refused(self):
        (self.folder / "state").mkdir()
        (self.folder / "state" / "runs").symlink_to("/etc")
        self.assertEqual(self.push(archive({}))[0]["type"], "verdict")

    def test_five_runs_are_kept(self):
        for number in range(8):
            self.push(archive({}), run=f"run-{number}")
            os.utime(self.folder / "state" / "runs" / f"run-{number}", (number, number))
        self.assertEqual(self.runs(), [f"run-{number}" for number in range(3, 8)])


class TestFollowing(Temporary):
    """What follow tells of a run's events."""

    def follow(self, content, units=()):
        run = self.folder / "runs" / "run-1"
        run.mkdir(parents=True)
        (run / "events.jsonl").write_bytes(content)
        (run / "phase").write_text("units\n")
        with_state(self, self.folder)
        self.replace(follow, units=lambda asked: dict(units))
        said = []
        follow.follow("run-1", said.append)
        return said

    def test_the_verdict_ends_it(self):
        said = self.follow(b'{"type":"step"}\nno event\n\xff\n[1]\n{"type":"verdict","ok":true}\n{"type":"late"}\n')
        self.assertEqual([event["type"] for event in said], ["step", "line", "line", "line", "verdict"])

    def test_a_dead_run_gets_a_verdict(self):
        unit = {"active": "inactive", "description": "labctl-apply.service"}
        said = self.follow(b'{"type":"step"}\n{"type":"verd', {"labctl-apply.service": unit}.items())
        self.assertEqual(said[-1]["step"], "units")
        self.assertIn("without a verdict", said[-1]["what"])

    def test_an_unknown_run_gets_a_verdict(self):
        with_state(self, self.folder)
        said = []
        follow.follow("../../etc", said.append)
        self.assertIn("knows no apply", said[0]["what"])


class TestFiles(Temporary):
    """What the probe tells of odd files."""

    def live(self, path, *arguments):
        return probe.live_file(str(path), *arguments)

    def test_content_comes_only_where_it_is_wanted(self):
        path = self.folder / "a\udcff b\n"
        path.write_bytes(b"text")
        path.chmod(0o640)
        digest = hashlib.sha256(b"text").hexdigest()
        self.assertEqual(self.live(path, "other")["content"], "text")
        self.assertEqual(self.live(path, "other")["mode"], "0640")
        self.assertNotIn("content", self.live(path, digest))
        self.assertNotIn("content", self.live(path, None, False, False))
        secret = self.live(path, None, True)
        self.assertTrue({"sha256", "content"}.isdisjoint(secret), secret)

    def test_what_is_no_text_has_no_content(self):
        for content in (b"\xff", b"a\0b", b"x" * (256 * 1024 + 1)):
            (self.folder / "x").write_bytes(content)
            facts = self.live(self.folder / "x", "other")
            self.assertNotIn("content", facts)
            self.assertEqual(facts["sha256"], hashlib.sha256(content).hexdigest())

    def test_what_is_no_file_is_only_named(self):
        os.mkfifo(self.folder / "pipe")
        (self.folder / "link").symlink_to("nowhere")
        with open(self.folder / "huge", "wb") as huge:
            huge.truncate(1 << 40)
        kinds = {"pipe": "other", "link": "link", "huge": "file", ".": "directory"}
        for name, kind in kinds.items():
            facts = self.live(self.folder / name, "other")
            self.assertEqual(facts["kind"], kind)
            self.assertNotIn("sha256", facts)
        self.assertIsNone(self.live(self.folder / "absent"))
        self.assertIsNone(self.live("nul\0"))

    def test_what_a_host_says_is_ascii(self):
        output = io.TextIOWrapper(io.BytesIO())
        with mock.patch.object(sys, "stdout", output):
            common.speaker("n")({"\udcff\u00e9": "\udcff"})
        self.assertEqual(output.buffer.getvalue(), b'n {"?\\u00e9": "?"}\n')


class TestKeys(Temporary):
    """What the probe tells of `authorized_keys`."""

    def test_a_line_ends_where_sshd_ends_it(self):
        key = "ssh-ed25519 AAAA my\u2028laptop\x0c"
        (self.folder / ".ssh").mkdir(mode=0o700)
        (self.folder / ".ssh/authorized_keys").write_text(f"# mine\n\n{key}x\r\nother\n", newline="")
        entry = SimpleNamespace(pw_dir=str(self.folder), pw_uid=os.getuid())
        lines, _ = probe.authorized_keys(entry)
        self.assertEqual(lines, [f"{key}x", "other"])


class TestDisk(Temporary):
    """What the probe tells of the disk, which a container does not have."""

    def test_root_disk(self):
        partition = self.folder / "devices" / "nvme0n1" / "nvme0n1p1"
        partition.mkdir(parents=True)
        sizes = {"../size": 16777216, "start": 2048, "size": 8388608, "partition": 1}
        for name, size in sizes.items():
            (partition / name).write_text(f"{size}\n")
        (self.folder / "259:1").symlink_to(partition)
        mounts = "21 1 0:20 / /proc rw - proc proc rw\n26 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        read = machine.text
        self.replace(
            machine,
            text=lambda path: mounts if path == "/proc/self/mountinfo" else read(path),
            BLOCK_DEVICES=str(self.folder),
            filesystem_bytes=lambda path, filesystem: (path, filesystem),
        )
        expected = {
            "partition": "/dev/nvme0n1p1",
            "device_bytes": 8 << 30,
            "limit_bytes": 8 << 30,
            "partition_start_bytes": 1 << 20,
            "partition_end_bytes": (4 << 30) + (1 << 20),
            "filesystem": "ext4",
            "filesystem_bytes": ("/dev/nvme0n1p1", "ext4"),
        }
        self.assertEqual(machine.root_disk(), expected)
        # One that lies behind it is in its way, and one before it is not.
        for name, start in (("nvme0n1p2", 12582912), ("nvme0n1p14", 64)):
            other = partition.parent / name
            other.mkdir()
            (other / "partition").write_text("2\n")
            (other / "start").write_text(f"{start}\n")
        self.assertEqual(machine.root_disk(), {**expected, "limit_bytes": 6 << 30})

    def test_sizes_of_file_systems(self):
        path = self.folder / "image"
        for kind, size in (("ext4", 64 << 20), ("xfs", 400 << 20)):
            path.write_bytes(b"")
            os.truncate(path, size)
            if tool := shutil.which(f"mkfs.{kind}", path="/usr/sbin:/sbin"):
                subprocess.run([tool, "-q", path], check=True)
                self.assertEqual(machine.filesystem_bytes(str(path), kind), size, kind)


class TestLastApply(Temporary):
    """Which gates the doctor tries: those of the last apply, and not those that the plan would have now."""

    PLANNED = [
        {"kind": "active", "unit": "nginx.service"},
        {"kind": "active", "unit": "new.service"},
        {"kind": "nginx", "hash": "planned"},
    ]

    def setUp(self):
        super().setUp()
        with_state(self, self.folder)
        self.tried, self.waiting_for = [], []
        self.replace(
            doctor,
            condition=lambda wish: self.waiting_for.append(wish) or {"type": "machine"},
            probe=lambda asked: {"asked": asked},
            try_gates=lambda gates, _is_deep, _say: self.tried.extend(gates),
        )

    def look(self, noted, sha256="planned"):
        """Looks at a server with these notes; gives what it says of the last apply."""
        if noted is not None:
            noted = {"format": 1, "files": {"/etc/nginx.conf": {"sha256": "noted"}, "/etc/token": {"sha256": ""}}, **noted}
            (self.folder / "manifest.json").write_text(json.dumps(noted))
        files = [{"path": "/etc/nginx.conf", "sha256": sha256}, {"path": "/etc/token", "sha256": None}]
        model = {"unit": "planned.service", "link": "/planned"}
        self.tried.clear()
        said = []
        asked = {"gates": self.PLANNED, "model": model, "probe": {"files": files}, "deep": False}
        doctor.look(asked, said.append)
        self.assertEqual([told["type"] for told in said], ["machine", "applied", "facts", "done"])
        return said[1]

    def test_a_recorded_apply_is_tried_as_it_was(self):
        gates = [{"kind": "nginx", "hash": "applied"}, {"kind": "page", "name": "what has left the plan"}]
        model = {"unit": "applied.service", "link": "/applied"}
        record = {"gates": [*gates, "no gate", {}], "model": model, "names": ["lab.example"], "https": "files"}
        said = self.look({"applied": record})
        expected = {"type": "applied", "state": "recorded", "left_out": 0, "names": ["lab.example"], "https": "files"}
        self.assertEqual(said, expected)
        self.assertEqual(self.tried, gates)
        self.assertEqual(self.waiting_for, [model])

    def test_without_a_record_only_what_is_applied_is_tried(self):
        notes = {"units": {"nginx.service": {}}}
        said = self.look(notes)
        self.assertEqual((said["state"], said["left_out"]), ("unrecorded", 2))
        self.assertEqual(self.tried, self.PLANNED[:1])
        # Where the plan is what was applied, its gates are those of the apply.
        said = self.look(notes, sha256="noted")
        self.assertEqual((said["state"], said["left_out"]), ("unrecorded", 0))
        self.assertEqual(self.tried, self.PLANNED)
        self.assertEqual(self.waiting_for[-1]["unit"], "planned.service")

    def test_a_server_without_a_successful_apply_has_no_gates(self):
        for noted in (None, {"applied": {}}, {"applied": None}, {"applied": {"gates": "strange"}}, {"format": 2}):
            self.assertEqual(self.look(noted)["state"], "none", noted)
            self.assertEqual(self.tried, [])
            self.assertIsNone(self.waiting_for[-1])

    def test_strange_notes_do_not_stop_the_look(self):
        for noted in ({"units": 1}, {"files": []}, {"units": None, "files": {"/a": 1}}):
            self.assertEqual(self.look(noted)["state"], "unrecorded", noted)


if __name__ == "__main__":
    unittest.main()
