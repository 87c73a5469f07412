"""Clears away what a run has of files that nobody but root may read, such as a certificate's key."""

import json


def forget(job):
    """Removes the copies that the run has made; at their places the files stay."""
    paths = {file["path"] for file in job.request["files"] if file.get("private")}
    copies = [job.folder / "files" / path.lstrip("/") for path in paths]
    index = job.folder / "snapshot" / "index.json"
    if paths and index.is_file():
        entries = json.loads(index.read_text())["entries"]
        copies += [
            job.folder / "snapshot" / entry["copy"]
            for entry in entries
            if entry["path"] in paths and "copy" in entry
        ]
    for copy in copies:
        copy.unlink(missing_ok=True)
