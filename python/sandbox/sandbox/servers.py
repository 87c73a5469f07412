"""One server at a time: its container made, started and filled with what a cloud puts into a new server.

The ports 22, 80 and 443 of each server are published on loopback addresses, whatever its security groups say:
groups are kept by the emulated AWS, but nobody enforces them here.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .engine import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Any

    from .engine import Engine
    from .files import Settings

READY_SECONDS = 90
ATTEMPTS = 4
# What docker and podman say when a published port cannot be had.
PORT_TROUBLE = re.compile(
    r"port is already allocated|address already in use|cannot (?:assign|bind)|rootlessport|expose", re.I
)
AUTHORITY_FILE = "/usr/local/share/ca-certificates/labctl-sandbox.crt"
BEGIN, END = "# labctl sandbox: the names of this lab", "# labctl sandbox: end"
PUT_KEY = "umask 077; mkdir -p ~/.ssh; cat >~/.ssh/authorized_keys"
READ_HOST_KEYS = "cat /etc/ssh/ssh_host_*_key.pub"
# Only where it is new, because it takes a second.
TRUST = f"""file={AUTHORITY_FILE}; new=$(cat); [ "$new" = "$(cat $file 2>/dev/null)" ] && exit
printf '%s\\n' "$new" >$file && update-ca-certificates >/dev/null && exit
rm -f $file; exit 1"""
# /etc/hosts is a mount: it can be written, but not replaced.
WRITE_HOSTS = f"""kept=$(sed '/^{BEGIN}$/,/^{END}$/d' /etc/hosts); {{ echo "$kept"; cat; }} >/etc/hosts"""

MARK = "# labctl sandbox: S3 of the emulated AWS"
# Somebody's own stays.
WRITE_AWS = f"""file=/etc/labctl/aws.env; new=$(cat)
[ ! -e $file ] || grep -q '^{MARK}' $file || exit 0
[ -n "$new" ] || exec rm -f $file
mkdir -p /etc/labctl; umask 077; printf '%s\\n' "$new" >$file"""


@dataclass
class Machine:
    """What an instance says about the server that it is to have."""

    id: str
    state: str
    instance_type: str
    hostname: str
    public_ip: str
    public_key: str


@dataclass(frozen=True)
class Outfit:
    """What every server gets from the sandbox besides its key: the authority that it trusts, names, and where S3 is."""

    authority: str = ""
    hosts: str = ""
    aws: str = ""


class Servers:
    """Makes and starts the servers of one lab; `settings` remembers what each was given."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings = engine, settings

    def bring_up(self, machine: Machine, is_wanted: Callable[[], bool]) -> None:
        """Makes the container if there is none, starts it, and waits until its sshd answers, while it is wanted."""
        if self.engine.container(machine.id) is None:
            self._make(machine)
        for attempt in range(ATTEMPTS):
            if not is_wanted():
                raise EngineError("its end was asked for before it was up")
            try:
                self.engine.start(machine.id)
            except EngineError as problem:
                if not PORT_TROUBLE.search(str(problem)):
                    raise
                self._move_ports(machine, own_address=attempt == 0)
                continue
            self._put_key(machine)
            if self._answers(machine, is_wanted):
                keys = self.engine.execute(machine.id, "sh", "-c", READ_HOST_KEYS)
                self.settings.set_machine(machine.id, prepared=True, host_keys=keys)
                return
        raise EngineError("the server ended again each time that it was started, or its ports could not be had")

    def _make(self, machine: Machine) -> None:
        kept = machine.id in self.engine.kept_disks()
        image = self.engine.image_of(machine.id) if kept else self.settings.get("image")
        if not image:
            raise EngineError("the sandbox has no image for its servers; let labctl build one, and try again")
        known = self.settings.machine(machine.id)
        if not known.get("ssh"):
            known.update(self._choose_ports(machine.id, own_address=True))
        known["prepared"] = kept and known.get("prepared", False)
        self.settings.set_machine(machine.id, **known)
        published = [f"127.0.0.1:{known['ssh']}:22"]
        published += [f"{known['address']}:{known['http']}:80", f"{known['address']}:{known['https']}:443"]
        self.engine.create(machine.id, machine.hostname, image, published)

    def _move_ports(self, machine: Machine, own_address: bool) -> None:
        """Makes the container anew with other ports, because somebody else took its own; its disk stays."""
        if self.settings.machine(machine.id).get("prepared"):
            self.engine.keep_disk(machine.id)
        self.engine.remove(self.engine.name(machine.id))
        self.settings.set_machine(machine.id, **self._choose_ports(machine.id, own_address))
        self._make(machine)

    def _choose_ports(self, identity: str, own_address: bool) -> dict[str, Any]:
        """Chooses where a server's ports are published.

        80 and 443 keep their numbers on a loopback address of the server's own, so that browsers need no port. Where
        there are no other loopback addresses than 127.0.0.1, as on macOS, they are free ports of that one.
        """
        taken = {
            known.get(port) for known in self.settings.get("machines").values() for port in ("ssh", "http", "https")
        }
        ssh, http, https = free_ports(3, taken)
        number = hashlib.sha256(identity.encode()).digest()
        address = f"127.77.{number[0]}.{number[1] % 254 + 1}"
        if own_address and _can_be_had(address):
            return {"ssh": ssh, "address": address, "http": 80, "https": 443}
        return {"ssh": ssh, "address": "127.0.0.1", "http": http, "https": https}

    def _put_key(self, machine: Machine) -> None:
        """Gives `ubuntu` the key of the instance's key pair, at the first start only, as cloud-init does."""
        if machine.public_key and not self.settings.machine(machine.id).get("prepared"):
            self.engine.execute(machine.id, "sh", "-c", PUT_KEY, text_in=machine.public_key + "\n", user="ubuntu")

    def _answers(self, machine: Machine, is_wanted: Callable[[], bool]) -> bool:
        """Waits for the greeting of a server's sshd; False when the server ended instead, or is to end."""
        port = self.settings.machine(machine.id)["ssh"]
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for _ in range(10):
                if greets(port):
                    return True
                time.sleep(0.1)
            container = self.engine.container(machine.id)
            if container is None or not container.running or not is_wanted():
                return False
        raise EngineError(f"the server's sshd did not answer within {READY_SECONDS} seconds; look at its image")

    def dress(self, machine: Machine, outfit: Outfit) -> None:
        """Gives a running server the authority's certificate, the lab's names, and where S3 is."""
        if outfit.authority:
            self.engine.execute(machine.id, "sh", "-c", TRUST, text_in=outfit.authority)
        block = f"{BEGIN}\n{outfit.hosts}{END}\n" if outfit.hosts else ""
        self.engine.execute(machine.id, "sh", "-c", WRITE_HOSTS, text_in=block)
        self.engine.execute(machine.id, "sh", "-c", WRITE_AWS, text_in=f"{MARK}\n{outfit.aws}" if outfit.aws else "")

    def reboot(self, machine: Machine) -> None:
        """Shuts a server down, to be brought up again."""
        self.engine.stop(machine.id)

    def remove(self, identity: str) -> None:
        """Removes all that a server had: its container, its kept disk, and what was known of it."""
        if self.engine.container(identity):
            self.engine.remove(self.engine.name(identity))
        if identity in self.engine.kept_disks():
            self.engine.remove_disk(identity)
        self.settings.forget_machine(identity)


def free_ports(count: int, taken: Container[int] = frozenset()) -> list[int]:
    """Finds free ports of 127.0.0.1, below those that the kernel gives out by itself: so they stay free for later."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20000, 32000)
        if port not in taken and port not in found and is_free("127.0.0.1", port):
            found.append(port)
    return found


def listen(address: str, known: int | None) -> socket.socket:
    """Listens at the port that was chosen before, or at another one if there is none or somebody took it."""
    for port in [*([known] if known else []), *free_ports(10)]:
        with contextlib.suppress(OSError):
            return socket.create_server((address, port), backlog=128)
    # None of them: what is said of one more is the reason.
    return socket.create_server((address, *free_ports(1)), backlog=128)


def is_free(address: str, port: int) -> bool:
    """Can nobody be found at a port of an address that this machine has?"""
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except PermissionError:
            pass  # a low port, which the engine may take where this process may not
        except OSError:
            return False
    return True


def _can_be_had(address: str) -> bool:
    return is_free(address, 80) and is_free(address, 443)


def greets(port: int) -> bool:
    """Does an sshd send its greeting at a port of 127.0.0.1?"""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.settimeout(2)
        return connection.recv(4).startswith(b"SSH-")
    return False
