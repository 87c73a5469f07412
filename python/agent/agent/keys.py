"""Changes `authorized_keys` of the user that runs it; part of step `users`.

Reads {"home", "add", "remove"} from standard input. It runs as the user and still follows no
links, so that what it changes is what its name says. Whole lines are added and removed; all
others, which the user may have put there, are kept.
"""

import contextlib
import json
import os
import stat
import sys

LARGEST = 1 << 20
NAME = "authorized_keys"
BESIDE = ".authorized_keys.labctl"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def main() -> None:
    """Says in one plain line on standard error what is in the way."""
    wish = json.load(sys.stdin)
    try:
        change(wish["home"], wish["add"], wish["remove"])
    except OSError as error:
        sys.exit(f"`{error.filename}`: {(error.strerror or str(error)).lower()}")
    except ValueError as error:
        sys.exit(str(error))


def change(home: str, added: list[str], removed: list[str]) -> None:
    """Reads, changes and replaces the file."""
    home_folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    mode = os.fstat(home_folder).st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        # sshd ignores keys in a home that others can write to.
        os.fchmod(home_folder, stat.S_IMODE(mode) & ~(stat.S_IWGRP | stat.S_IWOTH))
    folder = open_folder(home_folder)
    if folder is None:
        if not added:
            return
        os.mkdir(".ssh", 0o700, dir_fd=home_folder)
        folder = os.open(".ssh", FOLDER, dir_fd=home_folder)
    os.fchmod(folder, 0o700)
    before = read(folder)
    # Only sshd's ends of lines: Python has more, which may stand in somebody's comment.
    lines = [line for line in before.removesuffix("\n").split("\n") if before and line.strip() not in removed]
    known = {line.strip() for line in lines}
    lines += [line for line in added if line not in known]
    replace(folder, "".join(f"{line}\n" for line in lines))


def open_folder(home_folder: int) -> int | None:
    """Opens `.ssh` unless it is missing; a link in its place is refused."""
    try:
        found = os.stat(".ssh", dir_fd=home_folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        raise ValueError("`.ssh` is a link or a file, not a folder")
    return os.open(".ssh", FOLDER, dir_fd=home_folder)


def read(folder: int) -> str:
    """Reads the file as it is; a pipe or a link in its place is refused."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        found = os.stat(NAME, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return ""
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
        raise ValueError(f"`.ssh/{NAME}` is not an ordinary file")
    with os.fdopen(os.open(NAME, flags, dir_fd=folder), "rb") as file:
        return file.read(LARGEST).decode("utf-8", "surrogateescape")


def replace(folder: int, text: str) -> None:
    """Replaces the file as a whole, so that nobody is shut out by half a file."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(BESIDE, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(BESIDE, flags, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        os.fchmod(file.fileno(), 0o600)
        file.flush()
        os.fsync(file.fileno())
    os.replace(BESIDE, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


if __name__ == "__main__":
    main()
