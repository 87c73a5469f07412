"""Checks files that are meant for a server, as far as that can be done without one.

Reads {path: {"content": ..., "check": kind or null}} and prints {"checked": [path], "problems": [text]}. Python is
compiled, units are read as systemd reads them, sudo's rules go through visudo where it is there. What NGINX, sshd and
nft read can be judged only where they run.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys

SECTION = re.compile(r"^\[[A-Za-z][A-Za-z0-9 -]*\]$")
SETTING = re.compile(r"^[A-Za-z][A-Za-z0-9]*\s*=")


class Unchecked(Exception):
    """The program that checks such a file is not on this laptop."""


def python(content: str) -> str | None:
    try:
        compile(content, "file", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return None


def unit(content: str) -> str | None:
    """systemd.syntax(7): sections, settings, comments; a backslash goes on with the next line."""
    has_section = goes_on = False
    for number, line in enumerate(content.splitlines(), 1):
        if goes_on:
            goes_on = line.endswith("\\")
            continue
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if SECTION.match(line):
            has_section = True
        elif not has_section:
            return f"line {number} stands before any section"
        elif not SETTING.match(line):
            return f"line {number} is no setting"
        goes_on = line.endswith("\\")
    return None if has_section else "it has no section"


def sudoers(content: str) -> str | None:
    """What visudo says; a laptop without it cannot check them."""
    command = [shutil.which("visudo") or "/usr/sbin/visudo", "-cf", "-"]
    try:
        ended = subprocess.run(command, input=content, capture_output=True, text=True, timeout=30)
    except OSError as error:
        raise Unchecked from error
    return None if ended.returncode == 0 else (ended.stderr or ended.stdout).strip().partition("\n")[0]


CHECKS = {"python": python, "unit": unit, "sudoers": sudoers}


def main() -> None:
    checked, problems = [], []
    for path, file in sorted(json.load(sys.stdin).items()):
        check = CHECKS.get(file["check"])
        if check is None:
            continue
        with contextlib.suppress(Unchecked):
            problem = check(file["content"])
            checked.append(path)
            problems += [f"{path}: {problem}"] if problem else []
    print(json.dumps({"checked": checked, "problems": problems}))


if __name__ == "__main__":
    main()
