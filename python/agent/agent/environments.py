"""Builds environments (of Python, Node, R) aside; a link is switched to them later."""

from __future__ import annotations

import copy
import os
import re
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from . import languages, locks, node, uv
from .job import plural
from .prepare import is_complete
from .tools import Tools

if TYPE_CHECKING:
    from .job import Job
    from .messages import Environment

FOLDER = "/opt/labctl"
COMPLETE = ".labctl-complete"
TARGET = re.compile(r"^[a-z0-9.-]+-[0-9a-f]{12}$")
# Of a language that comes as a package of the distribution, or from its vendor.
NEEDS_PACKAGES = ("r",)


class Background:
    """Builds environments beside what else a run has to do before it switches, one after the other.

    dpkg and uv hardly wait for the same things. A build beside dpkg may meet a Python that is being replaced under it:
    so what has failed there is tried once more when dpkg is done, and only then is it a failure.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        # Its programs are ended with it, and no others.
        self._aside = copy.copy(job)
        self._aside.tools = Tools(job.journal)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._build, daemon=True)

    def __enter__(self) -> Background:
        uv.clear_cache(self.job)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._aside.tools.stop()
        self._thread.join()
        uv.clear_cache(self.job)

    def finish(self) -> None:
        """Waits until all are built."""
        self._thread.join()
        if self._failure and not self.job.request["packages"]:
            raise self._failure
        if self._failure:
            self.job.journal.line(f"{self._failure}; trying again, now that the packages are installed")
        for environment in self.job.request["environments"]:
            if not is_complete(self.job, environment["target"]):
                build(self.job, environment)

    def _build(self) -> None:
        try:
            for environment in self.job.request["environments"]:
                if environment["kind"] not in NEEDS_PACKAGES:
                    build(self._aside, environment)
        except BaseException as error:  # it is raised where it is waited for
            self._failure = error


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
    installer = uv.Uv(job, environment)
    installer.make(target)
    installer.install(target, locks.lock(job, environment, target, installer))


def _build_node(job: Job, environment: Environment, target: Path) -> None:
    """Node itself comes from PyPI as a package of the environment; npm installs beside it."""
    _build_python(job, environment, target)
    node.install(job, environment, target)


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
    if not any(TARGET.match(entry.name) for entry in folder.iterdir()):
        # Nobody needs an installer any more.
        shutil.rmtree(job.at(uv.TOOLS), ignore_errors=True)
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
    "r": languages.build_r,
}
