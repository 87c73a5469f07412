"""The one kind of failure of a run, and the translation of every other exception into it."""

from __future__ import annotations

import errno
import re
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PASSWORD_IN_ADDRESS = re.compile(r"://[^/@\s]+@")
FREE_SPACE = "free some space, or let the disk grow in the plan, and run `labctl apply` again"


class Failure(Exception):
    """Says what failed, what the reader can do about it, and the last lines of what was heard."""

    def __init__(self, what: str, help: str, log: Iterable[object] = ()) -> None:
        self.what = hide_passwords(what)
        super().__init__(self.what)
        self.help = help
        self.log = [hide_passwords(str(line)) for line in log]


def hide_passwords(text: str) -> str:
    """A text without the names and passwords that addresses in it carry."""
    return PASSWORD_IN_ADDRESS.sub("://***@", text)


def from_exception(error: BaseException) -> Failure:
    """Turns any exception into a Failure, because a traceback is no verdict for the reader."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(error.filename)
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return Failure(
            f"the file system is read-only: cannot write `{error.filename}`",
            "look at `sudo dmesg` for disk errors, then reboot the server",
        )
    if isinstance(error, MemoryError):
        return out_of_memory("the agent")
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return Failure(
        f"the agent met an error that it does not know: `{type(error).__name__}: {error}`",
        "this is a defect of labctl: please report it with the lines below",
        "".join(lines).splitlines()[-12:],
    )


def disk_full(path: str | None = None) -> Failure:
    """Says that the disk is full, and at which file it was noticed."""
    place = f" (while writing `{path}`)" if path else ""
    return Failure(f"the server's disk is full{place}", FREE_SPACE)


def out_of_memory(who: str) -> Failure:
    """Says that something was killed, which on a small server means: not enough memory."""
    return Failure(
        f"{who} was killed, probably because the server ran out of memory",
        "add swap or choose a larger server type in the plan, and run `labctl apply` again",
    )
