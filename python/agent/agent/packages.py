"""Installs packages from the distribution."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import downloads, dpkg, systemd
from .failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job
    from .messages import Download

RETRY = ["-o", "Acquire::Retries=3"]
QUIET = ["-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0", "-q"]
KEEP_CONFIGURATION = ["-o", "Dpkg::Options::=--force-confold"]
NETWORK = "check that the server reaches the internet (or its mirror), then run `labctl apply` again"
MIRRORED = re.compile(
    r"https?://(?:[\w.-]*archive\.ubuntu\.com|security\.ubuntu\.com|ports\.ubuntu\.com"
    r"|[\w.-]*deb\.debian\.org|security\.debian\.org)/(ubuntu-ports|ubuntu|debian-security|debian)/?"
)


def download(job: Job) -> None:
    """Downloads the vendors' packages, and looks into each before anything is installed."""
    for wish in job.request["downloads"]:
        _refuse_other_packages(job, wish, downloads.fetch(job, wish["url"], wish["sha256"]))


def _refuse_other_packages(job: Job, wish: Download, place: Path) -> None:
    """A proven file may still be another package, or one for other machines."""
    own = job.tools.ask(["dpkg", "--print-architecture"]).text.strip()
    told = job.tools.ask(["dpkg-deb", "--show", "--showformat", "${Package}\n${Architecture}\n", str(place)])
    if told.code != 0 or len(told.lines) != 2:
        what, log = f"`{wish['url']}` is not a Debian package", told.lines
    elif told.lines[0] != wish["package"]:
        what, log = f"`{wish['url']}` holds the package `{told.lines[0]}`, not `{wish['package']}`", []
    elif told.lines[1] not in (own, "all"):
        what, log = f"`{wish['url']}` is made for `{told.lines[1]}`, and this server is `{own}`", []
    else:
        return
    raise Failure(what, "correct the address under `mirrors` in the plan; nothing was changed", log)


def install(job: Job, names: list[str]) -> None:
    """Installs what is missing; `names` are those that the laptop saw to be missing."""
    missing = [name for name in names if not _is_installed(job, name)]
    # These lie in the cache since the step before; apt resolves what they need.
    missing += [str(downloads.fetch(job, wish["url"], wish["sha256"])) for wish in job.request.get("downloads", [])]
    if not missing:
        return
    sources = _mirrored_sources(job)
    dpkg.wait_for_locks(job)
    _update(job, sources)
    held = _hold_back(job)
    try:
        _install(job, missing, sources)
    finally:
        for unit in held:
            job.tools.ask(["systemctl", "unmask", "--runtime", "--quiet", "--", unit])
            systemd.let_start(job, unit)


def _update(job: Job, sources: list[str]) -> None:
    job.tools.run(
        ["apt-get", "update", *RETRY, *QUIET, *sources],
        "the lists of packages could not be fetched",
        NETWORK,
        timeout=900,
        environment=dpkg.NONINTERACTIVE,
    )


def _install(job: Job, missing: list[str], sources: list[str]) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends"]
    if job.request.get("downloads"):
        # A vendor's package is just the plan's, be it older than the one that is there, or of the same version.
        command += ["--allow-downgrades", "--reinstall"]
    command += [*RETRY, *QUIET, *KEEP_CONFIGURATION, *sources, "--", *missing]
    try:
        job.tools.run(
            command,
            "packages could not be installed: " + ", ".join(f"`{name}`" for name in missing),
            "the lines below are apt's own; " + NETWORK,
            timeout=3600,
            environment=dpkg.NONINTERACTIVE,
        )
    except Failure as failure:
        unknown = re.findall(r"Unable to locate package (\S+)", "\n".join(failure.log))
        if unknown:
            names = ", ".join(f"`{name}`" for name in unknown)
            failure.what = f"the server's package sources do not have {names}"
            failure.help = "enable the distribution's standard sources (on Ubuntu also `universe`)"
        raise


def _is_installed(job: Job, name: str) -> bool:
    answer = job.tools.ask(["dpkg-query", "--show", "--showformat", "${db:Status-Status}", name])
    return answer.code == 0 and answer.text == "installed"


def _hold_back(job: Job) -> list[str]:
    """Masks units that a package would start at once with its own configuration.

    NGINX would otherwise show a page that nobody asked for, and its installation would fail if
    the port is taken. The mask lies in /run: even after a crash it is gone with the next boot. A
    package that brings its unit in /etc is stronger than that mask; its unit starts and does nothing.
    """
    held = []
    for unit in dict.fromkeys(port["unit"] for port in job.request.get("ports", [])):
        found = systemd.show(job.tools, unit)
        # A mask until the next boot is what a run left that died here.
        if found["LoadState"] == "not-found" or found["UnitFileState"] == "masked-runtime":
            job.tools.ask(["systemctl", "mask", "--runtime", "--quiet", "--", unit])
            systemd.keep_from_start(job, unit)
            held.append(unit)
    return held


def _mirrored_sources(job: Job) -> list[str]:
    """With a mirror, apt reads a copy of the host's sources in which the mirror stands instead."""
    mirror = job.request.get("apt_mirror")
    if not mirror:
        return []
    folder = job.folder / "apt-sources"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    originals = [job.at("/etc/apt/sources.list")]
    originals += sorted(job.at("/etc/apt/sources.list.d").glob("*"))
    for original in originals:
        if original.suffix in (".list", ".sources") and original.is_file():
            text = original.read_text(errors="replace")
            (folder / original.name).write_text(_through_mirror(text, mirror))
    return ["-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={folder}"]


def _through_mirror(text: str, mirror: str) -> str:
    """Debian's security archive is a folder beside the main one."""
    mirror = mirror.rstrip("/")

    def replace(match: re.Match[str]) -> str:
        return mirror + ("-security" if match.group(1) == "debian-security" else "")

    return MIRRORED.sub(replace, text)
