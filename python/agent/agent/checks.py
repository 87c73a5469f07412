"""Checks all new files with the programs that will read them, before any of them goes live."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .failure import Failure
from .job import plural
from .staging import SSH_SETTINGS, Staging
from .tokens import make_parents

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .job import Job
    from .messages import FileCheck, UnitCheck

CERTIFICATE_PROGRAM = "/usr/local/lib/labctl/certificate"
CERTIFICATE_SETTINGS = "/etc/labctl/certificate.json"
SYSTEM_UNITS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
HELP = "nothing was switched; correct the lines below, or report them if labctl wrote the file"


class Rejected(Exception):
    """A checker refuses a file; carries the checker's lines."""


def check(job: Job) -> None:
    """Lays the new tree out, checks all of it, and reports every file that fails."""
    staging = Staging(job)
    staging.lay_out()
    failed, log = _certificate(job, staging)
    for wish in job.request["checks"]:
        checker = CHECKERS.get(wish["kind"])
        paths = wish["paths"] if wish["kind"] == "unit" else [wish["path"]]
        try:
            if checker is None:
                raise Rejected(f"this version knows no check of kind `{wish['kind']}`")
            for line in checker(job, staging, wish) or []:
                job.journal.line(line)
        except Rejected as rejected:
            lines = staging.without_prefix(rejected.args)
            named = [p for p in paths if any(Path(p).name in line for line in lines)] or paths
            failed += [f"`{path}`" for path in named]
            log += [f"{wish['kind']}: {line}" for line in lines]
    shutil.rmtree(staging.root, ignore_errors=True)
    if failed:
        for line in log:
            job.journal.line(line)
        checks = "its check" if len(failed) == 1 else "their checks"
        raise Failure(f"{plural(len(failed), 'new file')} failed {checks}: {', '.join(failed)}", HELP, log)


def _certificate(job: Job, staging: Staging) -> tuple[list[str], list[str]]:
    """NGINX opens the certificates that its configuration names, so there must be one that stays."""
    try:
        # Otherwise it is made when the certificate is looked after, which then lets NGINX read it.
        is_read_anew = any(unit["name"] == "nginx.service" for unit in job.request["units"])
        if job.request.get("certificate") and is_read_anew:
            _prepare_certificate(job, staging)
    except Rejected as rejected:
        lines = staging.without_prefix(rejected.args)
        return [f"`{CERTIFICATE_SETTINGS}`"], [f"certificate: {line}" for line in lines]
    return [], []


def _nginx(job: Job, staging: Staging, wish: FileCheck) -> list[str]:
    return _ask(job, ["nginx", "-t", "-c", str(staging.at(wish["path"]))])


def _prepare_certificate(job: Job, staging: Staging) -> None:
    program = staging.at(CERTIFICATE_PROGRAM)
    settings = staging.at(CERTIFICATE_SETTINGS)
    if not program.exists() or not settings.exists():
        return
    make_parents(job.at(CERTIFICATE_SETTINGS))
    command = ["/usr/bin/python3", "-I", str(program), "--prepare", "--config", str(settings)]
    _ask(job, command)


def _unit(job: Job, staging: Staging, wish: UnitCheck) -> None:
    """Checks all units together, because they name each other.

    Programs and environments that come with this run are not at their places yet: in the copies
    that are checked, their names are replaced by where they are now.
    """
    replaced = {file["path"]: str(staging.at(file["path"])) for file in job.request["files"]}
    for linked in job.request["environments"] + job.request["trees"]:
        replaced[linked["link"]] = linked["target"]
    with tempfile.TemporaryDirectory(dir=job.folder) as folder:
        targets = []
        for path in wish["paths"]:
            text = _redirect(staging.at(path).read_text(errors="replace"), replaced)
            targets.append(_copy_unit(job, Path(folder), path, text))
        command = ["systemd-analyze", "verify", "--man=no", *dict.fromkeys(targets)]
        answer = job.tools.ask(command, timeout=120)
        names = [Path(path).name for path in wish["paths"]]
        lines = [line.replace(f"{folder}/", "") for line in answer.lines]
        for new, old in ((new, old) for old, new in replaced.items()):
            lines = [line.replace(new, old) for line in lines]
        ours = [line for line in lines if any(_concerns(line, name) for name in names)]
        if ours or answer.code == 127:
            raise Rejected(*(ours or answer.lines))


def _copy_unit(job: Job, folder: Path, path: str, text: str) -> str:
    """Writes the copy of a unit; a drop-in is checked with the unit that it belongs to."""
    parent = Path(path).parent.name
    if not parent.endswith(".d"):
        (folder / Path(path).name).write_text(text)
        return str(folder / Path(path).name)
    name = parent.removesuffix(".d")
    (folder / parent).mkdir(exist_ok=True)
    (folder / parent / Path(path).name).write_text(text)
    for units in SYSTEM_UNITS:
        live = job.at(units) / name
        if live.is_file() and not (folder / name).exists():
            shutil.copyfile(live, folder / name)
    return str(folder / name)


def _redirect(text: str, replaced: dict[str, str]) -> str:
    """Replaces whole paths in the lines that start programs."""
    for old, new in replaced.items():
        pattern = re.compile(rf"(?m)^(Exec\w+=[-@:+!|]*){re.escape(old)}(?=[/\s]|$)")
        text = pattern.sub(partial(_with_program, new), text)
    return text


def _with_program(program: str, match: re.Match[str]) -> str:
    return match.group(1) + program


def _concerns(line: str, name: str) -> bool:
    """Whether a line of systemd is about a unit, at its beginning or at a place in its file."""
    return re.match(rf"(?:Unit |.*/)?{re.escape(name)}\b", line) is not None


def _python(_job: Job, staging: Staging, wish: FileCheck) -> None:
    source = staging.at(wish["path"]).read_bytes()
    try:
        compile(source, wish["path"], "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Rejected(f"{wish['path']}:{error.lineno}: {error.msg}") from None
    except ValueError as error:
        raise Rejected(f"{wish['path']}: {error}") from None


def _sudoers(job: Job, staging: Staging, wish: FileCheck) -> list[str]:
    if re.search(r"[.~]", Path(wish["path"]).name):
        raise Rejected(f"{wish['path']}: sudo ignores files with a dot in their name")
    return _ask(job, ["visudo", "-cf", str(staging.at(wish["path"]))])


def _sshd(job: Job, staging: Staging, wish: FileCheck) -> list[str]:
    """Checks the whole configuration of sshd with the new snippet in it."""
    settings = staging.at(SSH_SETTINGS)
    folder = os.path.dirname(wish["path"])
    text = settings.read_text(errors="replace") if settings.exists() else ""
    include = re.compile(rf"(?mi)^(\s*Include\s.*?){re.escape(folder)}/")
    if folder != os.path.dirname(SSH_SETTINGS) and not include.search(text):
        raise Rejected(f"{wish['path']}: {SSH_SETTINGS} has no line `Include {folder}/*.conf`")
    copy = staging.root / "sshd_config"
    copy.write_text(include.sub(rf"\g<1>{staging.root}{folder}/", text))
    # Where sshd is started for each connection, its folder is not there in between.
    job.at("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return _ask(job, ["sshd", "-t", "-f", str(copy)])


def _nft(job: Job, staging: Staging, wish: FileCheck) -> list[str]:
    return _ask(job, ["nft", "--check", "--file", str(staging.at(wish["path"]))])


def _ask(job: Job, command: list[str]) -> list[str]:
    answer = job.tools.ask(command, timeout=120)
    if answer.code != 0:
        raise Rejected(*(answer.lines or [f"{command[0]} ended with {answer.code}"]))
    return answer.lines


CHECKERS: dict[str, Callable[[Job, Staging, Any], list[str] | None]] = {
    "nginx": _nginx,
    "unit": _unit,
    "python": _python,
    "sudoers": _sudoers,
    "sshd": _sshd,
    "nft": _nft,
}
