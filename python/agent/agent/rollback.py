"""Puts back what was there before the switch, and proves that it runs again."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from . import certificate, systemd, units, web
from .failure import from_exception
from .journal import sync_folder
from .manifest import write_manifest
from .snapshot import copy_durably
from .switch import point_link

if TYPE_CHECKING:
    from collections.abc import Callable

    from .job import Job
    from .messages import Unit
    from .snapshot import Snapshot

PROOF_SECONDS = 30
STOPPING = "the server is shutting down, so nothing was started again: its next start does that"


def roll_back(job: Job, snapshot: Snapshot) -> list[str]:
    """Restores files, links and units; gives what could not be proved, as lines."""
    troubles = []
    steps: list[Callable[[], object]] = [
        lambda: _stop_new_units(job, snapshot),
        lambda: _restore_files(job, snapshot),
        lambda: certificate.prepare(job),
        lambda: systemd.reload_manager(job.tools),
        lambda: write_manifest(job, snapshot.manifest) if snapshot.manifest else None,
    ]
    # A server that shuts down starts nothing any more, and must not be kept waiting for it.
    is_stopping = systemd.is_stopping(job.tools)
    # A unit that cannot be started again must not keep the others from it.
    units_left = [] if is_stopping else job.request["units"]
    steps += [partial(_restore_unit, job, unit, snapshot.units[unit["name"]]) for unit in units_left]
    for step in steps:
        try:
            step()
        except Exception as error:  # whatever fails here, the rest must be tried
            failure = from_exception(error)
            troubles += [f"while putting back: {failure.what}", *failure.log[-5:]]
    troubles += [STOPPING] if is_stopping else _disprove(job, snapshot)
    if troubles and snapshot.manifest:
        # What did not come back is started again by the next run, whatever the files are then.
        asked = {unit["name"] for unit in job.request["units"]}
        noted = snapshot.manifest.get("units", {})
        noted = {name: note for name, note in noted.items() if name not in asked}
        write_manifest(job, {**snapshot.manifest, "units": noted})
    return troubles


def _stop_new_units(job: Job, snapshot: Snapshot) -> None:
    """Units that did not exist before are stopped while their files are still there."""
    for unit in job.request["units"]:
        if snapshot.units[unit["name"]]["LoadState"] == "not-found":
            job.tools.attempt(["systemctl", "disable", "--now", "--quiet", "--", unit["name"]])


def _restore_files(job: Job, snapshot: Snapshot) -> None:
    for entry in snapshot.entries:
        place = job.at(entry["path"])
        place.with_name(f".{place.name}.labctl").unlink(missing_ok=True)
        if entry["kind"] == "absent":
            place.unlink(missing_ok=True)
        elif entry["kind"] == "link":
            point_link(job, entry["path"], entry["target"])
        else:
            copy_durably(snapshot.folder / entry["copy"], place)
        if place.parent.is_dir():
            sync_folder(place.parent)
    for folder in reversed(snapshot.made_folders):
        try:
            os.rmdir(folder)
        except OSError:
            continue


def _restore_unit(job: Job, unit: Unit, before: dict[str, str]) -> None:
    """Makes a unit run on the old files, or not at all, as before."""
    name = unit["name"]
    if before["LoadState"] == "not-found":
        return
    enabled = before["UnitFileState"]
    if enabled in ("enabled", "disabled"):
        verb = "enable" if enabled == "enabled" else "disable"
        job.tools.attempt(["systemctl", verb, "--quiet", "--", name])
    now = systemd.show(job.tools, name)
    if systemd.is_running(before):
        if name not in job.touched and systemd.is_running(now):
            return
        units.act(job, name, "start" if unit["action"] == "stop" else unit["action"], now)
    elif systemd.is_running(now):
        systemd.tell(job.tools, "stop", name, units.SAID["stop"])
    if systemd.is_masked(before):
        job.tools.attempt(["systemctl", "mask", "--quiet", "--", name])


def _disprove(job: Job, snapshot: Snapshot) -> list[str]:
    """Waits until the old state is live again; gives what is not."""
    deadline = time.monotonic() + PROOF_SECONDS
    pause = 0.1
    while True:
        missing = [
            f"`{name}` does not run again"
            for name, before in snapshot.units.items()
            if before["ActiveState"] == "active" and systemd.show(job.tools, name)["ActiveState"] != "active"
        ]
        live = web.nginx_live() if snapshot.nginx_live else None
        if live != snapshot.nginx_live:
            missing.append("NGINX does not serve its old configuration again")
        # A reload returns before NGINX has done it, and its configuration may be the same as before.
        if not all(web.serves_current_certificate(job, host) for host in snapshot.certified):
            missing.append("NGINX does not serve its old certificate again")
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
