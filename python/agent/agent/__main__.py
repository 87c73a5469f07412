"""Carries out one apply request on the server: `python3 -I <run>/agent`.

The request is `request.json` in the run's folder, the files are below `files/`. Everything that
happens is told in `events.jsonl`; its last line is the verdict.

Up to and including the checks, nothing of the configuration has changed. From the switch on, any
failure puts back what was there before.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from agent.messages import ApplyRequest, Verdict

# Isolated Python knows the folder of this file only: its parent makes `agent` a package.
FOLDER = Path(__file__).resolve().parent.parent
sys.path[0:1] = [str(FOLDER)]
# It is run once, and a disk that is nearly full has better uses for half a megabyte.
sys.dont_write_bytecode = True

from agent import (
    certificate,
    checks,
    disk,
    environments,
    gates,
    leavers,
    manifest,
    model,
    packages,
    prepare,
    private,
    record,
    rollback,
    snapshot,
    swap,
    switch,
    tokens,
    trees,
    units,
    users,
)
from agent.failure import Failure, from_exception
from agent.job import Job, plural, seconds_since


@dataclass
class Undone:
    """What was put back, and what of it could not be proved."""

    step: str
    troubles: list[str]


def main() -> None:
    """Runs all steps; whatever happens, the last event is a verdict."""
    os.umask(0o077)
    if (FOLDER / "phase").exists():
        # systemd was asked to start it once more: whoever waits for it has its verdict, or takes it for dead.
        sys.exit("this run has been started before; a new one takes another folder")
    job = Job(FOLDER)
    signal.signal(signal.SIGTERM, _stopped)
    undone = None
    try:
        with prepare.alone(job):
            make_ready(job)
            before = take_snapshot(job)
            try:
                go_live(job, before)
            except BaseException:
                undone = put_back(job, before)
                raise
    except BaseException as error:  # a traceback is no verdict
        private.forget(job)
        give_verdict(job, from_exception(error), undone)
        sys.exit(1)
    private.forget(job)
    give_verdict(job, None)


def make_ready(job: Job) -> None:
    """Everything that can be done beside the running configuration."""
    request = job.request
    with job.step("prepare", "look at the server's state"):
        prepare.prepare(job)
    if request.get("downloads"):
        with job.step("downloads", f"download {plural(len(request['downloads']), 'package')}"):
            packages.download(job)
    if request["grow_root"]:
        with job.step("disk", "grow the root file system"):
            disk.grow_root(job)
            prepare.check_room(job)
    manifest.note(job)
    if request["swap"]:
        with job.step("swap", "set up swap"):
            swap.make(job, request["swap"]["path"], request["swap"]["bytes"])
    with environments.Background(job) as background:
        install(job, background)
    if request["trees"]:
        with job.step("folders", f"lay out {plural(len(request['trees']), 'folder')}"):
            for tree in request["trees"]:
                trees.lay_out(job, tree)
    if request["model"]:
        with job.step("model", "get the API's model and image"):
            model.get_ready(job, request["model"])
    if request["files"] or request["checks"]:
        with job.step("check", f"check {plural(len(request['files']), 'new file')}"):
            checks.check(job)


def install(job: Job, background: environments.Background) -> None:
    """Packages, users, secrets; environments are built meanwhile."""
    request = job.request
    count = len(request["packages"]) + len(request.get("downloads", []))
    if count:
        with job.step("packages", f"install {plural(count, 'package')}"):
            packages.install(job, request["packages"])
    if request["users"]:
        with job.step("users", f"change {plural(len(request['users']), 'user')}"):
            users.converge(job)
    if request["directories"] or request["secrets"]:
        with job.step("secrets", "make folders and secrets"):
            for directory in request["directories"]:
                tokens.make_directory(job, directory)
            for secret in request["secrets"]:
                tokens.make_secret(job, secret)
    if request["environments"]:
        with job.step("environments", f"build {environment_names(request)}"):
            background.finish()


def take_snapshot(job: Job) -> snapshot.Snapshot:
    """Remembers the old state, and which restarts are owed from now on."""
    with job.step("snapshot", "remember the old state"):
        before = snapshot.Snapshot(job)
        before.take()
    return before


def go_live(job: Job, before: snapshot.Snapshot) -> None:
    """Puts the new state in place, and proves that it works."""
    request = job.request
    with job.step("switch", switch_title(request)):
        manifest.owe(job)
        reload_manager = switch.needs_daemon_reload(job)
        switch.switch(job, before)
    if request["units"] or reload_manager:
        with job.step("units", f"start {plural(len(request['units']), 'unit')} on the new files"):
            units.converge(job, reload_manager)
    if leaving := leavers.names(job):
        with job.step("leavers", f"end what runs for {plural(len(leaving), 'user')} who left the plan"):
            leavers.end(job)
    if request["certificate"]:
        with job.step("certificate", "look after the certificate"):
            certificate.look_after(job)
    if request["gates"]:
        with job.step("gates", f"try {plural(len(request['gates']), 'gate')}"):
            gates.try_all(job)
    # From here on there is no way back, so a request to stop comes too late.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with job.step("record", "remember the new state"):
        record.record(job)


def put_back(job: Job, before: snapshot.Snapshot) -> Undone:
    """Puts the old state back; the verdict is still about the step that failed."""
    failed_step = job.journal.phase
    # A second request to stop must not interrupt this.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with job.step("rollback", "put the old state back"):
        troubles = rollback.roll_back(job, before)
    return Undone(failed_step or "prepare", troubles)


def give_verdict(job: Job, failure: Failure | None, undone: Undone | None = None) -> None:
    """Tells how it ended: the last event of the run."""
    verdict: Verdict = {
        "type": "verdict",
        "ok": failure is None,
        "run": job.name,
        "seconds": seconds_since(job.started),
        "warnings": job.journal.warnings,
        "waiting_for_model": job.waiting_for_model,
    }
    if failure:
        verdict["step"] = undone.step if undone else job.journal.phase or "prepare"
        verdict["what"] = failure.what
        verdict["help"] = failure.help + what_stays(job)
        verdict["log"] = [*failure.log, *(undone.troubles if undone else [])]
        verdict["rolled_back"] = undone is not None
        verdict["proved"] = undone is not None and not undone.troubles
    job.journal.emit(verdict)
    job.journal.enter("done" if failure is None else "failed")
    job.journal.sync()


def what_stays(job: Job) -> str:
    """Names what a failed run does not take back."""
    steps = {"packages": "packages", "users": "users", "swap": "swap"}
    stays = [name for step, name in steps.items() if step in job.finished]
    return f"; what was done to {' and '.join(stays)} stays" if stays else ""


def environment_names(request: ApplyRequest) -> str:
    """Names the environments for a title."""
    return " and ".join(environment["name"] for environment in request["environments"])


def switch_title(request: ApplyRequest) -> str:
    """Says how much is switched."""
    links = len(request["environments"]) + len(request["trees"]) + len(request["remove_links"])
    parts = [plural(len(request["files"]), "file")] if request["files"] else []
    parts += [f"remove {plural(len(request['remove']), 'file')}"] if request["remove"] else []
    parts += [plural(links, "link")] if links else []
    return "switch " + ", ".join(parts) if parts else "switch nothing"


def _stopped(_signal: int, _frame: FrameType | None) -> None:
    raise Failure(
        "the run was told to stop, as when the server shuts down",
        "run `labctl apply` again when the server is up",
    )


if __name__ == "__main__":
    main()
