"""Makes the swap file of a small server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .failure import Failure
from .journal import write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job

MARK = "# labctl"
HELP = "check the free space on the server's disk with `df -h /`, then run `labctl apply` again"


def make(job: Job, path: str, size: int) -> None:
    """Makes a swap file that is used now and after each boot."""
    file = job.at(path)
    if not (_is_used(job, path) and file.stat().st_size == size):
        _stop_using(job, path)
        _write_file(job, file, size)
        job.tools.run(["swapon", str(file)], f"the swap file `{path}` could not be used", HELP)
    _note(job, path)


def _write_file(job: Job, file: Path, size: int) -> None:
    """Fills a file beside the final one, so that a crash never leaves half a swap file."""
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    what = f"the swap file `/{file.relative_to(job.root)}` could not be made"
    try:
        answer = job.tools.attempt(["fallocate", "--length", str(size), str(beside)])
        if answer.code != 0:
            # Some file systems cannot reserve space without writing it.
            blocks = f"count={size >> 20}"
            zeros = ["dd", "if=/dev/zero", f"of={beside}", "bs=1M", blocks, "status=none"]
            job.tools.run(zeros, what, HELP)
        beside.chmod(0o600)
        job.tools.run(["mkswap", str(beside)], what, HELP)
    except Failure:
        beside.unlink(missing_ok=True)
        raise
    os.replace(beside, file)


def _is_used(job: Job, path: str) -> bool:
    rows = job.at("/proc/swaps").read_text().splitlines()[1:]
    return any(row.split()[0] == path for row in rows if row.strip())


def _stop_using(job: Job, path: str) -> None:
    if _is_used(job, path):
        job.tools.run(
            ["swapoff", path],
            f"the swap file `{path}` cannot be given up",
            "its content does not fit into memory: stop notebooks that are running and try again",
        )


def _note(job: Job, path: str) -> None:
    """Keeps one marked line in fstab, and every other line as it is."""
    table = job.at("/etc/fstab")
    text = table.read_text() if table.exists() else ""
    kept = [line for line in text.splitlines() if not line.rstrip().endswith(MARK)]
    named = any(line.split()[:1] == [path] for line in kept)
    if not named:
        kept.append(f"{path} none swap sw 0 0 {MARK}")
    new = "".join(f"{line}\n" for line in kept)
    if new != text:
        write_durably(table, new.encode(), 0o644)
