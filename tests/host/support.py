"""What the tests of the programs on the server share: the programs, archives for push, and a server to talk to."""

import io
import json
import os
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = HERE.parent.parent / "src" / "host"
NONCE = "nonce-of-the-test"
PROGRAMS = {
    "probe": ("common.py", "machine.py", "probe.py"),
    "follow": ("common.py", "follow.py"),
    "push": ("common.py", "push.py", "follow.py"),
    "doctor": ("common.py", "machine.py", "doctor.py", "probe.py"),
}
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


def program(name):
    """Puts a program together as the laptop does."""
    return "\n".join((HOST / "remote" / part).read_text() for part in PROGRAMS[name])


def loaded(name, state):
    """Loads a program without running it, with another folder for its state; what it says is collected."""
    names = {"__name__": "labctl"}
    exec(compile(program(name), name, "exec"), names)
    said = []
    names.update(STATE=str(state), RUNS=str(state / "runs"), said=said, say=said.append)
    return names


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


def with_agent(**files):
    """Makes a tar with the agent and other files."""
    return archive({"agent/__main__.py": AGENT, **files})


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
        source = (HOST / "protocol.rs").read_text()
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
        script = program(name).encode()
        asked = json.dumps({"nonce": NONCE, **request}).encode()
        process.stdin.write(b"%d\n%s%d\n%s%s" % (len(script), script, len(asked), asked, payload))
        process.stdin.close()
        return process

    def run(self, name, request, payload=b""):
        """Runs a program over SSH and gives what it said; every line must be ours."""
        process = self.begin(name, request, payload)
        said = process.stdout.read().decode("ascii").splitlines()
        process.stdout.close()
        assert process.wait() == 0, (process.returncode, said)
        return [json.loads(line.removeprefix(NONCE + " ")) for line in said]

    def probe(self, **request):
        (facts,) = self.run("probe", request)
        return facts
