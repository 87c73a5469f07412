"""Who listens on which TCP port: read from /proc, so that no tool needs to be installed."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTENING = "0A"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# A process's name, its number and its unit.
Holder = tuple[str, int, str | None]


def listeners() -> dict[int, list[tuple[Address, str]]]:
    """Gives {port: [(address, inode)]} of all TCP sockets that listen."""
    found: dict[int, list[tuple[Address, str]]] = {}
    for table in ("tcp", "tcp6"):
        try:
            rows = Path("/proc/net", table).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == LISTENING:
                address, port = fields[1].split(":")
                found.setdefault(int(port, 16), []).append((_address(address), fields[9]))
    return found


def holder(inodes: Iterable[str]) -> Holder | None:
    """Gives (process name, process id, unit) of whoever holds one of the sockets."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            if _target(descriptor) in wanted:
                name = _read(process / "comm").strip() or "?"
                return name, int(process.name), _unit(_read(process / "cgroup"))
    return None


def beyond_loopback(found: list[tuple[Address, str]]) -> list[str]:
    """Of the listening addresses of a port, those that others than the host itself can reach."""
    outside = []
    for address, _ in found:
        mapped = getattr(address, "ipv4_mapped", None)
        if not (mapped or address).is_loopback:
            outside.append(str(address))
    return outside


def _address(text: str) -> Address:
    """The kernel prints addresses as 32-bit words in the byte order of the machine."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return ipaddress.ip_address(socket.inet_ntop(family, packed))


def _unit(cgroup: str) -> str | None:
    """The innermost service of a process's control group."""
    services = re.findall(r"([^/\n]+\.(?:service|socket|scope))", cgroup)
    return services[-1] if services else None


def _target(descriptor: Path) -> str | None:
    try:
        return os.readlink(descriptor)
    except OSError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
