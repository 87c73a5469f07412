"""Programs that the sandbox starts, and that are to end with it, however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOTE = "children.json"
# Linux itself ends such a program with the thread that started it (1 is PR_SET_PDEATHSIG, 9 SIGKILL).
END_WITH_ME = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])"


def start_child(
    folder: str | Path, command: Sequence[str], log: str | Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Starts a program and notes it in the sandbox's folder; from a thread that lives as long as the process."""
    before = [sys.executable, "-I", "-c", END_WITH_ME] if sys.platform.startswith("linux") else []
    environment = {**os.environ, **environment}
    with open(log, "ab") as output:
        child = subprocess.Popen(
            [*before, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    note = Path(folder, NOTE)
    write_json(note, [*(read_json(note) or []), {"pid": child.pid, "command": command}])
    return child


def forget_children(folder: str | Path) -> None:
    """Forgets programs that have ended."""
    Path(folder, NOTE).unlink(missing_ok=True)


def end_children(folder: str | Path) -> list[str]:
    """Ends what a killed sandbox left running, and tells the programs; only what still is what was noted."""
    note, ended = Path(folder, NOTE), []
    for child in read_json(note) or []:
        if _command_of(child["pid"]) == " ".join(child["command"]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child["pid"], signal.SIGKILL)
                ended.append(child["command"][0])
    note.unlink(missing_ok=True)
    return ended


def _command_of(pid: int) -> str:
    """The command line of a process, its words with spaces between; nothing when there is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").replace("\0", " ")
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""
