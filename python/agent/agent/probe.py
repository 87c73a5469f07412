"""Reads the facts of this server and prints them as one line; it changes nothing.

The server may be odd or hostile. So every fact has a small function of its own, and what cannot be read is left out of
the answer: no fact can cost the others. Programs are started as seldom as possible, because each costs more than all
files together: one `systemctl` for all units, one `openssl` where there is a certificate. The facts of the machine are
in `machine.py`.
"""

from __future__ import annotations

import calendar
import errno
import grp
import hashlib
import json
import os
import pwd
import re
import socket
import stat
import sys
import time
from typing import TYPE_CHECKING, cast

from .common import (
    APPLY_UNIT,
    REGULAR,
    RUN_NAME,
    RUNS,
    STATE,
    answer_of,
    applying,
    attempt,
    has_verdict,
    known,
    phase_of,
    present,
    read_all,
    speaker,
    text,
    units,
)
from .machine import (
    cloud_init,
    disk,
    dpkg,
    dpkg_packages,
    installed,
    is_container,
    memory,
    model,
    ports,
    root_disk,
    system,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO, Literal

    from .common import UnitState
    from .messages import (
        AskedFile,
        Facts,
        FactsOfLab,
        FactsOfMachine,
        LiveCertificate,
        LiveFile,
        LiveModel,
        LiveUnit,
        LiveUser,
        Notes,
        ProbeRequest,
        Running,
        Unfinished,
    )

FORMAT = 1
UNIT_FOLDER = "/etc/systemd/system/"
CERTIFICATE = "/etc/labctl/tls/current"
SHOWN_BYTES = 256 << 10
HASHED_BYTES = 64 << 20
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


def live_files(asked: list[AskedFile], noted: list[str]) -> dict[str, LiveFile]:
    """Describes the files that were asked for and those that labctl noted."""
    files: dict[str, LiveFile | None] = {}
    for file in asked:
        path = file["path"]
        files[path] = attempt(live_file, path, file.get("sha256"), bool(file.get("secret")), not file.get("private"))
    for path in noted:
        if path not in files:
            files[path] = attempt(live_file, path, None, False, False)
    return present(files)


def live_file(path: str, sha256: str | None = None, secret: bool = False, asked: bool = True) -> LiveFile | None:
    """Describes what lies at a path; the text comes along where it is not what was asked for, and is neither a secret
    nor private."""
    status = attempt(os.lstat, path)
    if status is None:
        return None
    kinds: dict[int, Literal["file", "link", "directory"]] = {
        stat.S_IFREG: "file",
        stat.S_IFLNK: "link",
        stat.S_IFDIR: "directory",
    }
    facts: LiveFile = {
        "kind": kinds.get(stat.S_IFMT(status.st_mode), "other"),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "owner": name_of(pwd.getpwuid, status.st_uid),
        "group": name_of(grp.getgrgid, status.st_gid),
    }
    # The hash of a secret stays here too: a short one could be guessed from it.
    if facts["kind"] == "file" and not secret:
        live, content = attempt(contents, path) or (None, None)
        facts["sha256"] = live
        facts["content"] = content if asked and live != sha256 else None
    return known(facts)


def name_of(look_up: Callable[[int], Any], number: int) -> str:
    """Gives the name of a user or a group; one that was deleted keeps its number."""
    entry = attempt(look_up, number)
    return str(entry[0]) if entry else str(number)


def contents(path: str) -> tuple[str | None, str | None]:
    """Gives a file's hash, and its text if that is short enough to be shown."""
    descriptor = os.open(path, REGULAR | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > HASHED_BYTES:
            return None, None
        data = read_all(descriptor, HASHED_BYTES)
    finally:
        os.close(descriptor)
    content = None
    if len(data) <= SHOWN_BYTES and b"\0" not in data:
        content = attempt(data.decode, "utf-8")
    return hashlib.sha256(data).hexdigest(), content


def environment(link: str) -> str | None:
    """Says where an environment's link leads, if what is there was built to its end."""
    target = os.path.join(os.path.dirname(link), os.readlink(link))
    return target if os.path.isfile(target + "/.labctl-complete") else None


def user(name: str, shadow: dict[str, list[str]]) -> LiveUser:
    """Describes an account."""
    entry = pwd.getpwnam(name)
    groups = {name_of(grp.getgrgid, number) for number in os.getgrouplist(name, entry.pw_gid)}
    fields = shadow.get(name, [])
    secret = fields[1] if len(fields) > 1 else ""
    last_day = attempt(int, fields[7]) if len(fields) > 7 else None
    keys, modes_ok = attempt(authorized_keys, entry) or ([], False)
    return {
        "uid": entry.pw_uid,
        "groups": sorted(groups - {name}),
        "expired": last_day is not None and last_day >= 0 and time.time() // 86400 >= last_day,
        "has_password": bool(secret) and secret[0] not in "!*",
        "authorized_keys": keys,
        "key_modes_ok": modes_ok,
    }


def shadow_entries() -> dict[str, list[str]]:
    """Reads the ends and the passwords of all accounts (shadow(5))."""
    lines = (attempt(text, "/etc/shadow") or "").splitlines()
    return {fields[0]: fields for fields in (line.split(":") for line in lines)}


def authorized_keys(entry: pwd.struct_passwd) -> tuple[list[str], bool]:
    """Gives a user's lines of keys, and whether sshd would read them.

    Links are not followed: a user could let root read, and show to the laptop, any file of the server.
    """
    openings = [
        (entry.pw_dir, os.O_DIRECTORY),
        (".ssh", os.O_DIRECTORY | os.O_NOFOLLOW),
        ("authorized_keys", os.O_NOFOLLOW),
    ]
    descriptors: list[int] = []
    modes_ok = True
    try:
        for name, flags in openings:
            folder = descriptors[-1] if descriptors else None
            descriptors.append(os.open(name, REGULAR | flags, dir_fd=folder))
            status = os.fstat(descriptors[-1])
            # sshd_config(5), StrictModes.
            modes_ok = modes_ok and status.st_uid in (0, entry.pw_uid) and not status.st_mode & 0o022
        content = b""
        if stat.S_ISREG(status.st_mode) and status.st_uid in (0, entry.pw_uid):
            content = os.read(descriptors[-1], SHOWN_BYTES)
    except OSError as error:
        return [], modes_ok and error.errno == errno.ENOENT
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    # What Python calls a line's end besides is a character of somebody's comment, and was a new key in every plan.
    lines = [line.strip() for line in content.decode("utf-8", "replace").split("\n")]
    return [line for line in lines if line and not line.startswith("#")], modes_ok


def nginx_live() -> str | None:
    """Asks NGINX which configuration it serves: what lies on the disk may not have been taken up."""
    deadline = time.monotonic() + 2
    answer = b""
    with socket.create_connection(("127.0.0.1", 80), timeout=2) as connection:
        connection.sendall(b"GET /.labctl/config HTTP/1.0\r\nHost: localhost\r\n\r\n")
        while len(answer) < 65536:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    value = body.strip().decode("ascii")
    is_hash = re.fullmatch(r"[0-9A-Za-z._-]{1,128}", value)
    return value if is_hash and head.split(b" ")[1] == b"200" else None


def certificate() -> LiveCertificate | None:
    """Describes the certificate that NGINX is given, if there is one."""
    if not os.path.islink(CERTIFICATE):
        return None
    answer = answer_of(
        "openssl",
        "x509",
        "-in",
        f"{CERTIFICATE}/fullchain.pem",
        "-noout",
        "-subject",
        "-issuer",
        "-enddate",
        "-ext",
        "subjectAltName",
        "-nameopt",
        "RFC2253",
    )
    fields = dict(re.findall(r"^(subject|issuer|notAfter) ?= ?(.*)$", answer, re.MULTILINE))
    names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", answer)
    month, day, clock, year = fields["notAfter"].split()[:4]
    hours, minutes, seconds = clock.split(":")
    end = (int(year), MONTHS.index(month) // 3 + 1, int(day), int(hours), int(minutes), int(seconds))
    return {
        "names": names,
        "not_after": calendar.timegm(end),
        "self_signed": fields["subject"] == fields["issuer"],
    }


def manifest() -> dict[str, Any] | None:
    """Reads what labctl noted about its own work."""
    content = json.loads(text(f"{STATE}/manifest.json"))
    return content if isinstance(content, dict) and content.get("format") == FORMAT else None


def started(run: str) -> float:
    """Says when a run was asked for, in seconds since 1970."""
    return os.stat(f"{RUNS}/{run}/request.json").st_mtime


def running(state: UnitState | None) -> Running | None:
    """Names the apply that is under way."""
    run = applying(state)
    if run is None:
        return None
    return {"run": run}


def unfinished(state: UnitState | None) -> Unfinished | None:
    """Names the newest apply, if it was cut off."""
    runs = [run for run in os.listdir(RUNS) if RUN_NAME.fullmatch(run)]
    newest = max(runs, key=lambda run: (attempt(started, run) or 0, run))
    if newest == applying(state) or has_verdict(newest):
        return None
    return {"run": newest, "phase": phase_of(newest)}


def live_model() -> LiveModel:
    """Says which model was looked for last, and whether it was there."""
    noted = model()
    return {"source": noted["source"], "state": noted["state"], "why": noted.get("why", "")}


def live_unit(state: UnitState) -> LiveUnit:
    """Leaves out what is the server's own affair."""
    return {
        "load": state["load"],
        "active": state["active"],
        "enabled": state["enabled"],
    }


def facts_of_lab(asked: ProbeRequest, noted: dict[str, list[str]]) -> FactsOfLab:
    """Reads what was asked for, and what labctl noted."""
    shadow = attempt(shadow_entries) or {}
    # A unit's file is noted even where a run died before it noted the unit.
    unit_files = [path.removeprefix(UNIT_FOLDER) for path in noted["files"] if path.startswith(UNIT_FOLDER)]
    states = attempt(units, [*asked["units"], *noted["units"], *unit_files, APPLY_UNIT]) or {}
    apply = states.pop(APPLY_UNIT, None)
    return {
        "files": attempt(live_files, asked["files"], noted["files"]) or {},
        "links": present({link: attempt(environment, link) for link in [*asked["links"], *noted["environments"]]}),
        "users": present({name: attempt(user, name, shadow) for name in [*asked["users"], *noted["users"]]}),
        "units": {name: live_unit(state) for name, state in states.items()},
        "ports": attempt(ports, set(asked["ports"])) or {},
        "nginx_live": attempt(nginx_live),
        "certificate": attempt(certificate),
        "model": attempt(live_model),
        "running": attempt(running, apply),
        "unfinished": attempt(unfinished, apply),
    }


def facts_of_machine(asked: ProbeRequest) -> FactsOfMachine:
    """Reads what does not depend on labctl."""
    packages = attempt(dpkg_packages) or {}
    total, swap = attempt(memory) or (None, None)
    return {
        "os": attempt(system),
        "architecture": os.uname().machine,
        "python": ".".join(map(str, sys.version_info[:3])),
        "container": is_container(),
        "clock": time.time(),
        "memory_bytes": total,
        "swap_bytes": swap,
        "disk": attempt(disk),
        "root_disk": attempt(root_disk),
        "cloud_init": attempt(cloud_init),
        "dpkg": attempt(dpkg, packages),
        "packages": attempt(installed, asked["packages"], packages) or {},
    }


def probe(request: ProbeRequest) -> Facts:
    """Reads all facts."""
    note = attempt(manifest)
    maps = ("files", "users", "units", "environments")
    # The manifest lies on the server: whatever form it has must not stop the probe.
    noted = {name: list(notes) if isinstance(notes := (note or {}).get(name), dict) else [] for name in maps}
    # As labctl wrote it: whoever reads it looks at what it finds. What was proved is for the doctor here alone.
    written = {name: value for name, value in note.items() if name != "applied"} if note else None
    facts: Facts = {
        "format": FORMAT,
        **facts_of_machine(request),
        **facts_of_lab(request, noted),
        "manifest": cast("Notes | None", written),
    }
    return known(facts)


def main(request: ProbeRequest, _payload: BinaryIO) -> None:
    """Tells the facts."""
    speaker(request["nonce"])(probe(request))
