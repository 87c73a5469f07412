"""Starts, reloads and restarts units on the new files, in the order of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import systemd

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
