"""Sets a user's password, which comes on standard input and is nowhere written down but in the shadow file."""

from __future__ import annotations

import pwd
import subprocess
from typing import TYPE_CHECKING

from .common import speaker

if TYPE_CHECKING:
    from typing import BinaryIO

    from .messages import PasswordAnswer, PasswordRequest


def set_password(user: str, password: str) -> str | None:
    """Sets the password of a user that is there; gives the reason why it could not."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return f"there is no user `{user}` on the server yet"
    if account.pw_uid < 1000:
        return f"`{user}` is a user of the system itself"
    line = f"{user}:{password}\n".encode()
    done = subprocess.run(["chpasswd"], input=line, capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        return done.stderr.decode("utf-8", "replace").strip() or "`chpasswd` failed"
    return None


def main(request: PasswordRequest, payload: BinaryIO) -> None:
    """Sets the password, and tells what was in the way."""
    answer: PasswordAnswer = {"error": set_password(request["user"], payload.read().decode())}
    speaker(request["nonce"])(answer)
