"""Puts the new files and links in their places, each by one rename."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from . import systemd, units
from .failure import Failure
from .journal import sync_folder
from .snapshot import copy_durably
from .tokens import make_parents, owner_of

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job
    from .messages import File, Remove
    from .snapshot import Snapshot


def switch(job: Job, snapshot: Snapshot) -> None:
    """Stops what left the plan, then replaces files and links, then removes what left the plan.

    All new files are first written beside the old ones, so that a full disk is met before the
    first rename.
    """
    request = job.request
    units.stop_unwanted(job)
    written = [_write_beside(job, file, snapshot) for file in request["files"]]
    for beside, place in written:
        os.replace(beside, place)
    linked = request["environments"] + request["trees"]
    for each in linked:
        point_link(job, each["link"], each["target"])
    for path in request["remove_links"]:
        job.at(path).unlink(missing_ok=True)
    for removed in request["remove"]:
        _remove(job, removed)
    changed = [file["path"] for file in request["files"] + request["remove"]]
    changed += [each["link"] for each in linked]
    for folder in {job.at(path).parent for path in [*changed, *request["remove_links"]]}:
        if folder.is_dir():
            sync_folder(folder)


def point_link(job: Job, link: str, target: str) -> None:
    """Points a link at its target; there is no moment without it."""
    place = job.at(link)
    make_parents(place)
    beside = place.with_name(f".{place.name}.labctl")
    beside.unlink(missing_ok=True)
    os.symlink(target, beside)
    os.replace(beside, place)


def needs_daemon_reload(job: Job) -> bool:
    """Whether systemd still has other unit files in mind than those on the disk."""
    request = job.request
    paths = [file["path"] for file in request["files"] + request["remove"]]
    if any(systemd.is_unit_file(path) for path in paths):
        return True
    # A run that died after its switch left this to the next one.
    shown = [systemd.show(job.tools, unit["name"]) for unit in request["units"]]
    return any(properties.get("NeedDaemonReload") == "yes" for properties in shown)


def _write_beside(job: Job, file: File, snapshot: Snapshot) -> tuple[Path, Path]:
    """Writes a file with its owner and mode next to its place, under a name nobody reads."""
    place = job.at(file["path"])
    snapshot.made_folders += make_parents(place)
    beside = place.with_name(f".{place.name}.labctl")
    beside.unlink(missing_ok=True)
    source = job.folder / "files" / file["path"].lstrip("/")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as copy, open(source, "rb") as content:
            shutil.copyfileobj(content, copy)
            os.fchown(copy.fileno(), *owner_of(file))
            os.fchmod(copy.fileno(), int(file["mode"], 8))
            copy.flush()
            os.fsync(copy.fileno())
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    return beside, place


def _remove(job: Job, removed: Remove) -> None:
    """Removes a file, or puts back what lay there before labctl."""
    place = job.at(removed["path"])
    original = job.at(removed["restore"]) if removed["restore"] else None
    if original is None:
        place.unlink(missing_ok=True)
    elif original.is_symlink():
        place.unlink(missing_ok=True)
        os.symlink(os.readlink(original), place)
    elif original.is_file():
        copy_durably(original, place)
    else:
        raise Failure(
            f"the old `{removed['path']}` cannot be put back: `{removed['restore']}` is gone",
            "copy a version of your own to that place, then run `labctl apply` again",
        )
