"""The files of a sandbox's folder, and the choices in one of them.

Each file is replaced in one step, so that a process that is killed leaves the old one or the new one, and only its
owner can read it: there are private keys and secrets in them.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def write(path: Path, content: bytes) -> None:
    """Writes a file for its owner only, in one step."""
    part = path.with_name(path.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)


def write_json(path: Path, value: object) -> None:
    """Writes a value as JSON, see `write`."""
    write(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Reads what `write_json` wrote; nothing where there is no whole file."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


class Settings:
    """The sandbox's choices that stay: ports, the image, and what is known of each machine."""

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder, "settings.json")
        self.lock = threading.RLock()
        self.values = read_json(self.path)
        self.values.setdefault("machines", {})

    def get(self, name: str, default: Any = None) -> Any:
        """One choice."""
        return self.values.get(name, default)

    def set(self, **values: object) -> None:
        """Makes choices and keeps them."""
        with self.lock:
            self.values.update(values)
            write_json(self.path, self.values)

    def machine(self, identity: str) -> dict[str, Any]:
        """What is known of a machine."""
        with self.lock:
            return dict(self.values["machines"].get(identity, {}))

    def set_machine(self, identity: str, **values: object) -> None:
        """Notes something about a machine."""
        with self.lock:
            self.values["machines"].setdefault(identity, {}).update(values)
            write_json(self.path, self.values)

    def forget_machine(self, identity: str) -> None:
        """Drops what is known of a machine."""
        with self.lock:
            if self.values["machines"].pop(identity, None) is not None:
                write_json(self.path, self.values)
