"""Grows the root partition and its file system after the volume has grown."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from . import packages
from .failure import Failure

if TYPE_CHECKING:
    from .job import Job

# growpart(1) answers 1 when there was nothing to grow.
NOTHING_TO_GROW = 1
# Its scratch files must not need the disk that is full.
SCRATCH = {"TMPDIR": "/run"}
HELP = "look at `lsblk` and `sudo dmesg` on the server; the data on the disk is untouched"


def grow_root(job: Job) -> None:
    """Grows whatever `/` lives on, one layer after the other; each layer may be grown already."""
    answer = job.tools.ask(["findmnt", "--noheadings", "--output", "SOURCE,FSTYPE", "/"])
    source, filesystem = answer.lines[0].split() if answer.code == 0 else ("", "")
    grow(job, source, filesystem, "/")


def grow(job: Job, source: str, filesystem: str, mounted_at: str) -> None:
    """Grows the partition `source` and the file system on it."""
    resize = resize_command(source, filesystem, mounted_at)
    if resize is None:
        job.journal.warn(
            f"the file system `{filesystem}` on `{source}` cannot be grown by labctl",
            "grow it by hand; labctl grows ext4 and xfs",
        )
        return
    disk = disk_of(job, source)
    if disk:
        _grow_partition(job, *disk)
    job.tools.run(resize, f"the file system on `{source}` could not be grown", HELP)


def disk_of(job: Job, source: str) -> tuple[str, int] | None:
    """Gives the disk and number of a partition; a file system on a whole disk has none."""
    name = os.path.basename(os.path.realpath(source))
    entry = job.at("/sys/class/block") / name
    number = entry / "partition"
    if not number.exists():
        return None
    return f"/dev/{entry.resolve().parent.name}", int(number.read_text())


def resize_command(source: str, filesystem: str, mounted_at: str) -> list[str] | None:
    """ext4 is grown by its device, xfs by the folder that it is mounted at."""
    if filesystem in ("ext2", "ext3", "ext4"):
        return ["resize2fs", source]
    if filesystem == "xfs":
        return ["xfs_growfs", mounted_at]
    return None


def _grow_partition(job: Job, disk: str, number: int) -> None:
    if not shutil.which("growpart"):
        packages.install(job, ["cloud-guest-utils"])
    answer = job.tools.attempt(["growpart", disk, str(number)], environment=SCRATCH)
    is_grown = answer.code == NOTHING_TO_GROW and "NOCHANGE" in answer.text
    if answer.code != 0 and not is_grown:
        raise Failure(f"partition {number} of `{disk}` could not be grown", HELP, answer.lines)
