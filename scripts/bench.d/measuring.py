"""What the benchmark's parts share: the emulator, a home, the cost of one command."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Emulator:
    def __init__(self, folder):
        python = subprocess.run([ROOT / "scripts/emulator-venv"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.log = open(folder / "emulator.log", "w+")
        self.process = subprocess.Popen([python, ROOT / "tests/emulator/emulator.py"], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"the emulator did not start: see {self.log.name}")
        self.url = "http://" + line.removeprefix("listening on ").strip()

    def control(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(urllib.request.Request(f"{self.url}/labctl-test/{path}", data)) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait()


@contextmanager
def running_emulator(folder):
    emulator = Emulator(folder)
    try:
        yield emulator
    finally:
        emulator.stop()


class PeakMemory(threading.Thread):
    """Watches the memory of a process, and of all below it if asked, until told to stop.

    From /proc, because the ru_maxrss of a child begins with what its parent had, this program.
    """

    def __init__(self, pid, with_children):
        super().__init__(daemon=True)
        self.root, self.with_children, self.peak_kb, self.done = pid, with_children, 0, threading.Event()

    def run(self):
        # looking at a whole family means reading all of /proc: less often
        while not self.done.wait(0.1 if self.with_children else 0.002):
            pids = self.family() if self.with_children else [self.root]
            self.peak_kb = max(self.peak_kb, sum(map(self.high_water_kb, pids)))

    def high_water_kb(self, pid):
        try:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        except OSError:
            return 0
        return int(found.group(1)) if found else 0

    def family(self):
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
        members = [self.root]
        for member in members:
            members += [pid for pid, parent in parents.items() if parent == member]
        return members


def cost(command, environment, folder, expected=0, with_children=False):
    """Runs one command and returns what it cost; its output is in out.log."""
    with open(folder / "out.log", "w+") as out:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        memory = PeakMemory(process.pid, with_children)
        memory.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        memory.done.set()
        memory.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expected:
            out.seek(0)
            raise SystemExit(f"{' '.join(map(str, command))}\nexited {process.returncode}, expected {expected}:\n{out.read()[-3000:]}")
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "memory_mb": round(memory.peak_kb / 1024),
    }


def labctl_binary():
    binary = Path(os.environ.get("LABCTL", ROOT / "target/release/labctl")).resolve()
    if not binary.exists():
        raise SystemExit(f"no {binary}: cargo build --release")
    return binary


def aws_environment(emulator):
    """What sends labctl to the emulator."""
    return {
        "AWS_ENDPOINT_URL": emulator.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true", "LABCTL_MY_IP": "203.0.113.7",
    }


def base_environment(folder):
    """A home of its own with a key, no one's credentials, nothing through a proxy."""
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    key = home / ".ssh/id_ed25519"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", key], check=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_", "LABCTL"))}
    return kept | {"HOME": str(home), "NO_COLOR": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
