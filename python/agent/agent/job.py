"""One apply request under way: what is asked, where it lives, and how it speaks."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .journal import Journal
from .tools import Tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import ApplyRequest

STATE = "/var/lib/labctl"


class Job:
    """Holds what every step needs."""

    def __init__(self, folder: str | Path, root: str | Path = "/") -> None:
        self.folder = Path(folder)
        self.root = Path(root)
        self.request: ApplyRequest = json.loads((self.folder / "request.json").read_text())
        self.name = self.request["run"]
        self.journal = Journal(self.folder)
        self.tools = Tools(self.journal)
        self.started = time.monotonic()
        self.finished: list[str] = []
        # The units that this run has stopped or started so far.
        self.touched: set[str] = set()
        # Where the model comes from that is not there yet.
        self.waiting_for_model: str | None = None

    def at(self, path: str | Path) -> Path:
        """The place of a path of the host; tests give the host another root."""
        return self.root / str(path).lstrip("/")

    @property
    def state(self) -> Path:
        """The folder that labctl remembers things in."""
        return self.at(STATE)

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Frames one step: its phase on the disk, its beginning and its end as events."""
        self.journal.enter(name)
        self.journal.emit({"type": "step", "step": name, "title": title})
        started = time.monotonic()
        yield
        self.finished.append(name)
        self.journal.emit({"type": "done", "step": name, "seconds": seconds_since(started)})


def seconds_since(start: float) -> float:
    """Seconds since a reading of the monotonic clock, short enough to be shown."""
    return round(time.monotonic() - start, 3)


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
