"""What the tests of the programs on the server share: the programs, archives for push, and a server to talk to."""

import importlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = ROOT / "python" / "agent" / "agent"
sys.path.insert(0, str(PACKAGE.parent))
NONCE = "nonce-of-the-test"
# Says what the request tells it to say, and lives as long as it tells it to.
AGENT = """
import json, os, sys, time
folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
request = json.load(open(folder + "/request.json"))
with open(folder + "/phase", "w") as phase:
    phase.write("packages")
with open(folder + "/events.jsonl", "a", buffering=1) as events:
    print(json.dumps({"type": "step", "step": "packages", "title": "install"}), file=events)
    time.sleep(request["seconds"])
    print("the last words", file=sys.stderr)
    if request["verdict"]:
        print(json.dumps({"type": "verdict", "ok": True, "run": request["run"]}), file=events)
"""


def package(**others):
    """Packs the agent as the laptop does, with other texts for some of its modules."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(PACKAGE.glob("*.py")):
            archive.writestr(f"agent/{path.name}", others.get(path.stem) or path.read_text())
    return data.getvalue()


def with_state(test, folder):
    """Lets the modules of the agent that know where labctl's state lies take another folder, until a test ends."""
    for name in ("common", "doctor", "follow", "machine", "probe", "push"):
        module = importlib.import_module(f"agent.{name}")
        for constant, place in (("STATE", folder), ("RUNS", folder / "runs")):
            if hasattr(module, constant):
                patch = mock.patch.object(module, constant, str(place))
                patch.start()
                test.addCleanup(patch.stop)


def archive(files, extra=()):
    """Makes a tar of files and of ready members."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content.encode())
            tar.addfile(member, io.BytesIO(content.encode()))
        for member in extra:
            tar.addfile(member)
    return data.getvalue()


def container(*arguments):
    """Runs `container`, and gives what it prints of a host."""
    return json.loads(subprocess.run([HERE / "container", *arguments], stdout=subprocess.PIPE, check=True).stdout or "{}")


def inside(host, *command):
    """A command that runs on a host as root; `docker exec` takes twenty times as long."""
    entering = ["nsenter", "--target", str(host["pid"]), "--all", "--", "env", "--ignore-environment", "HOME=/root"]
    return [*entering, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *command]


class Server:
    """A container, spoken to as the laptop speaks to a server."""

    def __init__(self):
        self.name = f"labctl-test-remote-{os.getpid()}"
        self.scratch = tempfile.TemporaryDirectory()
        self.key = f"{self.scratch.name}/key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.host = container("up", self.name, f"{self.key}.pub")
        self.port = str(self.host["ssh_port"])
        source = (ROOT / "src/host/protocol.rs").read_text()
        self.command = re.search(r'COMMAND: &str = "(.*?)";', source, re.DOTALL).group(1).replace('\\"', '"')

    def close(self):
        container("down", self.name)
        self.scratch.cleanup()

    def restart(self):
        """Reboots it."""
        self.host = container("restart", self.name)

    def shell(self, command):
        """Runs a command as root; it must succeed."""
        shell = inside(self.host, "bash", "-c", command)
        done = subprocess.run(shell, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def begin(self, name, request, payload=b""):
        """Starts a program over SSH; its input is sent, its output is open."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        options = [part for option in options for part in ("-o", option)]
        process = subprocess.Popen(
            ["ssh", "-i", self.key, "-p", self.port, *options, "ubuntu@127.0.0.1", self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        program = package(__main__=AGENT)
        asked = json.dumps({"nonce": NONCE, **request}).encode()
        process.stdin.write(b"%s %d\n%s%d\n%s%s" % (name.encode(), len(program), program, len(asked), asked, payload))
        process.stdin.close()
        return process

    def run(self, name, request, payload=b""):
        """Runs a program over SSH and gives what it said; every line must be ours."""
        process = self.begin(name, request, payload)
        said = process.stdout.read().decode("ascii").splitlines()
        process.stdout.close()
        assert process.wait() == 0, (process.returncode, said)
        return [json.loads(line.removeprefix(NONCE + " ")) for line in said]

    def probe(self, **asked):
        """Asks for some things and for none of the others."""
        nothing = {name: [] for name in ("files", "users", "units", "packages", "links", "ports")}
        (facts,) = self.run("probe", {**nothing, **asked})
        return facts
