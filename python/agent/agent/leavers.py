"""Ends all that runs for users who left the plan, once nothing starts it again, and looks whether it has ended.

It runs after the units have taken their new files: JupyterHub, which knows the user no more, starts no server again.
Until it has ended well, a note in `/var/lib/labctl/leaving` makes every further run do it.
"""

from __future__ import annotations

import os
import pwd
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from . import systemd
from .failure import Failure

if TYPE_CHECKING:
    from .job import Job

PATIENCE = 20
# How long nothing may be there, until it counts as the end: whoever starts anew needs less.
QUIET = 1.0
PAUSE = 0.2
RSTUDIO = "rstudio-server.service"
# What RStudio signs its cookies with: it makes another one when it is gone ("RStudio Server: Professional Administration
# Guide", `secure-cookie-key-file`).
COOKIE_KEY = "/var/lib/rstudio-server/secure-cookie-key"
LINGER = "/var/lib/systemd/linger"
CRONTABS = "/var/spool/cron/crontabs"
AT_JOBS = "/var/spool/cron/atjobs"


def note(job: Job, name: str) -> None:
    """Notes that a user leaves, before the account is shut."""
    folder = job.state / "leaving"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / name).touch(mode=0o600)


def forget(job: Job, name: str) -> None:
    """Takes the note back: the user is in the plan again, or all has ended."""
    (job.state / "leaving" / name).unlink(missing_ok=True)


def names(job: Job) -> list[str]:
    """The users whose programs are still to be ended."""
    folder = job.state / "leaving"
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def end(job: Job) -> None:
    """Ends all that runs for those users; fails where something does not end."""
    leaving = names(job)
    for name in leaving:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            forget(job, name)
            continue
        _unschedule(job, account)
        _end_processes(job, account)
    _revoke_rstudio_cookies(job)
    for name in leaving:
        forget(job, name)


def end_servers(job: Job, account: pwd.struct_passwd) -> None:
    """Ends sessions, and notebook servers: these run as units of their own."""
    listed = job.tools.ask(["systemctl", "list-units", "--plain", "--no-legend", "--all", "jupyter-*.service"])
    for row in listed.lines:
        unit = row.split()[0]
        shown = job.tools.ask(["systemctl", "show", "--property", "User", "--value", "--", unit])
        if shown.text.strip() in (account.pw_name, str(account.pw_uid)):
            systemd.tell(job.tools, "stop", unit, "did not stop")
    job.tools.ask(["loginctl", "terminate-user", account.pw_name])


def _unschedule(job: Job, account: pwd.struct_passwd) -> None:
    """Takes away what would start something later. A table of cron is kept, as a home is."""
    job.tools.ask(["loginctl", "disable-linger", account.pw_name])
    job.at(f"{LINGER}/{account.pw_name}").unlink(missing_ok=True)
    table = job.at(f"{CRONTABS}/{account.pw_name}")
    if table.exists():
        kept = job.state / "left"
        kept.mkdir(mode=0o700, exist_ok=True)
        os.replace(table, kept / f"{account.pw_name}.crontab")
    jobs = job.at(AT_JOBS)
    for task in jobs.iterdir() if jobs.is_dir() else []:
        if task.is_file() and task.stat().st_uid == account.pw_uid:
            task.unlink(missing_ok=True)


def _end_processes(job: Job, account: pwd.struct_passwd) -> None:
    """Kills until nothing comes back for a while."""
    end_servers(job, account)
    job.tools.ask(["systemctl", "stop", f"user@{account.pw_uid}.service"])
    started = quiet_since = time.monotonic()
    while True:
        left = processes_of(account.pw_uid)
        now = time.monotonic()
        if left:
            quiet_since = now
        elif now - quiet_since >= QUIET:
            return
        if now - started > PATIENCE:
            raise Failure(
                f"user `{account.pw_name}` left the plan, and does not stop running {_describe(left)}",
                "look at `sudo systemd-cgls` on the server for what starts it again, end it, then run `labctl apply` again",
            )
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(PAUSE)


def processes_of(uid: int) -> list[int]:
    """The processes that have a user's rights in any way, or could take them back (credentials(7))."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except (OSError, UnicodeDecodeError):
            # It has just ended.
            continue
        is_dead = fields["State"].strip().startswith(("Z", "X"))
        if not is_dead and str(uid) in fields["Uid"].split():
            found.append(int(status.parent.name))
    return found


def _describe(processes: list[int]) -> str:
    names = []
    for process in processes:
        with suppress(OSError):
            names.append(f"`{Path(f'/proc/{process}/comm').read_text().strip()}` (process {process})")
    return ", ".join(names) or "programs"


def _revoke_rstudio_cookies(job: Job) -> None:
    """A cookie of RStudio holds for weeks, whatever has become of its user. All others sign in once more."""
    if systemd.show(job.tools, RSTUDIO)["LoadState"] != "loaded":
        return
    job.at(COOKIE_KEY).unlink(missing_ok=True)
    job.touched.add(RSTUDIO)
    systemd.tell(job.tools, "restart", RSTUDIO, "did not start")
