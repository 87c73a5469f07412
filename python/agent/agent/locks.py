"""Locks: each version of an environment's packages, with the sums of its files.

What labctl brings is locked in its source. What a plan or an app asks for besides is locked here when it is installed
first; from then on it stays as it is, as far as the requirements let it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .journal import write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job
    from .messages import Environment
    from .uv import Uv

FOLDER = "locks"
LOCK = "labctl.lock"
# A version with its sums, which are the lines behind it.
ENTRY = re.compile(r"(?m)^[A-Za-z0-9].*\n(?:[ \t]+.*\n)*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def lock(job: Job, environment: Environment, target: Path, uv: Uv) -> Path:
    """Writes an environment's lock into it."""
    place = target / LOCK
    place.write_text(environment["lock"])
    if environment["is_extended"]:
        name = environment["name"]
        requirements = job.folder / f"requirements-{name}.txt"
        requirements.write_text(environment["requirements"])
        earlier = _kept(job, environment)
        if earlier.is_file():
            place.write_text(preferred(environment["lock"], earlier.read_text()))
        # uv keeps to the versions of a lock that is there already, and to their sums.
        command = ["pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
        command += ["--python", str(target / "bin/python"), "--output-file", str(place), str(requirements)]
        uv.run(command, "the packages of {name} do not go together, or cannot be found")
        locked = re.findall(r"(?m)^([\w.-]+==[^ \\;]+)", place.read_text())
        job.journal.line(f"{name} is locked to {', '.join(locked) or 'no packages'}")
    place.chmod(0o644)
    return place


def preferred(own: str, earlier: str) -> str:
    """What labctl brings, as it is now; and what else an earlier lock had."""
    names = {_name(entry) for entry in ENTRY.findall(own)}
    return own + "".join(entry for entry in ENTRY.findall(earlier) if _name(entry) not in names)


def keep(job: Job) -> None:
    """Keeps the locks of what has proved to work, also beyond the environment's own life."""
    for environment in job.request["environments"]:
        place = job.at(environment["target"]) / LOCK
        if environment["is_extended"] and place.is_file():
            kept = _kept(job, environment)
            kept.parent.mkdir(mode=0o755, exist_ok=True)
            write_durably(kept, place.read_bytes(), 0o644)


def _kept(job: Job, environment: Environment) -> Path:
    return job.state / FOLDER / f"{environment['name']}.txt"


def _name(entry: str) -> str:
    """The package's name in its one form (PEP 503)."""
    found = NAME.match(entry)
    return re.sub(r"[-_.]+", "-", found.group().lower()) if found else ""
