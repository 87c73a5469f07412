"""Builds the languages that are for everyone: Python with locked packages, and R by rig.

Both lie in a folder of `/opt/labctl` like every environment, and a link is switched to it later.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .failure import Failure
from .journal import write_durably
from .tools import ENVIRONMENT

if TYPE_CHECKING:
    from typing import Literal

    from .job import Job
    from .messages import Environment

READABLE = 0o022
INSTALL_SECONDS = 3600
TOOLS = "/opt/labctl/tools"
LOCKS = "locks"
LOCK = "labctl.lock"
# Not in an environment's own folder: what users have built on an interpreter outlives the packages beside it.
INTERPRETERS = "/opt/labctl/cpython"
ARCHIVES = "/var/cache/labctl/python"
RIG_FOLDER = "/opt/R"
PROFILE = "/etc/labctl/Rprofile.site"
RIG_OPTIONS = ["--without-pak", "--without-sysreqs"]


def build_site(job: Job, environment: Environment, target: Path) -> None:
    """Makes a Python for everyone: an interpreter, and exactly the packages of its lock."""
    uv = _uv(job, environment)
    _make_site(job, environment, target, uv)
    requirements = job.folder / f"requirements-{environment['name']}.txt"
    requirements.write_text(environment["requirements"])
    lock = target / LOCK
    earlier = job.state / LOCKS / f"{environment['name']}.txt"
    if earlier.is_file():
        # What is locked stays as it is, as far as the plan lets it.
        shutil.copyfile(earlier, lock)
    command = [uv, "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
    command += ["--python", str(target / "bin/python"), "--output-file", str(lock), str(requirements)]
    _run_uv(job, environment, command, "the packages of {name} do not go together, or cannot be found")
    command = [uv, "pip", "install", "--require-hashes", "--link-mode", "copy", "--compile-bytecode"]
    command += ["--python", str(target / "bin/python"), "--requirement", str(lock)]
    _run_uv(job, environment, command, "the packages of {name} could not be installed")
    lock.chmod(0o644)
    # uv lets everybody write to the files that keep its runs apart.
    for folder in (target, job.at(INTERPRETERS)):
        (folder / ".lock").unlink(missing_ok=True)
    shutil.rmtree(job.folder / "uv", ignore_errors=True)
    locked = re.findall(r"(?m)^([\w.-]+==[^ \\;]+)", lock.read_text())
    job.journal.line(f"{environment['name']} is locked to {', '.join(locked) or 'no packages'}")


def _given(environment: Environment, field: Literal["version", "installer"]) -> str:
    """A field that an environment of its kind has."""
    value = environment[field]
    if value is None:
        raise Failure(
            f"the environment `{environment['name']}` came without its {field}",
            "this is a defect of labctl: please report it",
        )
    return value


def keep_locks(job: Job) -> None:
    """Keeps the locks of what has proved to work, also beyond the environment's own life."""
    folder = job.state / LOCKS
    for environment in job.request["environments"]:
        lock = job.at(environment["target"]) / LOCK
        if environment["kind"] == "site" and lock.is_file():
            folder.mkdir(mode=0o755, exist_ok=True)
            write_durably(folder / f"{environment['name']}.txt", lock.read_bytes(), 0o644)


def _make_site(job: Job, environment: Environment, target: Path, uv: str) -> None:
    python = "/usr/bin/python3"
    if environment["version"]:
        python = _interpreter(job, environment, uv)
    command = [uv, "venv", "--python", python, "--no-python-downloads", "--seed", "--quiet", "--allow-existing"]
    _run_uv(job, environment, [*command, str(target)], "the environment of {name} could not be made")


def _interpreter(job: Job, environment: Environment, uv: str) -> str:
    """Downloads CPython, unless it is there; uv carries the sums of all that it knows."""
    version = _given(environment, "version")
    folder = job.at(INTERPRETERS)
    command = [uv, "python", "install", "--no-bin", "--install-dir", str(folder), version]
    mirror = environment.get("interpreters")
    if mirror:
        command += ["--python-downloads-json-url" if mirror.endswith(".json") else "--mirror", mirror]
    _run_uv(job, environment, command, f"Python {version} could not be downloaded")
    found = sorted(folder.glob(f"cpython-{version}-*/bin/python3"))
    if not found:
        raise Failure(f"uv has installed no Python {version}", "this is a defect of labctl: please report it")
    return str(found[0])


def _uv(job: Job, environment: Environment) -> str:
    """Installs uv from PyPI in a folder of its own; others of its versions go."""
    tools = job.at(TOOLS)
    installer = _given(environment, "installer")
    place = tools / re.sub(r"[^0-9A-Za-z.-]", "-", installer)
    uv = place / "bin/uv"
    if uv.is_file():
        return str(uv)
    tools.mkdir(parents=True, exist_ok=True)
    tools.parent.chmod(0o755)
    shutil.rmtree(tools)
    tools.mkdir(mode=0o755)
    beside = place.with_name(place.name + ".new")
    job.tools.run(
        ["/usr/bin/python3", "-I", "-m", "venv", str(beside)],
        "the environment of uv could not be made",
        "check that the package `python3-venv` is installed on the server",
    )
    command = [str(beside / "bin/python"), "-I", "-m", "pip", "install", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--progress-bar", "off"]
    if index := environment.get("index"):
        command += ["--index-url", index]
    job.tools.run(
        [*command, installer],
        f"pip could not install `{installer}`",
        "the lines below are pip's own; check that the server reaches its index",
        timeout=INSTALL_SECONDS,
    )
    # Its program is one file that needs nothing of the environment around it.
    beside.rename(place)
    return str(uv)


def _run_uv(job: Job, environment: Environment, command: list[str], what: str) -> None:
    index = environment.get("index")
    job.tools.run(
        [*command, *(["--default-index", index] if index and command[1] in ("pip", "venv") else [])],
        what.format(name=f"`{environment['name']}`"),
        "the lines below are uv's own; nothing was switched",
        timeout=INSTALL_SECONDS,
        umask=READABLE,
        environment={
            "UV_CACHE_DIR": str(job.folder / "uv"),
            "UV_PYTHON_CACHE_DIR": str(job.at(ARCHIVES)),
            "UV_NO_PROGRESS": "1",
            "UV_SYSTEM_CERTS": "1",
        },
    )


def build_r(job: Job, environment: Environment, target: Path) -> None:
    """Lets rig install R, and adds the packages that labctl needs to a library of its own."""
    wanted = _given(environment, "version")
    help = "the lines below are rig's own; nothing was switched; check that the server reaches the internet"
    known = _installed(job)
    job.tools.run(
        ["rig", "add", wanted, *RIG_OPTIONS],
        f"rig could not install R {wanted}",
        help,
        timeout=INSTALL_SECONDS,
        umask=READABLE,
    )
    version = wanted if wanted[0].isdigit() else _newest(_installed(job) - known or _installed(job))
    if version is None or version not in _installed(job):
        raise Failure(f"rig has installed no R {wanted} below `{RIG_FOLDER}`", help)
    job.journal.line(f"R {wanted} is R {version}")
    home = job.tools.ask([f"{RIG_FOLDER}/{version}/bin/R", "RHOME"]).text.strip()
    programs, library = target / "bin", target / "library"
    for folder in (target, programs, library):
        folder.mkdir(mode=0o755, parents=True)
        folder.chmod(0o755)
    for name in ("R", "Rscript"):
        (programs / name).symlink_to(f"{RIG_FOLDER}/{version}/bin/{name}")
    job.tools.run(["rig", "default", version], f"R {version} could not be made everybody's", help)
    _lead_profile(job, Path(home))
    packages = environment["requirements"].split()
    if packages:
        _install_r_packages(job, programs / "R", library, packages)


def _installed(job: Job) -> set[str]:
    """The versions of R that rig has installed."""
    return {entry.name for entry in job.at(RIG_FOLDER).glob("[0-9]*") if not entry.is_symlink()}


def _newest(versions: set[str]) -> str | None:
    """The highest of version numbers, or None."""
    numbers = {tuple(map(int, version.split("."))): version for version in versions if re.fullmatch(r"[\d.]+", version)}
    return numbers[max(numbers)] if numbers else None


def _lead_profile(job: Job, home: Path) -> None:
    """R reads labctl's settings for everybody; rig's own are kept beside them."""
    profile = home / "etc/Rprofile.site"
    if profile.is_symlink() or not home.is_dir():
        return
    if profile.exists():
        profile.rename(profile.with_name("Rprofile.site.rig"))
    profile.symlink_to(PROFILE)


def _install_r_packages(job: Job, program: Path, library: Path, packages: list[str]) -> None:
    """Takes binaries where the repository has them."""
    staged = job.folder / "files" / PROFILE.lstrip("/")
    profile = staged if staged.is_file() else job.at(PROFILE)
    wanted = ", ".join(f'"{name}"' for name in packages)
    code = f'source("{profile}"); install.packages(c({wanted}), lib = "{library}"); '
    # R ends well even where a package was not to be had.
    code += f'missing <- setdiff(c({wanted}), rownames(installed.packages("{library}"))); '
    code += 'if (length(missing)) stop("not installed: ", paste(missing, collapse = ", "))'
    job.tools.run(
        [str(program), "--no-echo", "--no-restore", "--no-init-file", "-e", code],
        f"R's packages {', '.join(packages)} could not be installed",
        "the lines below are R's own; nothing was switched; check that the server reaches the repository",
        timeout=INSTALL_SECONDS,
        umask=READABLE,
        environment={"PATH": ENVIRONMENT["PATH"]},
    )
