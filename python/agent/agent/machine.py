"""The facts about the machine: system, memory, disk, packages, and who listens on which port."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
from typing import TYPE_CHECKING, cast

from .common import REGULAR, STATE, attempt, text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import Literal

    from .messages import Disk, Dpkg, Listener, NotedModel, Os, RootDisk

BLOCK_DEVICES = "/sys/dev/block"
SECTOR = 512
STATUS_BYTES = 64 << 20
# The version of each package, and the words of its state.
Packages = dict[str, tuple[str, list[str]]]


def system() -> Os:
    """Names the operating system (os-release(5))."""
    content = attempt(text, "/etc/os-release") or attempt(text, "/usr/lib/os-release") or ""
    fields = dict(re.findall(r"^([A-Z_]+)=[\"']?(.*?)[\"']?$", content, re.MULTILINE))
    return {
        "id": fields.get("ID", ""),
        "version": fields.get("VERSION_ID", ""),
        "name": fields.get("PRETTY_NAME", ""),
    }


def is_container() -> bool:
    """Says whether this is a container, which has no swap and no disk of its own."""
    marks = ["/run/systemd/container", "/.dockerenv", "/run/.containerenv"]
    return any(os.path.exists(mark) for mark in marks)


def memory() -> tuple[int, int]:
    """Gives the sizes of the memory and of the swap areas in use."""
    sizes = dict(re.findall(r"^(MemTotal|SwapTotal): +(\d+) kB$", text("/proc/meminfo"), re.MULTILINE))
    return int(sizes["MemTotal"]) * 1024, int(sizes["SwapTotal"]) * 1024


def disk() -> Disk:
    """Measures the root file system."""
    status = os.statvfs("/")
    # Some file systems (btrfs) make room for files as they come and count none.
    free_inodes = status.f_favail if status.f_files else 10**9
    return {
        "total_bytes": status.f_blocks * status.f_frsize,
        "free_bytes": status.f_bavail * status.f_frsize,
        "free_inodes": free_inodes,
    }


def model() -> NotedModel:
    """Says which model was looked for last, whether it was there, and why the API does not run with it."""
    content = json.loads(text(f"{STATE}/model.json", 1 << 16))
    told = {name: content[name] for name in ("source", "state", "why") if isinstance(content.get(name), str)}
    return cast("NotedModel", told)


def root_disk() -> RootDisk:
    """Finds the disk and the partition below the root file system, if it lies on a plain partition."""
    mounts = [line.split() for line in text("/proc/self/mountinfo").splitlines()]
    mount = [fields for fields in mounts if fields[4] == "/"][-1]
    filesystem = mount[mount.index("-") + 1]
    partition = os.path.realpath(f"{BLOCK_DEVICES}/{mount[2]}")
    device = os.path.dirname(partition)

    def number(folder: str, name: str) -> int:
        return int(text(f"{folder}/{name}"))

    start = number(partition, "start") * SECTOR
    end = start + number(partition, "size") * SECTOR
    path = "/dev/" + os.path.basename(partition)
    size = attempt(filesystem_bytes, path, filesystem)
    return {
        "partition": path,
        "device_bytes": number(device, "size") * SECTOR,
        "limit_bytes": min([number(device, "size") * SECTOR, *starts_behind(device, end)]),
        "partition_start_bytes": start,
        "partition_end_bytes": end,
        "filesystem": filesystem,
        "filesystem_bytes": size if size is not None else disk()["total_bytes"],
    }


def starts_behind(device: str, end: int) -> list[int]:
    """Says where other partitions of a disk begin behind one that ends there: it cannot grow into them."""
    folders = [folder for folder in os.scandir(device) if os.path.exists(f"{folder.path}/partition")]
    starts = [int(text(f"{folder.path}/start")) * SECTOR for folder in folders]
    return [start for start in starts if start >= end]


def filesystem_bytes(partition: str, filesystem: str) -> int | None:
    """Reads a file system's size from its first block: what statvfs(2) gives lacks what the system keeps for itself."""
    with open(partition, "rb") as file:
        block = file.read(2048)
    if filesystem == "xfs":
        size, count = struct.unpack_from(">IQ", block, 4)
        return int(size * count)
    if filesystem in ("ext2", "ext3", "ext4"):
        (low,) = struct.unpack_from("<I", block, 1024 + 0x4)
        (high,) = struct.unpack_from("<I", block, 1024 + 0x150)
        (shift,) = struct.unpack_from("<I", block, 1024 + 0x18)
        return int(((high << 32) + low) * (1024 << shift))
    return None


def cloud_init() -> Literal["absent", "done", "error", "running"]:
    """Says how far cloud-init is, from the files that `cloud-init status` reads, which itself takes a second."""
    if not os.path.exists("/usr/bin/cloud-init"):
        return "absent"
    result = attempt(text, "/run/cloud-init/result.json")
    if result is not None:
        return "error" if json.loads(result)["v1"]["errors"] else "done"
    # Its generator leaves the mark at boot, if cloud-init is to run at all.
    return "running" if os.path.exists("/run/cloud-init/enabled") else "done"


def dpkg_packages() -> Packages:
    """Reads dpkg's database: each package's version and state (`install ok installed`)."""
    packages: Packages = {}
    own = os.uname().machine
    native = {"x86_64": "amd64", "aarch64": "arm64"}.get(own, own)
    for stanza in text("/var/lib/dpkg/status", STATUS_BYTES).split("\n\n"):
        # Descriptions follow these fields and may be long.
        fields = dict(re.findall(r"^(Package|Status|Version|Architecture): (.*)$", stanza, re.MULTILINE))
        name = fields.get("Package")
        if name and (name not in packages or fields.get("Architecture") in (native, "all")):
            packages[name] = (fields.get("Version", ""), fields.get("Status", "").split())
    return packages


def dpkg(packages: Packages) -> Dpkg:
    """Says whether packages can be installed, and who is at it."""
    holder = None
    for lock in ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/cache/apt/archives/lock"):
        holder = holder or attempt(lock_holder, lock)
    states = [state for _, state in packages.values() if len(state) == 3]
    if holder:
        return {"state": "locked", "holder": holder}
    if any(state[1] == "reinstreq" or state[2] == "half-installed" for state in states):
        return {"state": "broken"}
    unfinished = {"unpacked", "half-configured", "triggers-awaited", "triggers-pending"}
    # dpkg collects its changes there and clears the folder when it ends.
    changes = attempt(os.listdir, "/var/lib/dpkg/updates") or []
    if any(name.isdigit() for name in changes) or any(state[2] in unfinished for state in states):
        return {"state": "interrupted"}
    return {"state": "ok"}


def lock_holder(path: str) -> str | None:
    """Names the process that has a file locked, without taking the lock."""
    descriptor = os.open(path, REGULAR)
    try:
        question = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, process = struct.unpack("hhqqi", fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    finally:
        os.close(descriptor)
    if kind == fcntl.F_UNLCK:
        return None
    return f"{program(process) or 'another program'} (pid {process})"


def program(process: int) -> str:
    """Names the program that a process runs."""
    return (attempt(text, f"/proc/{process}/comm") or "").strip()


def installed(names: Iterable[str], packages: Packages) -> dict[str, str]:
    """Gives the versions of those packages that are installed."""
    present = {"installed", "triggers-awaited", "triggers-pending"}
    found = {name: packages[name] for name in names if name in packages}
    return {name: version for name, (version, state) in found.items() if present & set(state[2:])}


def ports(asked: Container[int]) -> dict[str, Listener]:
    """Says who listens on the ports that were asked for."""
    listeners: dict[int, list[str]] = {}
    for name in ("tcp", "tcp6"):
        for line in (attempt(text, f"/proc/net/{name}") or "").splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].split(":")[1], 16)
            if fields[3] == "0A" and port in asked:
                listeners.setdefault(port, []).append(fields[9])
    owners = socket_owners({inode for found in listeners.values() for inode in found})
    return {str(port): listener(found, owners) for port, found in listeners.items()}


def socket_owners(inodes: set[str]) -> dict[str, int]:
    """Finds the processes that hold sockets: the first of each, which is the one that started the others."""
    owners: dict[str, int] = {}
    numbers = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    for process in numbers:
        if len(owners) == len(inodes):
            break
        folder = f"/proc/{process}/fd"
        for name in attempt(os.listdir, folder) or []:
            target = attempt(os.readlink, f"{folder}/{name}") or ""
            if target.startswith("socket:[") and target[8:-1] in inodes:
                owners.setdefault(target[8:-1], process)
    return owners


def listener(inodes: list[str], owners: dict[str, int]) -> Listener:
    """Describes who listens on one port."""
    process = next((owners[inode] for inode in inodes if inode in owners), None)
    if process is None:
        return {"process": ""}
    facts: Listener = {"process": program(process)}
    if unit := attempt(unit_of, process):
        facts["unit"] = unit
    return facts


def unit_of(process: int) -> str | None:
    """Finds the unit of a process in the path of its control group."""
    names = re.findall(r"[^/\n]+\.(?:service|scope|socket)(?=[/\n])", text(f"/proc/{process}/cgroup"))
    return names[-1] if names else None
