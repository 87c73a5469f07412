"""Accounts: makes, changes and locks them. Homes belong to their users and are kept."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from . import leavers
from .failure import Failure

if TYPE_CHECKING:
    from .job import Job
    from .messages import User

LAB_GROUP = "labctl"
KEY_SECONDS = 30
ACCOUNTS = "look at the account with `getent passwd` and `sudo chage -l` on the server"


def converge(job: Job) -> None:
    """Brings every asked user into the asked state."""
    _run(job, ["groupadd", "--force", "--system", LAB_GROUP], f"group `{LAB_GROUP}` cannot be made")
    for user in job.request["users"]:
        if user["action"] == "lock":
            _lock(job, user)
        elif user["name"] in job.request["manifest"]["users"]:
            _admit(job, user)
        else:
            _let_go(job, user)


def _admit(job: Job, user: User) -> None:
    """Makes a user who can log in with exactly the keys that labctl gave, and own ones."""
    name = user["name"]
    if _account(name) is None:
        _create(job, name)
    account = pwd.getpwnam(name)
    wanted = [LAB_GROUP] + (["sudo"] if user["sudo"] else [])
    missing = [group for group in wanted if name not in _members(group)]
    if missing:
        command = ["usermod", "--append", "--groups", ",".join(missing), name]
        _run(job, command, f"user `{name}` cannot be put into `{', '.join(missing)}`")
    if not user["sudo"] and name in _members("sudo"):
        _run(job, ["gpasswd", "--delete", name, "sudo"], f"user `{name}` cannot leave `sudo`")
    _unlock(job, name)
    leavers.forget(job, name)
    _check_home(job, account)
    _change_keys(account, user["add_keys"], user["remove_keys"])


def refuse_names_of_groups(job: Job) -> None:
    """Fails where a user who is still to be made would come into a group that is there already, with all its rights."""
    groups = {group.gr_name for group in grp.getgrall()}
    wanted = job.request["manifest"]["users"]
    for name in (user["name"] for user in job.request["users"]):
        if name in wanted and name in groups and _account(name) is None:
            raise Failure(
                f"the server has a group `{name}` already, to which a user of that name would belong",
                f"give the user another name in the plan; or, if nobody needs the group, `sudo groupdel {name}`",
            )


def _create(job: Job, name: str) -> None:
    # A home is its owner's alone, whatever the distribution thinks of it.
    command = ["useradd", "--create-home", "--key", "HOME_MODE=0700", "--user-group", "--shell", "/bin/bash", name]
    _run(job, command, f"user `{name}` cannot be made")


def _unlock(job: Job, name: str) -> None:
    """Takes back what `_lock` did. An account without a password stays without one."""
    password, expiry = _shadow(job, name)
    if expiry:
        _run(job, ["usermod", "--expiredate", "", name], f"user `{name}` cannot be let in again")
    if password.startswith("!$"):
        _run(job, ["usermod", "--unlock", name], f"user `{name}` cannot be let in again")


def _lock(job: Job, user: User) -> None:
    """Shuts a user out for good but keeps the home: it may hold somebody's only copy."""
    name = user["name"]
    account = _account(name)
    if account is None:
        return
    leavers.note(job, name)
    command = ["usermod", "--lock", "--expiredate", "1", name]
    _run(job, command, f"user `{name}` cannot be locked")
    if name in _members("sudo"):
        _run(job, ["gpasswd", "--delete", name, "sudo"], f"user `{name}` cannot leave `sudo`")
    leavers.end_servers(job, account)
    try:
        _change_keys(account, [], user["remove_keys"])
    except Failure as failure:
        # The expired account shuts keys out as well; a user must not be able to prevent it.
        job.journal.warn(f"{failure.what}; the account is locked all the same", failure.help)


def _check_home(job: Job, account: pwd.struct_passwd) -> None:
    """useradd leaves a folder alone that lies where the home is to be."""
    home = Path(account.pw_dir)
    try:
        owner = home.lstat()
    except FileNotFoundError:
        raise Failure(
            f"user `{account.pw_name}` has no home `{home}`",
            f"make it with `sudo mkhomedir_helper {account.pw_name}`",
        ) from None
    if not stat.S_ISDIR(owner.st_mode) or owner.st_uid != account.pw_uid:
        raise Failure(
            f"`{home}` does not belong to user `{account.pw_name}`",
            f"if it should, run `sudo chown -R {account.pw_name}: {home}` on the server",
        )
    if stat.S_IMODE(owner.st_mode) & 0o007:
        job.journal.warn(
            f"every user of the server may look into `{home}`, which was there before labctl",
            f"`sudo chmod 700 {home}` on the server shuts it",
        )


def _let_go(job: Job, user: User) -> None:
    """Takes back what labctl gave to a user whom it did not make and who left the plan: keys, groups, and no more."""
    account = _account(user["name"])
    if account is None:
        return
    for group in [LAB_GROUP] + ([] if user["sudo"] else ["sudo"]):
        if account.pw_name in _members(group):
            command = ["gpasswd", "--delete", account.pw_name, group]
            _run(job, command, f"user `{account.pw_name}` cannot leave `{group}`")
    _change_keys(account, [], user["remove_keys"])


def _change_keys(account: pwd.struct_passwd, added: list[str], removed: list[str]) -> None:
    """Lets a child process that has become the user change `authorized_keys` and its modes.

    Root must not write below a home: the user could have put links there.
    """
    program = resources.files(__package__).joinpath("keys.py").read_text()
    wish = {"home": account.pw_dir, "add": added, "remove": removed}
    try:
        answer = subprocess.run(
            [sys.executable, "-I", "-c", program],
            input=json.dumps(wish),
            capture_output=True,
            text=True,
            cwd="/",
            env={},
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            umask=0o077,
            timeout=KEY_SECONDS,
            check=False,
        )
        lines = answer.stderr.strip().splitlines()
    except subprocess.TimeoutExpired:
        answer, lines = None, ["no answer"]
    if answer is None or answer.returncode != 0:
        reason = lines[-1] if lines else "no reason given"
        raise Failure(
            f"the SSH keys of user `{account.pw_name}` cannot be changed: {reason}",
            f"mend `{account.pw_dir}/.ssh` on the server, then run `labctl apply` again",
        )


def _run(job: Job, command: list[str], what: str) -> None:
    job.tools.run(command, what, ACCOUNTS)


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _members(group: str) -> list[str]:
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []


def _shadow(job: Job, name: str) -> tuple[str, str]:
    """Gives the password field and the day of expiry of an account."""
    for line in job.at("/etc/shadow").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return fields[1], fields[7]
    return "", ""
