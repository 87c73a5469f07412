"""Builds R by rig, with a library of its own packages.

It lies in a folder of `/opt/labctl` like every environment, and a link is switched to it later.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .failure import Failure
from .tools import ENVIRONMENT

if TYPE_CHECKING:
    from .job import Job
    from .messages import Environment

READABLE = 0o022
INSTALL_SECONDS = 3600
RIG_FOLDER = "/opt/R"
PROFILE = "/etc/labctl/Rprofile.site"
RIG_OPTIONS = ["--without-pak", "--without-sysreqs"]


def build_r(job: Job, environment: Environment, target: Path) -> None:
    """Lets rig install R, and adds the packages that labctl needs to a library of its own."""
    wanted = environment["version"]
    if wanted is None:
        raise Failure("R came without its version", "this is a defect of labctl: please report it")
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
