"""Lays out folders that came from the laptop, aside; a link is switched to them later."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .environments import COMPLETE, FOLDER
from .failure import Failure
from .prepare import is_complete
from .staging import DAMAGED, sha256

if TYPE_CHECKING:
    from .job import Job
    from .messages import Tree, TreeFile


def lay_out(job: Job, tree: Tree) -> None:
    """Lays out one folder; what a cut-off run left of it is thrown away first."""
    target = job.at(tree["target"])
    group = _group_of(job, tree["reader"])
    if is_complete(job, tree["target"]):
        job.journal.line(f"{target} is already there")
        return
    job.at(FOLDER).mkdir(parents=True, exist_ok=True)
    job.at(FOLDER).chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    # Closed until its files are there with their modes.
    target.mkdir(mode=0o700)
    for file in tree["files"]:
        _put(job, tree, file, target)
    for folder, _, _ in os.walk(target, topdown=False):
        _give(Path(folder), 0o755 if tree["reader"] else 0o700, group)
    if tree["reader"]:
        target.chmod(0o750)
    os.sync()
    # Last, so that it says: all of it is there, on the disk.
    (target / COMPLETE).touch(mode=0o644)


def _put(job: Job, tree: Tree, file: TreeFile, target: Path) -> None:
    source = job.folder / "trees" / tree["name"] / file["path"]
    if not source.is_file() or sha256(source) != file["sha256"]:
        raise Failure(f"`{file['path']}` of `{tree['link']}` did not arrive as it was sent", DAMAGED)
    place = target / file["path"]
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
    place.chmod(0o755 if file["executable"] else 0o644)


def _give(folder: Path, mode: int, group: int) -> None:
    os.chown(folder, 0 if os.geteuid() == 0 else -1, group)
    folder.chmod(mode)


def _group_of(job: Job, reader: str | None) -> int:
    """The group of the user who reads the folder; an account of the system that runs one service is made for it."""
    if reader is None:
        return -1
    try:
        pwd.getpwnam(reader)
    except KeyError:
        job.tools.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", reader],
            f"the account `{reader}` cannot be made",
            "look at `/etc/passwd` and `/etc/group` on the server",
        )
    return grp.getgrnam(reader).gr_gid
