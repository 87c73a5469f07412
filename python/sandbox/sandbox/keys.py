"""The access keys of a sandbox: random, new with each, and kept where only its user can read."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from moto.backends import get_backend

from .files import write
from .server import DEFAULT_ACCOUNT

if TYPE_CHECKING:
    import threading
    from pathlib import Path
    from typing import Any

    from .files import Settings

# The file of which AWS's clients are told by `labctl sandbox env`, so that no secret is printed.
FILE = "aws-credentials"
FILE_TEXT = "[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"
# Base32's, as in the access keys of AWS.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class Key:
    """An access key; a temporary one has a token."""

    id: str
    secret: str
    token: str = ""

    @classmethod
    def make(cls, is_temporary: bool = False) -> Key:
        """Makes a random one in the form of AWS's: the ids of temporary ones begin with other letters."""
        identity = "".join(secrets.choice(LETTERS) for _ in range(16))
        if is_temporary:
            return cls(f"ASIA{identity}", secrets.token_urlsafe(30), secrets.token_urlsafe(96))
        return cls(f"AKIA{identity}", secrets.token_urlsafe(30))


class Keys:
    """Knows the keys of one sandbox, which outlive its process: `client` is its user's, `server` that of its servers.

    What the role of an instance profile gives in AWS is temporary. The servers' has a token too, and lasts until the
    sandbox is forgotten: nothing on a server would notice a new one.
    """

    def __init__(self, folder: Path, settings: Settings, lock: threading.RLock) -> None:
        self.lock = lock
        self.client = _kept(settings, "client_key", is_temporary=False)
        self.server = _kept(settings, "server_key", is_temporary=True)
        write(folder / FILE, FILE_TEXT.format(**asdict(self.client)).encode())

    def of_clients(self, identity: str) -> Key | None:
        """The key of a client of the whole account: the user's own, or one that was made in the account."""
        if identity == self.client.id:
            return self.client
        with self.lock:
            return _made_in_account(identity)

    def of_servers(self, identity: str) -> Key | None:
        """The key of the servers, by which they reach S3 and assume the role of their users."""
        return self.server if identity == self.server.id else None

    def of_users(self, identity: str) -> Key | None:
        """The same, or a key that a server has from STS for one of its users; they are good for S3 alone."""
        with self.lock:
            return self.of_servers(identity) or _given_by_sts(identity)


def _kept(settings: Settings, name: str, is_temporary: bool) -> Key:
    known = settings.get(name)
    key = Key(**known) if known else Key.make(is_temporary)
    settings.set(**{name: asdict(key)})
    return key


def _made_in_account(identity: str) -> Key | None:
    """A user's access key (IAM), or that of a role that was assumed (STS)."""
    backends: Any = get_backend
    for user in backends("iam")[DEFAULT_ACCOUNT]["aws"].users.values():
        for each in user.access_keys:
            if each.access_key_id == identity and each.status == "Active":
                return Key(identity, each.secret_access_key)
    return _given_by_sts(identity)


def _given_by_sts(identity: str) -> Key | None:
    backends: Any = get_backend
    for role in backends("sts")[DEFAULT_ACCOUNT]["aws"].assumed_roles:
        if role.access_key_id == identity and role.expiration.timestamp() > time.time():
            return Key(identity, role.secret_access_key, role.session_token)
    return None
