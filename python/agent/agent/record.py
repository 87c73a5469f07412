"""Last step: remembers the new state, and clears away what is no longer needed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from . import environments, locks, manifest, model, units

if TYPE_CHECKING:
    from .job import Job

KEPT_RUNS = 5


def record(job: Job) -> None:
    """Writes the manifest first: from here on the new state is the known one."""
    manifest.record(job)
    locks.keep(job)
    # Before their environment goes; not sooner, because a rollback could not start them again.
    units.end_user_servers(job)
    units.end_lost_servers(job)
    environments.remove_unused(job)
    model.forget_old_images(job)
    _forget_old_runs(job)


def _forget_old_runs(job: Job) -> None:
    """Keeps the last runs for whoever wants to see what happened. Backups are kept for good."""
    runs = sorted(
        (folder for folder in job.folder.parent.iterdir() if folder.is_dir()),
        key=lambda folder: folder.name,
    )
    for folder in runs[:-KEPT_RUNS]:
        if folder != job.folder:
            shutil.rmtree(folder, ignore_errors=True)
