"""Lays out the new files aside, as they will be, so that they can be checked before they go live.

The tree lies at `check/` in the run's folder: copies of what lives in the folders that a checker
reads as a whole, with the new files over them and the removed ones gone.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from typing import TYPE_CHECKING

from .failure import Failure
from .tokens import make_parents, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .job import Job
    from .messages import File, Remove

DAMAGED = "the connection may have damaged it: run `labctl apply` again"
NGINX_FOLDER = "/etc/nginx"
SSH_SETTINGS = "/etc/ssh/sshd_config"
SSH_FOLDER = "/etc/ssh/sshd_config.d"


class Staging:
    """The tree of new files of one run."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.root = job.folder / "check"

    def lay_out(self) -> None:
        """Builds the tree; a file that differs from what the laptop sent is refused."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        kinds = {check["kind"] for check in self.job.request["checks"]}
        if "nginx" in kinds:
            self._copy_folder(NGINX_FOLDER)
        if "sshd" in kinds:
            self._copy_folder(SSH_FOLDER)
            self.at(SSH_SETTINGS)
        for file in self.job.request["files"]:
            self._put(file)
        for removed in self.job.request["remove"]:
            self._take_away(removed)
        if "nginx" in kinds:
            self._redirect_includes()

    def at(self, path: str) -> Path:
        """The place of a file in the tree; one that does not change is copied from the host."""
        place = self.root / path.lstrip("/")
        if not place.exists() and self.job.at(path).is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.job.at(path), place)
        return place

    def without_prefix(self, lines: Iterable[str]) -> list[str]:
        """Names the files in a checker's words as they will be called."""
        return [line.replace(str(self.root), "") for line in lines]

    def _put(self, file: File) -> None:
        source = self.job.folder / "files" / file["path"].lstrip("/")
        if not source.is_file() or sha256(source) != file["sha256"]:
            raise Failure(f"`{file['path']}` did not arrive as it was sent", DAMAGED)
        place = self.root / file["path"].lstrip("/")
        make_parents(place)
        if place.is_symlink():
            place.unlink()
        shutil.copyfile(source, place)
        os.chown(place, *owner_of(file))
        place.chmod(int(file["mode"], 8))

    def _take_away(self, removed: Remove) -> None:
        place = self.root / removed["path"].lstrip("/")
        if place.is_symlink() or place.exists():
            place.unlink()
        if removed["restore"] and place.parent.is_dir() and self.job.at(removed["restore"]).exists():
            shutil.copy2(self.job.at(removed["restore"]), place)

    def _copy_folder(self, path: str) -> None:
        live = self.job.at(path)
        if live.is_dir():
            place = self.root / path.lstrip("/")
            shutil.copytree(live, place, symlinks=True, ignore_dangling_symlinks=True)

    def _redirect_includes(self) -> None:
        """Makes NGINX read the new files where one names another by its whole path."""
        place = self.root / NGINX_FOLDER.lstrip("/")
        for file in place.rglob("*"):
            if file.is_symlink() or not file.is_file():
                continue
            text = file.read_bytes()
            new = re.sub(rb"([\s\"'])/etc/nginx/", rb"\1" + bytes(place) + rb"/", text)
            if new != text:
                file.write_bytes(new)


def sha256(path: Path) -> str:
    """The SHA-256 sum of a file, as text."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
