"""Folders that must be there, and secrets that the server makes for itself.

A secret is drawn on the server, and anew when all who read it are started. It is never sent, never printed and never
part of a snapshot.
"""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

from .failure import Failure
from .journal import write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job
    from .messages import Directory, File, Secret

SECRET_BYTES = 32


def make_directory(job: Job, wish: Directory) -> None:
    """Makes one folder with its owner and mode."""
    folder = job.at(wish["path"])
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Failure(
            f"`{wish['path']}` is not a folder",
            "move it to another name on the server, then run `labctl apply` again",
        )
    make_parents(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    set_owner(folder, wish)


def renew_secrets(job: Job) -> None:
    """Draws those anew whose readers are about to be started; all of them, because one with the old secret is of no use."""
    for wish in job.request["secrets"]:
        readers = wish.get("renewed_with")
        if readers:
            make_secret(job, wish, anew=True)
            job.touched.update(readers)


def make_secret(job: Job, wish: Secret, anew: bool = False) -> None:
    """Draws a secret unless the file has it; other lines of the file are kept."""
    file = job.at(wish["path"])
    make_parents(file)
    lines = file.read_text().splitlines() if file.exists() else []
    name = wish["key"] + "="
    if anew or not any(line.startswith(name) and len(line) > len(name) for line in lines):
        lines = [line for line in lines if not line.startswith(name)]
        lines.append(name + os.urandom(SECRET_BYTES).hex())
        write_durably(file, "".join(f"{line}\n" for line in lines).encode())
    set_owner(file, wish)


def make_parents(path: Path) -> list[Path]:
    """Makes the folders above a path; they may be seen by everybody, as /etc itself."""
    made = []
    for parent in reversed(path.parents):
        if not parent.exists():
            parent.mkdir()
            parent.chmod(0o755)
            made.append(parent)
    return made


def set_owner(path: Path, wish: Directory | Secret) -> None:
    """Sets owner, group and mode; the owner first, because changing it clears special bits."""
    owner, group = owner_of(wish)
    found = path.stat()
    if (found.st_uid, found.st_gid) != (owner, group):
        os.chown(path, owner, group)
    path.chmod(int(wish["mode"], 8))


def owner_of(wish: Directory | File | Secret) -> tuple[int, int]:
    """Looks up the numbers of an owner and a group."""
    try:
        return pwd.getpwnam(wish["owner"]).pw_uid, grp.getgrnam(wish["group"]).gr_gid
    except KeyError as error:
        raise Failure(
            f"`{wish['path']}` is to belong to somebody who is not on the server: {error.args[0]}",
            "this is a defect of labctl: please report it",
        ) from None
