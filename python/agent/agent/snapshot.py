"""Remembers what is about to be replaced, so that it can be put back, whatever happens."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import systemd, web
from .failure import Failure
from .journal import sync_folder, write_durably
from .manifest import read_manifest
from .staging import sha256
from .tokens import make_parents

if TYPE_CHECKING:
    from typing import Any

    from .job import Job
    from .messages import File, Remove

BACKUPS = "/var/lib/labctl/backups"


class Snapshot:
    """What was there before the switch; lies at `snapshot/` in the run's folder."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = job.folder / "snapshot"
        self.entries: list[dict[str, Any]] = []
        self.units: dict[str, dict[str, str]] = {}
        self.made_folders: list[Path] = []
        self.nginx_live: str | None = None
        self.certified: list[str | None] = []
        self.manifest = read_manifest(job)

    def take(self) -> None:
        """Copies everything that the switch will touch, durably."""
        request = self.job.request
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        paths = [file["path"] for file in request["files"] + request["remove"]]
        paths += [linked["link"] for linked in request["environments"] + request["trees"]]
        paths += request["remove_links"]
        for path in dict.fromkeys(paths):
            self.entries.append(self._remember(path))
        for unit in request["units"]:
            self.units[unit["name"]] = systemd.show(self.job.tools, unit["name"])
        self.nginx_live = web.nginx_live()
        hosts = [gate["host"] for gate in request["gates"] if gate["kind"] == "certificate"]
        self.certified = [host for host in hosts if web.serves_current_certificate(self.job, host)]
        self._save()
        self._back_up()

    def _remember(self, path: str) -> dict[str, Any]:
        live = self.job.at(path)
        entry = {"path": path, "kind": "absent"}
        if live.is_symlink():
            return {**entry, "kind": "link", "target": os.readlink(live)}
        if not live.exists():
            return entry
        if not live.is_file():
            raise Failure(
                f"`{path}` is not a file",
                "move it to another name on the server, then run `labctl apply` again",
            )
        copy = self.folder / f"{len(self.entries):04}"
        copy_durably(live, copy)
        found = live.stat()
        owner = {"mode": found.st_mode & 0o7777, "uid": found.st_uid, "gid": found.st_gid}
        return {**entry, "kind": "file", "copy": copy.name, **owner}

    def _save(self) -> None:
        index = {
            "entries": self.entries,
            "units": self.units,
            "nginx_live": self.nginx_live,
            "certified": self.certified,
            "manifest": self.manifest,
        }
        write_durably(self.folder / "index.json", json.dumps(index, indent=1).encode())
        sync_folder(self.job.folder)

    def _back_up(self) -> None:
        """Keeps for good what labctl did not write, and says so.

        A file that came with a package of this very run is kept without a word: nobody wrote it.
        """
        known = self.manifest.get("files", {})
        told = {file["path"]: file for file in self.job.request["files"] + self.job.request["remove"]}
        new_notes = self.job.request["manifest"]["files"]
        for entry in self.entries:
            file = told.get(entry["path"])
            if file is None or entry["kind"] == "absent":
                continue
            noted = known.get(entry["path"], {})
            # A secret that left the plan is of no use to anybody.
            if noted.get("sha256") == "" and not file.get("sha256"):
                continue
            if not file["backup"] and self._is_known(entry, file, noted):
                continue
            kept = f"{BACKUPS}/{self.job.name}{entry['path']}"
            self._keep(entry["path"], kept)
            if not noted and entry["path"] in new_notes:
                new_notes[entry["path"]]["original"] = new_notes[entry["path"]].get("original") or kept
            if file["backup"]:
                why = "had been changed by hand" if noted else "was not written by labctl"
                self.job.journal.warn(f"`{entry['path']}` {why} and is replaced", f"the old file is kept at `{kept}`")

    def _is_known(self, entry: dict[str, Any], file: File | Remove, noted: dict[str, Any]) -> bool:
        if entry["kind"] != "file":
            return False
        live = sha256(self.folder / entry["copy"])
        return live in (noted.get("sha256"), file.get("sha256"))

    def _keep(self, path: str, kept: str) -> None:
        place = self.job.at(kept)
        make_parents(place)
        self.job.at(BACKUPS).chmod(0o700)
        live = self.job.at(path)
        if live.is_symlink():
            place.unlink(missing_ok=True)
            os.symlink(os.readlink(live), place)
        else:
            copy_durably(live, place)
        sync_folder(place.parent)


def copy_durably(source: Path, copy: Path) -> None:
    """Copies a file with its owner and mode."""
    beside = Path(f"{copy}.new")
    shutil.copyfile(source, beside)
    found = source.stat()
    with open(beside, "rb") as file:
        os.fchown(file.fileno(), found.st_uid, found.st_gid)
        os.fchmod(file.fileno(), found.st_mode & 0o7777)
        os.fsync(file.fileno())
    os.replace(beside, copy)
