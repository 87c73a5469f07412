"""Checks files that are meant for a server, as far as that can be done without one.

Reads {path: {"content": ..., "check": kind or null}} and prints {"checked": [path], "problems": [text]}. Python is
compiled, units are read as systemd reads them, sudo's rules go through visudo where it is there. What NGINX, sshd and
nft read can be judged only where they run.
"""

import json
import re
import shutil
import subprocess
import sys

SECTION = re.compile(r"^\[[A-Za-z][A-Za-z0-9 -]*\]$")
SETTING = re.compile(r"^[A-Za-z][A-Za-z0-9]*\s*=")


def python(content):
    try:
        compile(content, "file", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return None


def unit(content):
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


def sudoers(content):
    command = [shutil.which("visudo") or "/usr/sbin/visudo", "-cf", "-"]
    try:
        ended = subprocess.run(command, input=content, capture_output=True, text=True, timeout=30)
    except OSError:
        return NotImplemented
    return None if ended.returncode == 0 else (ended.stderr or ended.stdout).strip().partition("\n")[0]


CHECKS = {"python": python, "unit": unit, "sudoers": sudoers}


def main():
    checked, problems = [], []
    for path, file in sorted(json.load(sys.stdin).items()):
        check = CHECKS.get(file["check"])
        problem = check(file["content"]) if check else NotImplemented
        if problem is NotImplemented:
            continue
        checked.append(path)
        if problem:
            problems.append(f"{path}: {problem}")
    print(json.dumps({"checked": checked, "problems": problems}))


if __name__ == "__main__":
    main()
