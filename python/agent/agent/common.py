"""What the commands share: careful reading, answering, and the runs of an apply."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from .messages import LiveUnit

    class UnitState(LiveUnit):
        """A unit as systemd describes it."""

        description: str


Fact = TypeVar("Fact")
Facts = TypeVar("Facts", bound=Mapping[str, object])
Arguments = ParamSpec("Arguments")
# Tells the laptop something.
Say = Callable[[Mapping[str, Any]], None]

STATE = "/var/lib/labctl"
RUNS = f"{STATE}/runs"
RUN_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
APPLY_UNIT = "labctl-apply.service"
APPLY_DESCRIPTION = "labctl apply "
UNIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]*\.(service|socket|timer|target|path|mount|slice)")
READ_BYTES = 16 << 20
PIECE_BYTES = 64 << 10
REGULAR = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


def attempt(read: Callable[Arguments, Fact], *arguments: Arguments.args, **named: Arguments.kwargs) -> Fact | None:
    """Gives what `read` gives, or None: whatever goes wrong with one fact must not cost the others."""
    try:
        return read(*arguments, **named)
    except Exception:
        return None


def known(facts: Facts) -> Facts:
    """Leaves out what could not be read, of facts that may be left out."""
    return cast("Facts", {name: fact for name, fact in facts.items() if fact is not None})


def present(found: Mapping[str, Fact | None]) -> dict[str, Fact]:
    """Leaves out what is not there."""
    return {name: fact for name, fact in found.items() if fact is not None}


def text(path: str, limit: int = READ_BYTES) -> str:
    """Reads a regular file as text. A pipe would keep the probe waiting, a huge file would fill the memory."""
    descriptor = os.open(path, REGULAR)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a file")
        return read_all(descriptor, limit).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def read_all(descriptor: int, limit: int) -> bytes:
    """Reads a file to its end, in pieces: some of the kernel's files cannot be read at once. A growing one ends too."""
    data = bytearray()
    while piece := os.read(descriptor, PIECE_BYTES):
        data += piece
        if len(data) > limit:
            raise ValueError("too large")
    return bytes(data)


def answer_of(*command: str, timeout: float = 10) -> str:
    """Runs a program that only looks something up, and gives what it printed, even if it ended with an error."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=timeout,
        env=environment,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")


def speaker(nonce: str) -> Say:
    """Gives what prints an answer as one line, in ASCII; what is no text (half a character in a file's name) is replaced.

    Each line begins with the nonce, so that whatever a login shell prints cannot be taken for an answer.
    """

    def say(answer: Mapping[str, Any]) -> None:
        words = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
        line = f"{nonce} {json.dumps(json.loads(words))}\n"
        sys.stdout.buffer.write(line.encode("ascii"))
        sys.stdout.buffer.flush()

    return say


def units(names: Iterable[str]) -> dict[str, UnitState]:
    """Gives the states of units, with one question to systemd for all of them."""
    properties = "LoadState,ActiveState,UnitFileState,Description"
    names = [name for name in dict.fromkeys(names) if UNIT_NAME.fullmatch(name)]
    answer = answer_of("systemctl", "show", f"--property={properties}", "--", *names)
    # The answers come in the order of the names, each after an empty line.
    blocks = answer.strip("\n").split("\n\n")
    if len(blocks) != len(names):
        return {}
    states = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks]
    return {name: unit(state) for name, state in zip(names, states, strict=True)}


def unit(state: dict[str, str]) -> UnitState:
    """Gives the state of one unit."""
    return {
        "load": state.get("LoadState", ""),
        "active": state.get("ActiveState", ""),
        "enabled": state.get("UnitFileState", ""),
        "description": state.get("Description", ""),
    }


def applying(state: UnitState | None) -> str | None:
    """Gives the name of the run that is under way, from the state of its unit."""
    if state is None or state["active"] not in ("active", "activating", "deactivating", "reloading"):
        return None
    # The run's name is the last word of the description that push.py gives the unit.
    return state["description"].removeprefix(APPLY_DESCRIPTION)


def phase_of(run: str) -> str:
    """Names the step that a run has begun last."""
    return (attempt(text, f"{RUNS}/{run}/phase", 200) or "start").strip()


def last_event(run: str) -> Any:
    """Gives the last event that a run has written, or None."""
    with open(f"{RUNS}/{run}/events.jsonl", "rb") as events:
        events.seek(0, os.SEEK_END)
        events.seek(max(0, events.tell() - (1 << 20)))
        lines = events.read().splitlines()
    return json.loads(lines[-1]) if lines else None


def has_verdict(run: str) -> bool:
    """Says whether a run has come to its end."""
    event = attempt(last_event, run)
    return isinstance(event, dict) and event.get("type") == "verdict"
