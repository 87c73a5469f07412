"""One apply request under way: what is asked, where it lives, and how it speaks."""

import json
import time
from contextlib import contextmanager
from pathlib import Path

from .journal import Journal
from .tools import Tools

STATE = "/var/lib/labctl"


class Job:
    """Holds what every step needs."""

    def __init__(self, folder, root="/"):
        self.folder = Path(folder)
        self.root = Path(root)
        self.request = json.loads((self.folder / "request.json").read_text())
        self.name = self.request["run"]
        self.journal = Journal(self.folder)
        self.tools = Tools(self.journal)
        self.started = time.monotonic()
        self.finished = []
        # The units that this run has stopped or started so far.
        self.touched = set()
        # Where the model comes from that is not there yet.
        self.waiting_for_model = None

    def at(self, path):
        """The place of a path of the host; tests give the host another root."""
        return self.root / str(path).lstrip("/")

    @property
    def state(self):
        """The folder that labctl remembers things in."""
        return self.at(STATE)

    @contextmanager
    def step(self, name, title):
        """Frames one step: its phase on the disk, its beginning and its end as events."""
        self.journal.enter(name)
        self.journal.emit("step", step=name, title=title)
        started = time.monotonic()
        yield
        self.finished.append(name)
        self.journal.emit("done", step=name, seconds=seconds_since(started))


def seconds_since(start):
    """Seconds since a reading of the monotonic clock, short enough to be shown."""
    return round(time.monotonic() - start, 3)


def plural(count, noun):
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
