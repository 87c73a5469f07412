"""A test host on which the agent runs as it does on a server: started by systemd, from a run's folder."""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

from support import HERE, container, inside

AGENT = HERE.parent.parent / "python/agent/agent"
STATE = "/var/lib/labctl"
UNIT = "labctl-apply"
LIVE = "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1/.labctl/config\").read().decode())'"
# Runs the agent, and ends it as `kill -9` does just after it has noted the phase.
KILLED_IN_PHASE = """
import os, runpy, sys
folder, phase = sys.argv[1:]
sys.path.insert(0, folder)
from agent import journal
enter = journal.Journal.enter
def enter_and_die(self, name):
    enter(self, name)
    if name == phase:
        os.kill(os.getpid(), 9)
journal.Journal.enter = enter_and_die
runpy.run_path(f"{folder}/agent", run_name="__main__")
"""


def empty_request(run):
    """A request that asks for nothing."""
    lists = "packages users environments trees remove_links secrets directories files remove checks ports units gates"
    return {
        "run": run,
        "lab": "test-lab",
        "grow_root": False,
        "room": 200 << 20,
        "swap": None,
        "model": None,
        "apt_mirror": None,
        "installer": (AGENT.parents[2] / "templates/python/installer.lock").read_text(),
        "certificate": False,
        "manifest": {
            "format": 1,
            "lab": "test-lab",
            "files": {},
            "users": {},
            "packages": [],
            "environments": {},
            "units": {},
            "swap": None,
        },
        **{name: [] for name in lists.split()},
    }


def tar_of(request, files):
    """What a run's folder holds before it starts."""
    contents = {"request.json": json.dumps(request).encode()}
    contents.update({f"agent/{path.name}": path.read_bytes() for path in AGENT.glob("*.py")})
    contents.update({f"files{path}": text.encode() for path, text in files.items()})
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


class Outcome:
    """The events of a run, by kind."""

    def __init__(self, text):
        self.events = [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
        last = self.events[-1] if self.events else {"type": "none"}
        self.verdict = last if last["type"] == "verdict" else None

    def texts(self, kind, field="text"):
        """One field of all events of a kind."""
        return [event[field] for event in self.events if event["type"] == kind]

    def __str__(self):
        return "\n".join(json.dumps(event) for event in self.events[-40:])


class Host:
    """A Debian host with systemd in a container, thrown away in the end."""

    def __init__(self, name, *options):
        self.name = name
        self.runs = 0
        with tempfile.TemporaryDirectory() as folder:
            key = Path(folder, "key")
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            self.facts = container("up", name, f"{key}.pub", *options)

    def remove(self):
        """Removes the container."""
        container("down", self.name)

    def shell(self, command, check=True, stdin=b""):
        """Runs a command as root and gives what it printed."""
        full = inside(self.facts, "bash", "-c", command)
        done = subprocess.run(full, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        text = done.stdout.decode("utf-8", "replace")
        if check and done.returncode != 0:
            raise AssertionError(f"`{command}` ended with {done.returncode}:\n{text}")
        return text.strip()

    def succeeds(self, command):
        """Whether a command ends with 0."""
        return subprocess.run(inside(self.facts, "bash", "-c", command), capture_output=True, check=False).returncode == 0

    def new_run(self):
        """A name that sorts behind all earlier ones."""
        self.runs += 1
        return f"20261122T{self.runs:06}Z-0a0b0c"

    def push(self, request, files):
        """Lays a run's folder out; gives its path."""
        folder = f"{STATE}/runs/{request['run']}"
        self.shell(
            f"install -d -m 700 {STATE} {STATE}/runs && mkdir {folder} && tar -x -C {folder}",
            stdin=tar_of(request, files),
        )
        return folder

    def start(self, folder, killed_in=None, wait=True):
        """Starts the agent as the receiving program does."""
        options = "-p Type=exec -p KillMode=mixed -p OOMPolicy=continue -p WorkingDirectory=/ -p Environment=HOME=/root"
        options += f" -p StandardOutput=append:{folder}/agent.log -p StandardError=append:{folder}/agent.log"
        options += " --wait" if wait else ""
        program = f"python3 -I {folder}/agent"
        if killed_in:
            self.shell(f"cat > {folder}/driver.py", stdin=KILLED_IN_PHASE.encode())
            program = f"python3 -I {folder}/driver.py {folder} {killed_in}"
        self.shell(f"systemctl reset-failed {UNIT}.service", check=False)
        self.shell(f"systemd-run --unit={UNIT} --collect --quiet {options} -- {program}", check=False)

    def outcome(self, folder):
        """Reads what a run has told so far."""
        return Outcome(self.shell(f"cat {folder}/events.jsonl", check=False))

    def apply(self, request, files, killed_in=None):
        """Runs a request to its end, whatever that is."""
        folder = self.push(request, files)
        self.start(folder, killed_in)
        return self.outcome(folder)

    def manifest(self):
        """What labctl remembers on the host."""
        return json.loads(self.shell(f"cat {STATE}/manifest.json"))


class Lab:
    """A small desired state: puts requests together as the laptop does."""

    def __init__(self, host):
        self.request = empty_request(host.new_run())
        self.files = {}

    def file(self, path, text, mode="0644", check=None, backup=False):
        """Adds a file, with the check that its kind has."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.files[path] = text
        self.request["files"].append(
            {"path": path, "sha256": digest, "mode": mode, "owner": "root", "group": "root", "backup": backup}
        )
        self.request["manifest"]["files"][path] = {"sha256": digest, "original": None}
        if check:
            wish = {"kind": check, "paths": [path]} if check == "unit" else {"kind": check, "path": path}
            self.request["checks"].append(wish)
        return self

    def unit(self, name, action="restart", inputs=(), enable=True):
        """Adds a unit and what it was started with."""
        self.request["units"].append({"name": name, "action": action, "enable": enable})
        if action != "stop":
            noted = {path: self.request["manifest"]["files"].get(path, {}).get("sha256", "") for path in inputs}
            self.request["manifest"]["units"][name] = {"inputs": noted}
        return self

    def user(self, name, action="create", sudo=False, add=(), remove=()):
        """Adds a user."""
        self.request["users"].append(
            {"name": name, "action": action, "sudo": sudo, "add_keys": list(add), "remove_keys": list(remove)}
        )
        if action != "lock":
            self.request["manifest"]["users"][name] = {"created": True, "gave_sudo": False, "keys": list(add)}
        return self

    def environment(self, name, digest, requirements, kind="python", lock=""):
        """Adds an environment; what its lock has not is locked by the server."""
        target = f"/opt/labctl/{name}-{digest}"
        self.request["environments"].append(
            {
                "name": name,
                "kind": kind,
                "link": f"/opt/{name}",
                "target": target,
                "requirements": requirements,
                "version": None,
                "lock": lock,
                "is_extended": not lock,
                "node": None,
                "index": None,
                "registry": None,
                "room": 400 << 20,
            }
        )
        self.request["manifest"]["environments"][f"/opt/{name}"] = target
        return self

    def want(self, **fields):
        """Sets fields of the request; lists are extended."""
        for name, value in fields.items():
            if isinstance(value, list):
                self.request[name].extend(value)
            else:
                self.request[name] = value
        return self


class OnHost(unittest.TestCase):
    """A class of tests with one host."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.host = Host(f"agent-{cls.__name__.lower()}", *cls.options)
        cls.addClassCleanup(cls.host.remove)

    def ok(self, lab):
        """Applies, and insists on success."""
        outcome = self.host.apply(lab.request, lab.files)
        self.assertIsNotNone(outcome.verdict, f"no verdict:\n{outcome}")
        self.assertTrue(outcome.verdict["ok"], str(outcome))
        return outcome

    def fails(self, lab, step, what, rolled_back=False):
        """Applies, and insists on a failure in a step, in these words."""
        outcome = self.host.apply(lab.request, lab.files)
        self.assertIsNotNone(outcome.verdict, f"no verdict:\n{outcome}")
        verdict = outcome.verdict
        self.assertFalse(verdict["ok"])
        self.assertEqual(verdict["step"], step, str(outcome))
        self.assertRegex(verdict["what"], what)
        self.assertEqual((verdict["rolled_back"], verdict["proved"]), (rolled_back, rolled_back), str(outcome))
        self.assertNotIn("Traceback", str(verdict))
        return outcome

    def live(self):
        """The hash that NGINX serves."""
        return self.host.shell(LIVE)

    def same(self, now, before):
        """Compares two such texts, and shows only what differs."""
        self.assertEqual(set(now.splitlines()) ^ set(before.splitlines()), set())

    def sums(self):
        """What the configuration is, as one text."""
        return self.host.shell(
            "find /etc /opt /usr/local /var/lib/app -xdev -not -path '*/__pycache__*' "
            "-not -path '/opt/labctl/*' \\( -type f -o -type l \\) -printf '%p %m %u %l ' "
            "-a \\( -type l -printf '\\n' -o -exec sha256sum {} \\; \\) 2>/dev/null | sort"
        )
