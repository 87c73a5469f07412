"""Gates that look at the host itself: units, ports, the instance metadata, a notebook."""

from __future__ import annotations

import json
import pwd
import subprocess
import sys
import time
from importlib import resources
from typing import TYPE_CHECKING

from . import listeners, systemd
from .machine import is_container

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .job import Job
    from .messages import IsolationGate, KernelGate, LoopbackGate, MetadataGate

SETTLE_SECONDS = 1.0
HUB_PYTHON = "/opt/jupyterhub/bin/python"
KERNEL_SECONDS = 180
# For each kernel besides the first, which had to wait for the user's server.
ONE_MORE_KERNEL_SECONDS = 60
# JupyterLab's own.
DEFAULT_KERNEL = "python3"
# Prints `open`, `silent` (nobody answers) or `closed`; run as the user in question.
KNOCK = """
import socket
try:
    socket.create_connection(("169.254.169.254", 80), timeout=3).close()
    print("open")
except TimeoutError:
    print("silent")
except OSError:
    print("closed")
"""
# Prints what is open to a program that should find all of it closed; run as the user in question. 511 is a port of
# nobody's below 1024, and 481 the one of JupyterHub's proxy for root alone.
BREAK_OUT = """
import os, socket
with socket.socket() as service:
    try:
        service.bind(("127.0.0.1", 511))
        print("listen on a port of services")
    except PermissionError:
        pass
try:
    socket.create_connection(("127.0.0.1", 481), timeout=3).close()
    print("connect to JupyterHub's proxy past NGINX")
except OSError:
    pass
if os.path.exists("/proc/1"):
    print("see the processes of others")
"""


class Refused(Exception):
    """A gate does not hold (yet, unless it is final)."""

    def __init__(self, reason: str, is_final: bool = False, log: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.is_final = is_final
        self.log = list(log)


class Settling:
    """Sees whether units stay up: a service that dies at once was `active` for a moment, too."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.seen: dict[str, tuple[float, tuple[str | None, str | None]]] = {}

    def begin(self, unit: str) -> None:
        """Notes which process a unit runs as."""
        self.seen[unit] = (time.monotonic(), self._identity(unit))

    def end(self, unit: str) -> str:
        """Holds if it is still the same process a second later."""
        since, before = self.seen[unit]
        time.sleep(max(0.0, since + SETTLE_SECONDS - time.monotonic()))
        if self._identity(unit) != before:
            raise Refused(f"`{unit}` was started again by systemd after it had died", is_final=True)
        return "active"

    def _identity(self, unit: str) -> tuple[str | None, str | None]:
        found = systemd.show(self.job.tools, unit)
        if found["ActiveState"] != "active":
            state = found["ActiveState"]
            raise Refused(f"`{unit}` is {state}", is_final=state in ("failed", "inactive"))
        return found.get("MainPID"), found.get("NRestarts")


def loopback(_job: Job, gate: LoopbackGate) -> str:
    """Nobody but this host reaches the ports behind NGINX."""
    found = listeners.listeners()
    open_ports = []
    for port in gate["ports"]:
        for address in listeners.beyond_loopback(found.get(port, [])):
            open_ports.append(f"port {port} is open on {address}")
    if open_ports:
        raise Refused("; ".join(open_ports))
    return "ports " + ", ".join(map(str, gate["ports"]))


def metadata(job: Job, gate: MetadataGate) -> str:
    """A program of an ordinary user is refused where AWS gives out the server's credentials."""
    for name in gate["users"]:
        answer = _run_as(name, KNOCK)
        if answer != "closed":
            raise Refused(
                f"user `{name}` can reach the instance metadata"
                if answer == "open"
                else f"user `{name}` is not refused at the instance metadata (`{answer}`)"
            )
    return "refused for " + ", ".join(gate["users"])


def isolation(_job: Job, gate: IsolationGate) -> str:
    """A program of an ordinary user takes no service's place, reaches none past NGINX, and sees no other's processes."""
    answer = _run_as(gate["user"], BREAK_OUT)
    # Of a container's kernel, its machine may keep all but the rules of nftables to itself.
    is_left_to_others = is_container() and "NGINX" not in answer
    if answer and not is_left_to_others:
        raise Refused(f"user `{gate['user']}` can {', '.join(answer.splitlines())}")
    return f"ports, services and processes are closed to {gate['user']}"


def _run_as(name: str, program: str) -> str:
    """Runs a program in Python as a user; gives what it prints."""
    account = pwd.getpwnam(name)
    answer = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        cwd="/",
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        timeout=20,
        check=False,
    )
    return answer.stdout.strip()


def kernel(job: Job, gate: KernelGate) -> str:
    """A user's server starts, and a cell of a notebook runs in each of its kernels."""
    # The Hub's Python reads it from a file, and this package may lie in an archive.
    program = job.folder / "kernel_gate.py"
    program.write_bytes(resources.files(__package__).joinpath("kernel_gate.py").read_bytes())
    command = [HUB_PYTHON, "-I", str(program), "--user", gate["user"], "--base", gate["base"]]
    names = gate.get("kernels", [DEFAULT_KERNEL])
    seconds = KERNEL_SECONDS + ONE_MORE_KERNEL_SECONDS * (len(names) - 1)
    command += ["--seconds", str(seconds)]
    for name in names:
        command += ["--kernel", name]
    answer = job.tools.attempt(command, timeout=seconds + 30)
    try:
        result = json.loads(answer.lines[-1])
    except (ValueError, IndexError):
        result = {"ok": False, "detail": "the program that tries it ended without an answer"}
    if answer.code != 0 or not result.get("ok"):
        # It has tried again by itself already.
        log = [*answer.lines[:-1], *_server_journal(job, gate["user"])]
        raise Refused(result["detail"], is_final=True, log=log)
    return str(result["detail"])


def _server_journal(job: Job, user: str) -> list[str]:
    """What the user's own server wrote, which says more than the Hub about why it did not start."""
    return systemd.journal(job.tools, f"jupyter-{user}-*.service")
