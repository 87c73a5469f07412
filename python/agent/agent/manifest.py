"""What labctl remembers on the host about its own work, in four states of a run.

`read` what the last run left → `note` users and swap before they are made → `owe` the restarts
before the switch → `record` all of it after the gates. A run that dies in between leaves what it
has begun in the manifest, so that the next one knows that it is labctl's.

`applied` is what the last run that succeeded has proved: its gates, for the doctor to try again. It
is empty where none has succeeded yet, and missing where that was a labctl that did not keep it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .journal import write_durably

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .job import Job
    from .messages import Manifest

NAME = "manifest.json"


def read_manifest(job: Job) -> dict[str, Any]:
    """Reads the manifest of the host; one that cannot be read counts as none."""
    try:
        manifest = json.loads((job.state / NAME).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def write_manifest(job: Job, manifest: Mapping[str, Any]) -> None:
    """Replaces the manifest of the host as a whole."""
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    write_durably(job.state / NAME, text.encode())


def note(job: Job) -> None:
    """Notes users and swap that this run is about to make: they stay even if it fails."""
    old = read_manifest(job)
    new = job.request["manifest"]
    users = dict(old.get("users", {}))
    for name, user in new["users"].items():
        before = users.get(name, {})
        keys = list(dict.fromkeys(before.get("keys", []) + user["keys"]))
        kept = {mark: before.get(mark, False) or user[mark] for mark in ("created", "gave_sudo")}
        users[name] = {**user, **kept, "keys": keys}
    noted = {**_empty(new), **old, "users": users, "swap": new.get("swap") or old.get("swap")}
    if old and "applied" not in old:
        del noted["applied"]
    if noted != old:
        write_manifest(job, noted)


def owe(job: Job) -> None:
    """Strikes out the units that will be restarted, and notes the files that will be written."""
    old = read_manifest(job)
    new = job.request["manifest"]
    owed = {unit["name"] for unit in job.request["units"] if unit["action"] != "none"}
    units = {name: inputs for name, inputs in old.get("units", {}).items() if name not in owed}
    files = {**old.get("files", {}), **new["files"]}
    write_manifest(job, {**old, "files": files, "units": units})


def record(job: Job) -> None:
    """Writes the whole new manifest: everything has proved to work."""
    write_manifest(job, job.request["manifest"])


def _empty(new: Manifest) -> dict[str, Any]:
    """The shape of a manifest of which nothing has come true yet."""
    empty = {name: type(value)() for name, value in new.items()}
    return {**empty, "format": new["format"], "lab": new["lab"], "applied": {}}
