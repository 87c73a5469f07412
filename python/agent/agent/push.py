"""Receives an apply from the laptop and starts it, detached from the connection; follow.py then tells its events.

After the apply request comes a plain tar with `files/<absolute path>` and `trees/<name>/**`. They are staged, beside a
copy of this package, in a folder that no run has yet, which becomes the run's folder by one rename: a connection that
drops meanwhile leaves nothing that could be taken for a run. The run is a unit of its own, so that the end of the SSH session does not reach
it. systemd gives a unit's name only once: that is what lets only one apply run at a time.

A push that comes twice, because the laptop did not hear the answer to the first, starts nothing and follows the run.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from importlib import resources
from typing import TYPE_CHECKING

from .common import APPLY_DESCRIPTION, APPLY_UNIT, RUN_NAME, RUNS, STATE, applying, attempt, speaker, units
from .follow import follow, may_hang_up, verdict

if TYPE_CHECKING:
    from typing import BinaryIO

    from .common import Say
    from .messages import ApplyRequest, Refused

KEPT_RUNS = 5
TAR_BYTES = 64 << 20
TAR_END = bytes(1024)
TAR_ROOTS = ("files", "trees")
INCOMING = ".incoming-"
STALE_SECONDS = 3600
UNIT_PROPERTIES = {
    "Type": "exec",
    # A stop lets the agent put the old configuration back; whatever it has started then ends with it.
    "KillMode": "mixed",
    "TimeoutStopSec": "90",
    # On a small server pip may be killed for its memory. The agent must live to say so.
    "OOMPolicy": "continue",
    # needrestart, and whoever else restarts what uses an old library, would end it in its middle. The server's own
    # shutdown still stops it (systemd.unit(5)).
    "RefuseManualStop": "yes",
    "WorkingDirectory": "/",
    "Environment": "HOME=/root",
    "TasksMax": "infinity",
}


class Rejected(Exception):
    """Says why a push was not taken, and what to do about it."""

    def __init__(self, what: str, help: str) -> None:
        super().__init__(what)
        self.what = what
        self.help = help


def receive(request: ApplyRequest, payload: BinaryIO, say: Say) -> bool:
    """Starts the apply; gives True when there is a run to follow."""
    run = request["run"]
    try:
        if not RUN_NAME.fullmatch(run):
            raise Rejected(f"`{run}` cannot be a run's name", "this is a defect of labctl: please report it")
        other = running_now()
        if other is None and not os.path.isdir(f"{RUNS}/{run}"):
            stage(request, payload)
            other = start(run)
    except Rejected as rejected:
        say(verdict(run, "receive", rejected.what, rejected.help))
        drain(payload)
        return False
    except OSError as error:
        what = f"the server could not take the apply: {error.strerror} (`{error.filename or RUNS}`)"
        say(verdict(run, "receive", what, "make room on the server's disk, or look at `sudo dmesg` there"))
        drain(payload)
        return False
    if other not in (None, run):
        refused: Refused = {"type": "refused", "running": other}
        say(refused)
        drain(payload)
        return False
    drain(payload)
    return True


def running_now() -> str | None:
    """Names the run that is under way."""
    states = attempt(units, [APPLY_UNIT]) or {}
    return applying(states.get(APPLY_UNIT))


def drain(payload: BinaryIO) -> None:
    """Takes what the laptop still sends: it could not hear the answer while it is busy sending."""
    for _ in range(TAR_BYTES >> 16):
        if not payload.read(1 << 16):
            break


def stage(request: ApplyRequest, payload: BinaryIO) -> None:
    """Lays the run's folder out."""
    run = request["run"]
    os.umask(0o077)
    for folder in (STATE, RUNS):
        own_folder(folder)
    clean()
    staged = f"{RUNS}/{INCOMING}{run}-{os.getpid()}"
    os.mkdir(staged, 0o700)
    try:
        unpack(whole(payload), staged)
        lay_out(f"{staged}/agent")
        kept = {name: value for name, value in request.items() if name != "nonce"}
        write(f"{staged}/request.json", json.dumps(kept).encode("ascii"))
        os.rename(staged, f"{RUNS}/{run}")
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def lay_out(folder: str) -> None:
    """Copies this package to a folder, out of the archive in which it came."""
    os.mkdir(folder, 0o700)
    for module in resources.files(__package__).iterdir():
        if module.name.endswith(".py"):
            write(f"{folder}/{module.name}", module.read_bytes())


def own_folder(path: str) -> None:
    """Makes a folder that only root can look into; a link or somebody else's folder is not taken for it."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise Rejected(f"`{path}` on the server belongs to another user", f"look into it, then `sudo rm -r {path}`")
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def clean() -> None:
    """Removes the oldest runs, and what broken connections left."""
    names = os.listdir(RUNS)
    for name in names:
        path = f"{RUNS}/{name}"
        if name.startswith(INCOMING) and time.time() - os.lstat(path).st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    runs = [name for name in names if RUN_NAME.fullmatch(name)]
    runs.sort(key=lambda name: os.lstat(f"{RUNS}/{name}").st_mtime)
    # The one that comes counts too.
    for name in runs[: -(KEPT_RUNS - 1)]:
        shutil.rmtree(f"{RUNS}/{name}", ignore_errors=True)


def whole(payload: BinaryIO) -> bytes:
    """Reads the tar to its end. One that was cut off between two files looks like a shorter one, but lacks the end."""
    data = payload.read(TAR_BYTES + 1)
    if len(data) > TAR_BYTES:
        raise Rejected(f"the apply is larger than {TAR_BYTES >> 20} MiB", "make the plan's files smaller")
    if len(data) % 512 or not data.endswith(TAR_END):
        raise Rejected("the apply did not arrive as a whole", "run `labctl apply` again")
    return data


def unpack(data: bytes, folder: str) -> None:
    """Unpacks plain files and folders, and nothing that could reach out of the run's folder."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                unpack_member(archive, member, folder)
    except tarfile.TarError as error:
        raise Rejected(f"the apply is no tar archive ({error})", "run `labctl apply` again") from error


def unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str) -> None:
    """Unpacks one file or folder."""
    parts = member.name.rstrip("/").split("/")
    # Plainly these: what tarfile calls regular may also be a file with holes, which unpacks to any size.
    is_plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
    if not is_plain or parts[0] not in TAR_ROOTS or {"", ".", ".."} & set(parts) or "\0" in member.name:
        what = f"the apply holds `{member.name}`, which may not be in it"
        raise Rejected(what, "this is a defect of labctl: please report it")
    path = "/".join([folder, *parts])
    # Nothing but this function writes here, and it makes no links: so no part of the path is one.
    os.makedirs(path if member.isdir() else os.path.dirname(path), mode=0o700, exist_ok=True)
    content = archive.extractfile(member)
    if content is not None:
        write(path, content.read())


def write(path: str, data: bytes) -> None:
    """Writes a new file that only root can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def start(run: str) -> str | None:
    """Starts the run's unit; gives the name of another run, if that one was faster."""
    folder = f"{RUNS}/{run}"
    command = ["systemd-run", f"--unit={APPLY_UNIT}", "--collect", "--quiet", f"--description={APPLY_DESCRIPTION}{run}"]
    command += [f"--property={name}={value}" for name, value in UNIT_PROPERTIES.items()]
    # Where the agent itself fails, its last words are there.
    command += [f"--property={stream}=append:{folder}/agent.log" for stream in ("StandardOutput", "StandardError")]
    command += ["--", sys.executable, "-I", f"{folder}/agent"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
        raise Rejected("the server has no systemd", "choose an image of Ubuntu or Debian") from None
    except subprocess.TimeoutExpired:
        # A busy systemd may still have started it; follow.py will see.
        return None
    if done.returncode == 0:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    other = running_now()
    if other is None:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise Rejected(f"systemd did not start the apply: {said}", "look at `sudo systemctl status` on the server")
    return other


def main(request: ApplyRequest, payload: BinaryIO) -> None:
    """Starts the run, and follows it."""
    with may_hang_up():
        say = speaker(request["nonce"])
        if receive(request, payload, say):
            follow(request["run"], say)
