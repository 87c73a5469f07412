"""Clears away what a run has of files that nobody but root may read: a certificate's key, a secret that has left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .job import Job


def forget(job: Job) -> None:
    """Removes the copies that the run has made; at their places the files stay."""
    paths = {file["path"] for file in job.request["files"] if file.get("private")}
    copies = [job.folder / "files" / path.lstrip("/") for path in paths]
    index = job.folder / "snapshot" / "index.json"
    if index.is_file():
        snapshot = json.loads(index.read_text())
        # The sum of a secret is not noted.
        noted = snapshot["manifest"].get("files", {})
        paths |= {path for path, note in noted.items() if note.get("sha256") == ""}
        copies += [
            job.folder / "snapshot" / entry["copy"]
            for entry in snapshot["entries"]
            if entry["path"] in paths and "copy" in entry
        ]
    for copy in copies:
        copy.unlink(missing_ok=True)
