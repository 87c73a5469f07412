"""Watches a server while others work on it: what its processes are called with, tokens that they are given, and files
of secrets that others may read, even for a moment. Prints one finding a line: its kind, then the finding."""

import os
import stat
import time

ENOUGH = "/dev/shm/enough"
PATIENCE = 900
TOKENS = ("JUPYTERHUB_API_TOKEN=", "JPY_API_TOKEN=", "CONFIGPROXY_AUTH_TOKEN=")
ROOTS = ("/etc/labctl/tls", "/etc/jupyterhub", "/var/lib/labctl", "/run/labctl")


def contents(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def processes():
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield "command", " ".join(contents(f"/proc/{name}/cmdline")).replace("\n", " ")
            for variable in contents(f"/proc/{name}/environ"):
                if variable.startswith(TOKENS):
                    yield "token", variable.partition("=")[2]


def is_secret(path):
    return "privkey" in path or ".env" in path or path.startswith("/var/lib/labctl/")


def is_closed(folder):
    """Whether others cannot get into a folder, because of its own mode or of one above it."""
    while folder != "/":
        if not os.stat(folder).st_mode & 0o007:
            return True
        folder = os.path.dirname(folder)
    return False


def open_files():
    for root in ROOTS:
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    found, closed = os.lstat(path), is_closed(folder)
                except OSError:
                    continue
                if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077 and is_secret(path) and not closed:
                    yield "open", f"{path} {oct(found.st_mode)}"


known = set()
end = time.monotonic() + PATIENCE
while time.monotonic() < end and not os.path.exists(ENOUGH):
    for finding in [*processes(), *open_files()]:
        if finding not in known:
            known.add(finding)
            print(*finding, flush=True)
    time.sleep(0.1)
