"""Starts, reloads and restarts units on the new files, in the order of the request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import systemd, tokens

if TYPE_CHECKING:
    from .job import Job
    from .messages import Unit

HUB = "jupyterhub.service"
USER_SERVERS = "jupyter-*-singleuser.service"
SAID = {
    "start": "did not start",
    "restart": "did not start",
    "reload": "did not take its new configuration",
    "stop": "did not stop",
}


def stop_unwanted(job: Job) -> None:
    """Stops units that left the plan while their files are still there."""
    for unit in job.request["units"]:
        if unit["action"] == "stop":
            found = systemd.show(job.tools, unit["name"])
            if found["LoadState"] not in ("not-found", "masked"):
                job.touched.add(unit["name"])
                systemd.tell(job.tools, "stop", unit["name"], SAID["stop"])
                _enable(job, unit, found)


def converge(job: Job, reload_manager: bool) -> None:
    """Brings every unit into its asked state; stopped ones were stopped before the switch."""
    if reload_manager:
        systemd.reload_manager(job.tools)
    tokens.renew_secrets(job)
    for unit in job.request["units"]:
        if unit["action"] == "stop":
            continue
        systemd.let_start(job, unit["name"])
        found = systemd.show(job.tools, unit["name"])
        if systemd.is_masked(found):
            _unmask(job, unit["name"])
            found = systemd.show(job.tools, unit["name"])
        _enable(job, unit, found)
        act(job, unit["name"], unit["action"], found)


def end_user_servers(job: Job) -> None:
    """Ends the users' notebook servers once the Hub has left: nobody could reach or end them any more.

    They are units of their own, which the Hub's end does not touch.
    """
    stopped = {unit["name"] for unit in job.request["units"] if unit["action"] == "stop"}
    if HUB not in stopped:
        return
    listed = job.tools.ask(["systemctl", "list-units", "--plain", "--no-legend", "--all", USER_SERVERS])
    for row in listed.lines:
        job.tools.attempt(["systemctl", "stop", "--", row.split()[0]])


def end_lost_servers(job: Job) -> None:
    """Ends notebook servers that were started to report to another port than the Hub's: nobody can sign in to them any
    more, and whoever took that port would be given their tokens."""
    ports = {port["port"] for port in job.request.get("ports", []) if port["unit"] == HUB}
    if not ports:
        return
    listed = job.tools.ask(["systemctl", "list-units", "--plain", "--no-legend", USER_SERVERS])
    for unit in (row.split()[0] for row in listed.lines):
        process = systemd.show(job.tools, unit).get("MainPID", "0")
        port = _port_of_hub(Path(f"/proc/{process}/environ"))
        if port is not None and port not in ports:
            job.tools.attempt(["systemctl", "stop", "--", unit])
            job.journal.warn(
                f"`{unit}` was stopped: it reported to port {port}, where JupyterHub is no more",
                "whoever worked in it signs in again, and runs the notebook's cells again",
            )


def _port_of_hub(environment: Path) -> int | None:
    """The port in the address that a notebook server was told."""
    try:
        variables = environment.read_bytes().split(b"\0")
    except OSError:
        return None
    for variable in variables:
        name, _, address = variable.partition(b"=")
        if name == b"JUPYTERHUB_API_URL":
            return urlsplit(address.decode("utf-8", "replace")).port
    return None


def act(job: Job, name: str, action: str, found: dict[str, str]) -> None:
    """Makes a unit take the files as they are now."""
    if action == "none":
        return
    job.touched.add(name)
    if not systemd.is_running(found):
        verb = "start"
    elif action == "reload":
        verb = "reload"
    else:
        # One that already runs when it is to be started was started on other files.
        verb = "restart"
    systemd.tell(job.tools, verb, name, SAID[verb])


def _enable(job: Job, unit: Unit, found: dict[str, str]) -> None:
    """Sets whether a unit starts at boot; a static unit has no such switch."""
    wanted = unit.get("enable")
    state = found["UnitFileState"]
    verb = None
    if wanted is True and state in ("disabled", "enabled-runtime", "bad", ""):
        verb = "enable"
    elif wanted is False and state in ("enabled", "enabled-runtime", "linked"):
        verb = "disable"
    if verb:
        job.tools.run(
            ["systemctl", verb, "--quiet", "--", unit["name"]],
            f"`{unit['name']}` cannot be {verb}d",
            "the lines below are systemd's own",
        )


def _unmask(job: Job, name: str) -> None:
    """Takes masks away, also the one that a run left which died while it installed packages."""
    for lifetime in (["--runtime"], []):
        job.tools.attempt(["systemctl", "unmask", *lifetime, "--", name])
    systemd.reload_manager(job.tools)
