"""The one way in which the agent calls other programs."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .failure import Failure, disk_full, out_of_memory

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from .journal import Journal

KEPT_LINES = 200
SHOWN_LINES = 20
# Over what systemd gave the run, which may name a proxy or a certificate authority.
ENVIRONMENT = {
    **os.environ,
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
}


@dataclass
class Answer:
    """What a program ended with and wrote."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        """The written lines that are not empty."""
        return [line for line in self.text.splitlines() if line.strip()]


class Tools:
    """Calls programs; `run` tells every line of theirs, `ask` only looks something up."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._mutex = threading.Lock()
        self._stopped = False
        self._running: subprocess.Popen[str] | None = None

    def stop(self) -> None:
        """Ends the program that runs, and lets no other start."""
        with self._mutex:
            self._stopped = True
            if self._running:
                _end(self._running)

    def run(
        self,
        command: Sequence[str],
        what: str,
        help: str,
        accept: Container[int] = (0,),
        timeout: float = 600,
        environment: Mapping[str, str] | None = None,
        umask: int = 0o077,
    ) -> Answer:
        """Runs a program that changes something, and fails in plain words when it fails."""
        answer = self.attempt(command, timeout, environment, umask)
        if answer.code in accept:
            return answer
        if "No space left on device" in answer.text or "not enough free space" in answer.text:
            failure = disk_full()
        elif answer.code == -signal.SIGKILL:
            failure = out_of_memory(f"`{os.path.basename(command[0])}`")
        else:
            failure = Failure(what, help)
        raise Failure(failure.what, failure.help, answer.lines[-SHOWN_LINES:])

    def attempt(
        self,
        command: Sequence[str],
        timeout: float = 600,
        environment: Mapping[str, str] | None = None,
        umask: int = 0o077,
    ) -> Answer:
        """Runs a program and tells its lines; the caller judges the answer."""
        self.journal.line("$ " + " ".join(map(str, command)))
        try:
            process = self._start(command, environment, umask)
        except (FileNotFoundError, PermissionError) as error:
            return Answer(127, f"cannot run {command[0]}: {error.strerror}")
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        # A thread reads, because a service that a tool starts may keep the pipe open for ever.
        reader = threading.Thread(target=self._follow, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            lines.append(f"stopped after {timeout} seconds without an end")
        except BaseException:
            _end(process)
            raise
        reader.join(2)
        self._running = None
        code = 124 if process.returncode is None else process.returncode
        return Answer(code, "\n".join(list(lines)))

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str] | None, umask: int
    ) -> subprocess.Popen[str]:
        with self._mutex:
            if self._stopped:
                raise Failure("the run has ended", "run `labctl apply` again")
            self._running = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                cwd="/",
                umask=umask,
                start_new_session=True,
                env={**ENVIRONMENT, **(environment or {})},
            )
            return self._running

    def ask(self, command: Sequence[str], timeout: float = 60, text_in: str = "") -> Answer:
        """Looks something up: quietly, and without judging the answer."""
        try:
            answer = subprocess.run(
                command,
                input=text_in,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                cwd="/",
                timeout=timeout,
                env=ENVIRONMENT,
                check=False,
            )
        except (FileNotFoundError, PermissionError) as error:
            return Answer(127, f"cannot run {command[0]}: {error.strerror}")
        except subprocess.TimeoutExpired:
            return Answer(124, f"no answer within {timeout} seconds")
        return Answer(answer.returncode, answer.stdout)

    def _follow(self, stream: Iterable[str], lines: deque[str]) -> None:
        for line in stream:
            text = line.rstrip()
            if text:
                lines.append(text)
                self.journal.line(text)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a program with everything that it started, gently first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
            return
        except ProcessLookupError:
            process.wait()
            return
        except subprocess.TimeoutExpired:
            continue
