"""First step: makes sure that nothing is in the way, before anything is changed."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import dpkg, listeners, users
from .failure import FREE_SPACE, Failure
from .job import plural

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from .job import Job
    from .messages import Verdict

MEBIBYTE = 1 << 20
ROOM_IN_INODES = 20_000
MEMORY_FOR_AN_ENVIRONMENT = 700 * MEBIBYTE
LOCK_SECONDS = 60


@contextmanager
def alone(job: Job) -> Iterator[None]:
    """Holds the lock of the host, so that two runs never mix; the kernel frees it on any death."""
    job.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(job.state / "lock", "a+b") as lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise Failure(
                    "another run of labctl holds the lock on the server",
                    "wait for it to end, then run `labctl apply` again",
                )
            time.sleep(0.2)
        _close_dead_runs(job)
        yield


def prepare(job: Job) -> None:
    """Checks what can be checked in advance, and waits for what is still busy."""
    _refuse_folders(job)
    _refuse_taken_ports(job)
    users.refuse_names_of_groups(job)
    if not job.request["grow_root"]:
        check_room(job)
    _wait_for_cloud_init(job)
    if job.request["packages"] or job.request.get("downloads"):
        dpkg.wait_for_locks(job)
        dpkg.finish_interrupted(job)


def check_room(job: Job) -> None:
    """Fails while it is still early if disk or memory cannot hold what is to come."""
    request = job.request
    builds = [item for item in request["environments"] if not is_complete(job, item["target"])]
    needed = request["room"] + sum(item["room"] for item in builds)
    swap = request.get("swap")
    if swap and not job.at(swap["path"]).exists():
        needed += swap["bytes"]
    disk = os.statvfs(job.root)
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        raise Failure(
            f"the server's disk has {free // MEBIBYTE} MiB free, and this run needs about {needed // MEBIBYTE} MiB",
            FREE_SPACE,
        )
    if disk.f_files and disk.f_favail < ROOM_IN_INODES:
        raise Failure(f"the server's disk can hold only {plural(disk.f_favail, 'more file')}", FREE_SPACE)
    if builds:
        _check_memory(swap["bytes"] if swap else 0)


def is_complete(job: Job, target: str) -> bool:
    """Whether an environment was built to its end."""
    return (job.at(target) / ".labctl-complete").exists()


def _check_memory(coming_swap: int) -> None:
    amounts = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, amount = line.split(":")
        amounts[name] = int(amount.split()[0]) * 1024
    usable = amounts["MemAvailable"] + amounts["SwapFree"] + coming_swap
    if usable < MEMORY_FOR_AN_ENVIRONMENT:
        raise Failure(
            f"the server has only {usable // MEBIBYTE} MiB of memory and swap to spare, and "
            f"installing Python packages needs about {MEMORY_FOR_AN_ENVIRONMENT // MEBIBYTE} MiB",
            "stop notebooks that are running, add swap, or choose a larger server type",
        )


def _refuse_folders(job: Job) -> None:
    """A folder where a file or link is to be is somebody's work: it is not touched."""
    files = [file["path"] for file in job.request["files"] + job.request["remove"]]
    links = [linked["link"] for linked in job.request["environments"] + job.request["trees"]]
    blocked = [path for path in files if job.at(path).is_dir() and not job.at(path).is_symlink()]
    blocked += [p for p in links if job.at(p).exists() and not job.at(p).is_symlink()]
    if blocked:
        names = ", ".join(f"`{path}`" for path in blocked)
        raise Failure(
            f"something that labctl did not make is in the way: {names}",
            "move it to another name on the server, then run `labctl apply` again",
        )


def _refuse_taken_ports(job: Job) -> None:
    """Names every process that holds a port which a unit of labctl needs."""
    found = listeners.listeners()
    # A port may go from one unit of the lab to another.
    ours = {unit["name"] for unit in job.request["units"]}
    taken = []
    stops = []
    for port in job.request.get("ports", []):
        inodes = [inode for _, inode in found.get(port["port"], [])]
        owner = listeners.holder(inodes) if inodes else None
        if not inodes or (owner and owner[2] in {port["unit"], *ours}):
            continue
        taken.append(f"port {port['port']} is taken by {_describe(owner)}")
        stops.append(_way_out(owner))
    if taken:
        raise Failure(
            "; ".join(taken),
            " and ".join(dict.fromkeys(stops)) + ", then run `labctl apply` again",
        )


def _describe(owner: listeners.Holder | None) -> str:
    if owner is None:
        return "a process that cannot be seen from the server's own processes"
    name, process, unit = owner
    return f"`{name}` (process {process}" + (f" of `{unit}`)" if unit else ")")


def _way_out(owner: listeners.Holder | None) -> str:
    if owner is None:
        return "stop whatever listens there"
    name, process, unit = owner
    if unit and unit.endswith((".service", ".socket")) and not unit.startswith("user@"):
        return f"`sudo systemctl disable --now {unit}`"
    return f"end `{name}` with `sudo kill {process}`"


def _wait_for_cloud_init(job: Job) -> None:
    """On its first boot a server is still being set up: users, keys and packages change."""
    state = job.at("/run/cloud-init")
    # The program itself takes a third of a second to say that all is done.
    is_done = (state / "result.json").exists() or (state / "disabled").exists()
    if is_done or not job.at("/usr/bin/cloud-init").exists():
        return
    answer = job.tools.attempt(["cloud-init", "status", "--wait"], timeout=900)
    # 2 means that it recovered from what went wrong.
    if answer.code not in (0, 2):
        job.journal.warn(
            "cloud-init did not end well on this server",
            "look at `sudo cloud-init status --long`; labctl goes on",
        )


def _close_dead_runs(job: Job) -> None:
    """Gives each run that died without a verdict one. Whoever holds the lock is the only one alive."""
    for folder in sorted(job.folder.parent.iterdir()):
        events = folder / "events.jsonl"
        if folder == job.folder or not events.is_file():
            continue
        with open(events, "r+b") as file:
            lines = file.read().splitlines()
            if any(b'"type": "verdict"' in line for line in lines[-3:]):
                continue
            phase = folder / "phase"
            step = phase.read_text() if phase.exists() else "prepare"
            verdict: Verdict = {
                "type": "verdict",
                "ok": False,
                "seconds": 0.0,
                "run": folder.name,
                "step": step,
                "what": f"the run died in step `{step}`; run `{job.name}` follows it",
                "help": None,
                "log": [],
                "rolled_back": False,
                "proved": False,
                "cut_off": True,
            }
            file.write(b"\n" + json.dumps(verdict).encode() + b"\n")


def _try_lock(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
