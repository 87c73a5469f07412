"""The state of the package database: who holds it, and whether an installation was cut off."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from typing import TYPE_CHECKING

from .failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job

LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
LOCK_SECONDS = 600
FINISH_SECONDS = 1800
# needrestart would restart the very run that installs, and people's sessions; labctl restarts what it has to.
NONINTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
REINSTALL = ["apt-get", "install", "--reinstall", "--yes", "--no-remove", "--no-install-recommends", "-q"]
REINSTALL += ["-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Use-Pty=0"]
CONFIGURE = ["dpkg", "--configure", "-a", "--force-confold"]
# struct flock of fcntl(2): type, whence, start, length, process.
FLOCK = "hhqqi4x"


def wait_for_locks(job: Job) -> None:
    """Waits until nobody installs packages, and says for whom it waits."""
    deadline = time.monotonic() + LOCK_SECONDS
    told = None
    while True:
        holder = next(filter(None, (_holder(job.at(path)) for path in LOCKS)), None)
        if holder is None:
            return
        if holder != told:
            job.journal.line(f"waiting for {holder}, which is installing packages")
            told = holder
        if time.monotonic() > deadline:
            raise Failure(
                f"{holder} has held the package database for {LOCK_SECONDS // 60} minutes",
                "wait until it has ended, or reboot the server, then run `labctl apply` again",
            )
        time.sleep(0.5)


def finish_interrupted(job: Job) -> None:
    """Finishes an installation that was cut off; apt refuses to work before."""
    updates = job.at("/var/lib/dpkg/updates")
    pending = updates.is_dir() and any(name.name.isdigit() for name in updates.iterdir())
    if not pending and not job.tools.ask(["dpkg", "--audit"]).lines:
        return
    job.journal.line("an earlier installation was cut off; finishing it")
    what = "an earlier installation of packages was cut off and cannot be finished"
    job.tools.attempt(CONFIGURE, FINISH_SECONDS, NONINTERACTIVE)
    half = _half_installed(job)
    if half:
        # dpkg only complains of a package that was cut off while it was unpacked; apt unpacks it again.
        help = f"mend it with `sudo apt-get install --reinstall {' '.join(half)}`"
        job.tools.run([*REINSTALL, "--", *half], what, help, timeout=FINISH_SECONDS, environment=NONINTERACTIVE)
    if job.tools.ask(["dpkg", "--audit"]).lines:
        help = "mend it with `sudo dpkg --configure -a` and `sudo apt-get --fix-broken install`"
        job.tools.run(CONFIGURE, what, help, timeout=FINISH_SECONDS, environment=NONINTERACTIVE)


def _half_installed(job: Job) -> list[str]:
    """Names the packages that must be unpacked again."""
    form = "${binary:Package} ${db:Status-Eflag} ${db:Status-Status}\\n"
    rows = [line.split() for line in job.tools.ask(["dpkg-query", "--show", "--showformat", form]).lines]
    return [row[0] for row in rows if row[1:2] == ["reinstreq"] or row[2:] == ["half-installed"]]


def _holder(path: Path) -> str | None:
    """Names the process that holds a lock as apt and dpkg take it (fcntl, not flock)."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EACCES):
            return None
        raise
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
    finally:
        os.close(descriptor)
    kind, _, _, _, process = struct.unpack(FLOCK, answer)
    if kind == fcntl.F_UNLCK:
        return None
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read().strip()
    except OSError:
        name = "a process"
    return f"`{name}` (process {process})"
