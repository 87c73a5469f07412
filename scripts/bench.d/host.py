"""Measures labctl, beside Ansible and pyinfra, on a host where nothing is to be done.

    scripts/bench host [--latency 0,50] [--repeat 3] [--only TOOL[,TOOL]]
                       [--plan FILE] [--json FILE]

Hosts are containers of tests/host/container: Debian with systemd and sshd. One is set up by labctl
from scripts/bench.d/host.yaml, the other by Ansible from scripts/bench.d/peers/site.yaml: 15 files
from templates, 10 packages, 6 services; peers/deploy.py is the same for pyinfra. labctl's part
is more: it also asks AWS (the emulator) whether the cloud's half is as planned. All go to their
host through bench.d/slow_link.py, with the same key, and each run begins without a connection.

Ansible and pyinfra come from PyPI, pinned in bench.d/peers, into target/bench-venv
(LABCTL_BENCH_VENV=DIR names another folder); what cannot be installed is left out.

    wall         seconds from start to exit: the median of the runs, and the fastest and slowest
    round trips  how often the tool waited for the host, TCP's handshake included
    logins       connections that logged in, as the host's sshd logged them
    execs        commands and file transfers that sshd was asked for
    memory       peak resident size; for Ansible and pyinfra the largest sum over their processes
    load         /proc/loadavg, the last minute, when the first run began: above 1, something else ran

Exits 1 when a run changes something or fails, or labctl needs more than one login, one exec and ten
round trips.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measuring import ROOT, aws_environment, base_environment, cost, labctl_binary, running_emulator

HERE = ROOT / "scripts/bench.d"
PEERS = HERE / "peers"
CONTAINER = ROOT / "tests/host/container"
# what one run of labctl may take at most
TARGETS = {"logins": 1, "execs": 1, "round_trips": 10}


class Host:
    """A container, and what its sshd logged."""

    def __init__(self, name, public_key):
        self.name = name
        facts = subprocess.run([CONTAINER, "up", name, public_key], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.port = json.loads(facts)["ssh_port"]
        self.sh("echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/00-bench.conf && systemctl reload ssh")

    def sh(self, line):
        command = ["docker", "exec", self.name, "sh", "-c", line]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def visits(self):
        log = self.sh("journalctl --sync; journalctl --quiet --identifier sshd --output cat")
        count = lambda words: len(re.findall(rf"^{words} ", log, re.MULTILINE))
        return {"logins": count("Accepted publickey for"), "execs": count("Starting session:")}

    def remove(self):
        subprocess.run([CONTAINER, "down", self.name], check=False)


class Link:
    """The way to a host."""

    def __init__(self, port, latency_ms):
        command = [sys.executable, HERE / "slow_link.py", str(port), str(latency_ms)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def counts(self):
        """What has passed since it was asked last."""
        print(file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.communicate()


class Labctl:
    """Keeps a host of its own, and asks the emulator."""

    with_children = False

    def __init__(self, folder, hosts):
        self.folder, self.host = folder, hosts("labctl")
        self.environment = base_environment(folder.parent) | aws_environment(hosts.emulator)
        self.apply = [labctl_binary(), "apply", "-f", hosts.plan, "--yes"]

    def set_up(self, link):
        plan = [self.apply[0], "plan", *self.apply[2:4], "--json"]
        planned = subprocess.run(plan, env=self.through(link), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        kinds = Counter(kind_of(change["path"]) for change in json.loads(planned.stdout)["host"]["changes"])
        print("labctl keeps " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()), file=sys.stderr)
        spent = cost([*self.apply, "--json"], self.through(link), self.folder)
        print(f"labctl: the first apply took {spent['wall_s']} s, of it on the host:", file=sys.stderr)
        for line in (self.folder / "out.log").read_text().splitlines():
            event = json.loads(line).get("host") or {} if line.startswith("{") else {}
            if event.get("type") == "done":
                print(f"  {event['seconds']:6.1f} s  {event['step']}", file=sys.stderr)

    def command(self, link):
        return self.apply, self.through(link)

    def through(self, link):
        return self.environment | {"LABCTL_CONNECT_TO": f"127.0.0.1:{link.port}"}

    def changed(self, output):
        return not re.search(r"(?m)^  no changes: the server is as the plan says", output)

    def close(self):
        pass


def kind_of(path):
    """The kind of what labctl keeps on a host, from its name in `plan --json`."""
    return "files, secrets and environments" if path.startswith("/") else path.split(".")[0] + "s"


class Peer:
    """What Ansible and pyinfra have in common: a venv, one host for both, a copy of peers/."""

    with_children = True

    def __init__(self, folder, hosts):
        self.folder, self.host = folder, hosts("peers")
        self.bin = venv(self.package) / "bin"
        shutil.copytree(PEERS, folder, dirs_exist_ok=True)
        self.environment = base_environment(folder.parent)
        self.key = folder.parent / "home/.ssh/id_ed25519"

    def set_up(self, link):
        command, environment = self.command(link)
        cost(command, environment, self.folder)
        self.close()
        self.host.sh("test $(ls /etc/bench/part-*.conf | wc -l) = 9")
        self.host.sh("systemctl is-active --quiet bench-worker-1 bench-worker-2 bench-worker-6")


class Ansible(Peer):
    package = "ansible"
    pipelining = "0"

    def command(self, link):
        known = self.folder / "known_hosts"
        (self.folder / "inventory").write_text(
            f"host ansible_host=127.0.0.1 ansible_port={link.port} ansible_user=ubuntu ansible_python_interpreter=/usr/bin/python3\n"
        )
        environment = self.environment | {
            "ANSIBLE_PIPELINING": self.pipelining,
            "ANSIBLE_PRIVATE_KEY_FILE": str(self.key),
            "ANSIBLE_SSH_COMMON_ARGS": f"-F none -o UserKnownHostsFile={known} -o StrictHostKeyChecking=accept-new",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "control"),
            "ANSIBLE_NOCOLOR": "1",
        }
        return [self.bin / "ansible-playbook", "-i", "inventory", "site.yaml"], environment

    def changed(self, output):
        return not re.search(r"ok=\d+ +changed=0 .*unreachable=0 +failed=0", output)

    def close(self):
        # The connection is kept for a minute, for whoever comes next.
        for socket in (self.folder / "control").glob("*"):
            subprocess.run(["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "host"], stderr=subprocess.DEVNULL, check=False)


class Pipelined(Ansible):
    pipelining = "1"


class Pyinfra(Peer):
    package = "pyinfra"

    def command(self, link):
        data = {
            "ssh_hostname": "127.0.0.1", "ssh_port": link.port, "ssh_user": "ubuntu", "ssh_key": str(self.key),
            "ssh_known_hosts_file": str(self.folder / "known_hosts"), "ssh_strict_host_key_checking": "accept-new",
        }
        (self.folder / "inventory.py").write_text(f"hosts = [('host', {data!r})]\n")
        return [self.bin / "pyinfra", "-y", "inventory.py", "deploy.py"], self.environment

    def changed(self, output):
        total = re.search(r"(?m)^ *(?:Grand total|Total).*$", output)
        return total is None or re.findall(r"\d+|-", total[0])[1] not in ("0", "-")

    def close(self):
        pass


TOOLS = {"labctl": Labctl, "Ansible": Ansible, "Ansible, pipelining": Pipelined, "pyinfra": Pyinfra}


class Missing(Exception):
    """Why a tool cannot be measured here."""


def venv(package):
    """Makes or reuses the virtual environment of a peer."""
    folder = Path(os.environ.get("LABCTL_BENCH_VENV", ROOT / "target/bench-venv")) / package
    pins = PEERS / f"{package}.txt"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        for command in [[sys.executable, "-m", "venv", folder], [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", pins]]:
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise Missing(f"it cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        stamp.write_text(pins.read_text())
    return folder


@contextmanager
def hosts_of(folder, emulator, plan):
    """Gives a function that starts a host, or gives the one that it started under that name."""
    base_environment(folder)
    hosts = {}

    def host(name):
        if name not in hosts:
            hosts[name] = Host(f"labctl-bench-{os.getpid()}-{name}", folder / "home/.ssh/id_ed25519.pub")
        return hosts[name]

    host.emulator, host.plan = emulator, plan
    try:
        yield host
    finally:
        for one in hosts.values():
            one.remove()


def measure(name, tool, link, latency, repeat):
    """Runs a tool where nothing is to be done, and gives the medians."""
    load = float(Path("/proc/loadavg").read_text().split()[0])
    runs = []
    for _ in range(repeat):
        before = tool.host.visits()
        link.counts()
        command, environment = tool.command(link)
        spent = cost(command, environment, tool.folder, with_children=tool.with_children)
        tool.close()
        output = (tool.folder / "out.log").read_text()
        if tool.changed(output):
            raise SystemExit(f"{name} has changed something:\n{output[-3000:]}")
        after = tool.host.visits()
        spent |= link.counts() | {key: after[key] - before[key] for key in after}
        runs.append(spent)
    median = {key: statistics.median(values) if None not in values else None for key in runs[0] for values in [[run[key] for run in runs]]}
    walls = [run["wall_s"] for run in runs]
    return {"tool": name, "latency_ms": latency, "load": load} | median | {"fastest_s": min(walls), "slowest_s": max(walls)}


def print_row(row):
    number = lambda value: "–" if value is None else f"{value:g}"
    wall = f"{row['wall_s']:.2f} s ({row['fastest_s']:.2f}–{row['slowest_s']:.2f})"
    cells = [row["tool"], f"{row['latency_ms']} ms", wall, number(row["round_trips"]), number(row["logins"]), number(row["execs"])]
    cells += [f"{row['cpu_s']:.2f} s", f"{row['memory_mb']:g} MB", row["load"]]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def is_within(row):
    return row["tool"] != "labctl" or all((row[key] or 0) <= most for key, most in TARGETS.items())


def main(words):
    parser = argparse.ArgumentParser(prog="bench host", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", default="0,50", help="added latency in ms (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the median counts (default: %(default)s)")
    parser.add_argument("--only", default=",".join(tool for tool in TOOLS if "," not in tool), help="measure only these (default: %(default)s)")
    parser.add_argument("--plan", type=Path, default=HERE / "host.yaml", help="what labctl keeps (default: bench.d/host.yaml)")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args(words)
    wanted = options.only.split(",")

    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="labctl-bench-")))
        emulator = stack.enter_context(running_emulator(folder))
        hosts = stack.enter_context(hosts_of(folder, emulator, options.plan.resolve()))
        tools = {}
        for name, kind in TOOLS.items():
            if name.split(",")[0] not in wanted:
                continue
            place = folder / kind.__name__
            place.mkdir()
            try:
                tools[name] = kind(place, hosts)
            except Missing as missing:
                print(f"{name} is left out: {missing}", file=sys.stderr)
        for name, tool in tools.items():
            link = Link(tool.host.port, 0)
            stack.callback(link.close)
            tool.set_up(link)
        print("| tool | added latency | wall | round trips | logins | execs | CPU | memory | load |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for latency in [int(ms) for ms in options.latency.split(",")]:
            for name, tool in tools.items():
                link = Link(tool.host.port, latency)
                stack.callback(link.close)
                rows.append(measure(name, tool, link, latency, options.repeat))
                print_row(rows[-1])
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if rows and all(map(is_within, rows)) else 1
