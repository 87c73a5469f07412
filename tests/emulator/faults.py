"""What can go wrong with a call on its way: rules that pick calls, and what they do to them."""

import fnmatch
import os
import signal
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.strict import Answer, error

# What each service answers when it is asked too often: status and code.
THROTTLED = {
    "ec2": (503, "RequestLimitExceeded"),
    "s3": (503, "SlowDown"),
    "iam": (400, "Throttling"),
    "sts": (400, "Throttling"),
    "route53": (400, "Throttling"),
    "tagging": (400, "ThrottlingException"),
}


@dataclass
class Fault:
    """A rule that makes calls fail, or their answers.

    `match` is a pattern on the operation's name (`ec2:RunInstances`, `iam:*`, `*`), narrowed by
    `mutating` (true, false or absent for both). Of the calls that match, numbered from 1, it
    hits `count` (0: all) from number `nth` on, each with `probability`. What happens to a hit call:

    * it answers with `status`, `code` and `message`, or with `throttle` as its service does that
      is asked too often; with `drop`, or without a code, not at all: the connection is closed;
    * with `after_effect` the call is carried out first, and only its answer is lost or replaced;
    * `manner` says how a good answer goes wrong: `truncate` (half of the body, then the end of
      the connection), `slow` (in small pieces, over `ms` milliseconds), `late` (`ms` later), or
      `reset` (the connection is reset in the place of the answer);
    * `kill` names a file with a process's id: that process and its group are killed by SIGKILL
      before the call, or with `after_effect` between its effect and its answer.
    """

    match: str = "*"
    mutating: bool | None = None
    nth: int = 1
    count: int = 1
    probability: float = 1.0
    status: int = 500
    code: str = ""
    message: str = "injected by the test"
    throttle: bool = False
    after_effect: bool = False
    drop: bool = False
    manner: str = ""
    ms: float = 0
    kill: str = ""
    seen: int = 0
    hits: int = 0

    def hit(self, call, dice):
        if not fnmatch.fnmatchcase(call.name, self.match) or self.mutating not in (None, call.mutating):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.count and self.hits >= self.count) or dice.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def disturb(self, call, perform):
        """Carries the call out, or does not, and gives what is answered; None closes the connection."""
        if self.manner:
            return self.spoil(call, perform)
        if self.after_effect:
            perform()
        if self.kill:
            kill_group(noted(self.kill))
            return None
        if self.throttle:
            status, code = THROTTLED[call.service]
            return error(call, status, code, "Rate exceeded")
        return None if self.drop or not self.code else error(call, self.status, self.code, self.message)

    def spoil(self, call, perform):
        if self.manner == "reset" and not self.after_effect:
            return Spoilt(0, [], b"", "reset")
        answer = perform()
        if self.manner == "late":
            time.sleep(self.ms / 1000)
            return answer
        return Spoilt(answer.status, answer.headers, answer.body, self.manner, self.ms)


@dataclass
class Spoilt(Answer):
    """A good answer that goes wrong on its way."""

    manner: str = ""
    ms: float = 0


def noted(file):
    """The process's id in a file, which may be written only just now."""
    path = Path(file)
    while not path.exists() or not path.read_text().strip():
        time.sleep(0.001)
    return int(path.read_text())


def kill_group(leader):
    """Kills a process with its group, and waits until it is dead."""
    os.killpg(leader, signal.SIGKILL)
    while is_alive(leader):
        time.sleep(0.001)


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


PIECES = 20


def send_spoilt(handler, answer):
    """Sends an answer through a `BaseHTTPRequestHandler` as its manner says."""
    if answer.manner == "reset":
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # without shutdown(), which would end the connection in peace
        handler.connection.close()
        handler.close_connection = True
        return
    handler.send_response(answer.status)
    for name, value in [*answer.headers, ("Content-Length", str(len(answer.body)))]:
        handler.send_header(name, value)
    handler.end_headers()
    if answer.manner == "truncate":
        handler.wfile.write(answer.body[: len(answer.body) // 2])
        handler.close_connection = True
        return
    size = max(1, len(answer.body) // PIECES)
    for start in range(0, len(answer.body), size):
        handler.wfile.write(answer.body[start : start + size])
        handler.wfile.flush()
        time.sleep(answer.ms / 1000 / PIECES)
