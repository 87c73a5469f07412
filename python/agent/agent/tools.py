"""The one way in which the agent calls other programs."""

import os
import signal
import subprocess
import threading
from collections import deque
from dataclasses import dataclass

from .failure import Failure, disk_full, out_of_memory

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
    def lines(self):
        """The written lines that are not empty."""
        return [line for line in self.text.splitlines() if line.strip()]


class Tools:
    """Calls programs; `run` tells every line of theirs, `ask` only looks something up."""

    def __init__(self, journal):
        self.journal = journal

    def run(self, command, what, help, accept=(0,), **options):
        """Runs a program that changes something, and fails in plain words when it fails."""
        answer = self.attempt(command, **options)
        if answer.code in accept:
            return answer
        if "No space left on device" in answer.text or "not enough free space" in answer.text:
            failure = disk_full()
        elif answer.code == -signal.SIGKILL:
            failure = out_of_memory(f"`{os.path.basename(command[0])}`")
        else:
            failure = Failure(what, help)
        raise Failure(failure.what, failure.help, answer.lines[-SHOWN_LINES:])

    def attempt(self, command, timeout=600, environment=None, umask=0o077, text_in=None):
        """Runs a program and tells its lines; the caller judges the answer."""
        self.journal.line("$ " + " ".join(map(str, command)))
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if text_in is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                cwd="/",
                umask=umask,
                start_new_session=True,
                env={**ENVIRONMENT, **(environment or {})},
            )
        except (FileNotFoundError, PermissionError) as error:
            return Answer(127, f"cannot run {command[0]}: {error.strerror}")
        lines = deque(maxlen=KEPT_LINES)
        # A thread reads, because a service that a tool starts may keep the pipe open for ever.
        reader = threading.Thread(target=self._follow, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            if text_in is not None:
                process.stdin.write(text_in)
                process.stdin.close()
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            lines.append(f"stopped after {timeout} seconds without an end")
        except BaseException:
            _end(process)
            raise
        reader.join(2)
        code = 124 if process.returncode is None else process.returncode
        return Answer(code, "\n".join(list(lines)))

    def ask(self, command, timeout=60, text_in=""):
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

    def _follow(self, stream, lines):
        for line in stream:
            text = line.rstrip()
            if text:
                lines.append(text)
                self.journal.line(text)


def _end(process):
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
