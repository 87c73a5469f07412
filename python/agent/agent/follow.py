"""Tells the events of a run until its verdict, whether it is under way or long over.

It only reads: when the connection drops, it ends and the run goes on. Another can follow the run from its beginning.
It ends by itself, always with a verdict. A run whose unit is gone without one was killed, or the server was restarted:
then the verdict is made up here and says so. It is not written to the run, which stays recognisable as cut off.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .common import APPLY_UNIT, RUN_NAME, RUNS, applying, attempt, phase_of, speaker, text, units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO

    from .common import Say
    from .messages import Beat, FollowRequest, Verdict

LOOK_SECONDS = 0.05
UNIT_SECONDS = 1.0
BEAT_SECONDS = 5.0
LOG_LINES = 20


def verdict(run: str, step: str, what: str, help: str, log: Sequence[str] = ()) -> Verdict:
    """Gives the verdict of a run that could not give one."""
    return {
        "type": "verdict",
        "ok": False,
        "run": run,
        "seconds": 0.0,
        "step": step,
        "what": what,
        "help": help,
        "log": list(log),
        "rolled_back": False,
        "proved": False,
    }


class Events:
    """Reads the events of a run while they are written."""

    def __init__(self, run: str) -> None:
        self.path = f"{RUNS}/{run}/events.jsonl"
        self.place = 0
        self.rest = b""

    def new(self) -> list[dict[str, Any]]:
        """Gives the events that have come since the last call; half a line waits for its end."""
        data = attempt(self.read) or b""
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [event_of(line) for line in lines if line.strip()]

    def read(self) -> bytes:
        """Reads what was added since the last time; there is no file before the first event."""
        with open(self.path, "rb") as file:
            file.seek(self.place)
            data = file.read()
        self.place += len(data)
        return data


def event_of(line: bytes) -> dict[str, Any]:
    """Reads an event; what is none is told as a line."""
    event = attempt(json.loads, line)
    if isinstance(event, dict) and isinstance(event.get("type"), str):
        return event
    return {"type": "line", "text": line.decode("utf-8", "replace")}


def follow(run: str, say: Say) -> None:
    """Tells the events until the verdict."""
    if not RUN_NAME.fullmatch(run) or not os.path.isdir(f"{RUNS}/{run}"):
        what = f"the server knows no apply `{run}`"
        say(verdict(run, "start", what, "run `labctl apply` again"))
        return
    events = Events(run)
    spoke = time.monotonic()
    looked = spoke - UNIT_SECONDS
    is_gone = False
    while True:
        for event in events.new():
            spoke = time.monotonic()
            say(event)
            if event["type"] == "verdict":
                return
        # Only now: the last events may have come between the last look at them and the look at the unit.
        if is_gone:
            say(cut_off(run))
            return
        now = time.monotonic()
        if now - looked >= UNIT_SECONDS:
            looked = now
            is_gone = has_ended(run)
        if now - spoke >= BEAT_SECONDS:
            spoke = now
            beat: Beat = {"type": "beat"}
            say(beat)
        if not is_gone:
            time.sleep(LOOK_SECONDS)


def has_ended(run: str) -> bool:
    """Says whether systemd has no unit for the run; if systemd does not answer, the run may well be alive."""
    states = attempt(units, [APPLY_UNIT])
    return states is not None and APPLY_UNIT in states and applying(states[APPLY_UNIT]) != run


def cut_off(run: str) -> Verdict:
    """Gives the verdict of a run that ended without one."""
    what = "the apply on the server ended without a verdict (killed, or the server restarted)"
    log = (attempt(text, f"{RUNS}/{run}/agent.log") or "").splitlines()[-LOG_LINES:]
    made_up = verdict(run, phase_of(run), what, "run `labctl apply` again: it completes what is missing", log)
    return {**made_up, "cut_off": True}


@contextmanager
def may_hang_up() -> Iterator[None]:
    """Ends quietly when the laptop is gone: Python would still try to write what is left, and complain."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(request: FollowRequest, _payload: BinaryIO) -> None:
    """Follows the run that is asked for."""
    with may_hang_up():
        follow(request["run"], speaker(request["nonce"]))
