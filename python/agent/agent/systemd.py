"""What systemd says about units, and the few ways in which the agent talks to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job
    from .tools import Tools

PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,NeedDaemonReload,Result"
RUNNING = ("active", "activating", "reloading")
JOURNAL_LINES = 20
UNIT_FOLDERS = ("/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/")


def show(tools: Tools, unit: str) -> dict[str, str]:
    """Gives the properties of one unit; one that is not there has LoadState `not-found`."""
    answer = tools.ask(["systemctl", "show", "--property", PROPERTIES, "--", unit])
    properties = dict(line.split("=", 1) for line in answer.lines if "=" in line)
    # An unknown unit file leaves the properties out rather than empty.
    return {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": "", **properties}


def is_running(properties: dict[str, str]) -> bool:
    """Whether a unit runs, or is about to."""
    return properties["ActiveState"] in RUNNING


def is_masked(properties: dict[str, str]) -> bool:
    """Whether a unit is masked, for ever or until the next boot."""
    return properties["LoadState"] == "masked"


def is_stopping(tools: Tools) -> bool:
    """Whether the server shuts down."""
    return tools.ask(["systemctl", "is-system-running"]).text.strip() == "stopping"


def reload_manager(tools: Tools) -> None:
    """Makes systemd read changed unit files."""
    tools.run(
        ["systemctl", "daemon-reload"],
        "systemd could not read the unit files again",
        "look at `sudo journalctl -b -n 50` on the server, then run `labctl apply` again",
    )


def tell(tools: Tools, verb: str, unit: str, said: str) -> None:
    """Tells systemd to do something with a unit and waits; a failure shows the unit's journal."""
    if verb in ("start", "restart", "reload"):
        # Earlier failures must not count against this start.
        tools.ask(["systemctl", "reset-failed", "--", unit])
    answer = tools.attempt(["systemctl", verb, "--", unit], timeout=300)
    if answer.code != 0:
        raise Failure(
            f"`{unit}` {said}",
            f"the lines below are its own; more with `sudo journalctl -u {unit}`",
            journal(tools, unit) or answer.lines,
        )


def journal(tools: Tools, unit: str) -> list[str]:
    """The last lines that a unit wrote."""
    command = ["journalctl", "-u", unit, "-n", str(JOURNAL_LINES), "--no-pager", "-o", "cat", "-q"]
    return tools.ask(command).lines


def keep_from_start(job: Job, unit: str) -> None:
    """Makes every start of a unit a step that does nothing, until the next boot."""
    place = _never(job, unit)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("# labctl is installing its package.\n[Unit]\nConditionPathExists=!/\n")


def let_start(job: Job, unit: str) -> None:
    """Takes that back, also what a run left that died in between."""
    place = _never(job, unit)
    if place.exists():
        place.unlink()
        with contextlib.suppress(OSError):
            place.parent.rmdir()
        reload_manager(job.tools)


def _never(job: Job, unit: str) -> Path:
    return job.at(f"/run/systemd/system/{unit}.d") / "labctl-never.conf"


def is_unit_file(path: str) -> bool:
    """Whether systemd reads a path as a unit, a drop-in or a link between units."""
    return path.startswith(UNIT_FOLDERS)
