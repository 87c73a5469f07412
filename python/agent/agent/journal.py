"""What a run tells: one JSON line per event, and the phase that it is in.

Both are files in the run's folder, so that they outlive the connection and the run itself. The
laptop reads the events while they are written; the next probe reads the phase of a run that died.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

from .failure import hide_passwords

if TYPE_CHECKING:
    from pathlib import Path

    from .messages import Event, Warning

RESERVE_BYTES = 256 * 1024


class Journal:
    """Writes events and phases of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warnings: list[Warning] = []
        self.phase: str | None = None
        self._reserve = folder / "reserve"
        self._mutex = threading.Lock()
        descriptor = os.open(folder / "events.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._events = os.fdopen(descriptor, "ab", buffering=0)
        self._keep_reserve()

    def emit(self, event: Event) -> None:
        """Writes one event, in ASCII, with whatever is no text replaced."""
        text = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        data = json.dumps(json.loads(text)).encode("ascii") + b"\n"
        with self._mutex:
            try:
                self._events.write(data)
            except OSError:
                # The disk is full: the reserve makes room for the verdict that says so.
                self._reserve.unlink(missing_ok=True)
                self._events.write(data)

    def line(self, text: str) -> None:
        """Tells one line of a tool's output, without passwords that an address may carry."""
        self.emit({"type": "line", "text": hide_passwords(text)})

    def warn(self, text: str, help: str) -> None:
        """Tells something that the reader should know although the run goes on."""
        self.warnings.append({"text": text, "help": help})
        self.emit({"type": "warning", "text": text, "help": help})

    def enter(self, phase: str) -> None:
        """Notes the phase on the disk, so that a run that dies in it is recognised."""
        self.phase = phase
        write_durably(self.folder / "phase", phase.encode())

    def sync(self) -> None:
        """Makes the events durable: called after the verdict."""
        self._reserve.unlink(missing_ok=True)
        os.fsync(self._events.fileno())

    def _keep_reserve(self) -> None:
        """Holds back some space. Without it, a full disk could not even be reported."""
        try:
            descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as reserve:
                os.posix_fallocate(reserve.fileno(), 0, RESERVE_BYTES)
        except OSError:
            pass


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replaces a file as a whole; after a power cut it holds the old or the new content."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
