"""uv, which builds the environments of Python: fetched by its sum, and called in one way.

Its wheel holds one program that needs nothing else, so that an environment can be built before the distribution's
packages are there.
"""

from __future__ import annotations

import configparser
import html.parser
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from . import downloads, machine
from .failure import Failure
from .job import plural

if TYPE_CHECKING:
    from .job import Job
    from .messages import Environment

READABLE = 0o022
INSTALL_SECONDS = 3600
TOOLS = "/opt/labctl/tools"
# On the disk of the environments, so that a file of theirs is a link to what was unpacked here, and lies there once.
CACHE = "/opt/labctl/uv-cache"
# Not in an environment's own folder: what users have built on an interpreter outlives the packages beside it.
INTERPRETERS = "/opt/labctl/cpython"
ARCHIVES = "/var/cache/labctl/python"
PYPI = "https://pypi.org/simple"
# In the order in which pip reads them.
PIP_SETTINGS = ("/etc/pip.conf", "/root/.pip/pip.conf", "/root/.config/pip/pip.conf")
SMALL_MEMORY = 2 << 30
OTHER_FILE = re.compile(r"[Hh]ash mismatch for `([^`]+)`")


class Uv:
    """uv for one environment: with its index, and with its name in what fails."""

    def __init__(self, job: Job, environment: Environment) -> None:
        self.job = job
        self.environment = environment
        self.indexes = _indexes(job, environment)
        self.program = _program(job, self.indexes)

    def make(self, target: Path) -> None:
        """Makes an environment without packages, on the system's Python or on one of its own."""
        python = "/usr/bin/python3"
        if self.environment["version"]:
            python = self.interpreter()
        command = ["venv", "--python", python, "--no-python-downloads", "--quiet", "--allow-existing", str(target)]
        self.run(command, "the environment of {name} could not be made")

    def install(self, target: Path, lock: Path) -> None:
        """Installs exactly what a lock has."""
        command = ["pip", "sync", "--require-hashes", "--link-mode", "hardlink", "--compile-bytecode"]
        if not self.environment["is_extended"]:
            # What is built runs a program that no lock names. All that labctl brings has wheels.
            command += ["--only-binary", ":all:"]
        command += ["--python", str(target / "bin/python"), str(lock)]
        self.run(command, "the packages of {name} could not be installed")
        # uv lets everybody write to the files that keep its runs apart.
        for folder in (target, self.job.at(INTERPRETERS)):
            (folder / ".lock").unlink(missing_ok=True)

    def interpreter(self) -> str:
        """Downloads CPython, unless it is there; uv carries the sums of all that it knows."""
        version = self.environment["version"]
        folder = self.job.at(INTERPRETERS)
        command = ["python", "install", "--no-bin", "--install-dir", str(folder), str(version)]
        mirror = self.environment.get("interpreters")
        if mirror:
            command += ["--python-downloads-json-url" if mirror.endswith(".json") else "--mirror", mirror]
        self.run(command, f"Python {version} could not be downloaded")
        found = sorted(folder.glob(f"cpython-{version}-*/bin/python3"))
        if not found:
            raise Failure(f"uv has installed no Python {version}", "this is a defect of labctl: please report it")
        return str(found[0])

    def run(self, arguments: list[str], what: str) -> None:
        """Calls uv. Indexes are told by variables: other users see the words of a command, with a mirror's password."""
        settings = {
            "UV_CACHE_DIR": str(self.job.at(CACHE)),
            "UV_PYTHON_CACHE_DIR": str(self.job.at(ARCHIVES)),
            "UV_NO_PROGRESS": "1",
            "UV_SYSTEM_CERTS": "1",
            # Of one file; a small server that is busy takes longer than uv expects.
            "UV_COMPILE_BYTECODE_TIMEOUT": "600",
        }
        if self.indexes:
            settings |= {"UV_DEFAULT_INDEX": self.indexes[0], "UV_INDEX": " ".join(self.indexes[1:])}
        if machine.memory()[0] < SMALL_MEMORY:
            settings |= {"UV_CONCURRENT_DOWNLOADS": "4", "UV_CONCURRENT_INSTALLS": "1", "UV_CONCURRENT_BUILDS": "1"}
        try:
            self.job.tools.run(
                [self.program, *arguments],
                what.format(name=f"`{self.environment['name']}`"),
                "the lines below are uv's own; nothing was switched; check that the server reaches its index",
                timeout=INSTALL_SECONDS,
                umask=READABLE,
                environment=settings,
            )
        except Failure as failure:
            found = OTHER_FILE.search("\n".join(failure.log))
            if found:
                raise Failure(
                    f"the index serves another file of `{found.group(1)}` than the one that is locked",
                    "find out who changed it, and install nothing from that index until then; nothing was switched",
                    failure.log,
                ) from None
            raise


def clear_cache(job: Job) -> None:
    """Removes what uv has unpacked; environments keep their files."""
    shutil.rmtree(job.at(CACHE), ignore_errors=True)


def _indexes(job: Job, environment: Environment) -> list[str]:
    """The plan's index; else those that the server's image gives pip; else none, which is PyPI."""
    if index := environment.get("index"):
        return [index]
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        settings.read([job.at(path) for path in PIP_SETTINGS], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        job.journal.line(f"pip's settings are not read: {error}")

    def setting(name: str) -> str:
        found = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
        for section in ("install", "global"):
            found = found or settings.get(section, name, fallback=None)
        return found or ""

    indexes = [*setting("index-url").split(), *setting("extra-index-url").split()]
    return indexes if setting("index-url") else ([PYPI, *indexes] if indexes else [])


def _program(job: Job, indexes: list[str]) -> str:
    """Fetches uv, unless it is there; others of its versions go."""
    name, digest = _wheel(job)
    version = name.split("-")[1]
    tools = job.at(TOOLS)
    place = tools / f"uv-{version}"
    program = place / "bin/uv"
    if program.is_file():
        return str(program)
    address = _address(job, (indexes or [PYPI])[0].rstrip("/"), name)
    wheel = downloads.fetch(job, address, digest, OTHER_UV)
    shutil.rmtree(tools, ignore_errors=True)
    beside = place.with_name(place.name + ".new")
    (beside / "bin").mkdir(parents=True)
    for folder in (tools.parent, tools, beside, beside / "bin"):
        folder.chmod(0o755)
    with zipfile.ZipFile(wheel) as archive, open(beside / "bin/uv", "wb") as file:
        with archive.open(f"uv-{version}.data/scripts/uv") as packed:
            shutil.copyfileobj(packed, file)
        file.flush()
        os.fsync(file.fileno())
    (beside / "bin/uv").chmod(0o755)
    beside.rename(place)
    return str(program)


OTHER_UV = (
    "what labctl has locked",
    "the index serves another file than PyPI: find out who changed it, and install nothing from there until then; "
    "nothing was changed",
)


def _wheel(job: Job) -> tuple[str, str]:
    """The name and the sum of uv's wheel for this server's processor."""
    machine = os.uname().machine
    for line in job.request["installer"].splitlines():
        digest, _, name = line.partition("  ")
        if name.endswith(f"_{machine}.whl"):
            return name, digest
    raise Failure(
        f"labctl has no uv for the processor of this server, `{machine}`",
        "choose a server type with an x86 processor or Graviton",
    )


def _address(job: Job, index: str, wheel: str) -> str:
    """Where an index has a wheel of uv ("Simple repository API"); with the index's name and password, if it has some."""
    page = f"{index}/uv/" + ("index.html" if index.startswith("file:") else "")
    place = job.folder / "uv.html"
    place.unlink(missing_ok=True)
    downloads.load(job, page, place)
    links = _Links()
    links.feed(place.read_text(encoding="utf-8", errors="replace"))
    for link in links.found:
        address = urljoin(page, link.split("#")[0])
        if unquote(urlsplit(address).path).rsplit("/", 1)[-1] == wheel:
            return address
    raise Failure(
        f"the index `{index}` has no `{wheel}`",
        f"let it have what PyPI has of uv ({plural(len(links.found), 'file')} found); nothing was changed",
    )


class _Links(html.parser.HTMLParser):
    """The addresses of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]
