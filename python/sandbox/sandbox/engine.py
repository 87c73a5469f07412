"""The command lines of docker and podman: containers of one sandbox, their network, and images of their disks.

Everything made here carries the label `labctl.sandbox=<name>`, by which it is found again. The name is the lab's with
a mark of the sandbox's folder: two users of one engine may have labs of one name.
"""

from __future__ import annotations

import hashlib
import json
import re
import resource
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

LABEL = "labctl.sandbox"
INSTANCE_LABEL = "labctl.instance"
# How often containers are listed again, where one went away while they were looked at.
LISTINGS = 5
# How long a server may take to shut down before it is killed.
STOP_SECONDS = 15
# systemd in docker (systemd's documents, "The Container Interface"). The cgroups are the container's own: it sees none
# of the laptop's.
DOCKER_ARGUMENTS = [
    "--cgroupns=private",
    "--tmpfs",
    "/run",
    "--tmpfs",
    "/run/lock",
    "--stop-signal",
    "SIGRTMIN+3",
    "--env",
    "container=docker",
]
# docker mounts them read-only, and systemd has to make some.
DOCKER_BOOT = """while read -r _ place kind _; do
    case $kind in cgroup | cgroup2) mount -o remount,bind,rw "$place" ;; esac
done </proc/mounts
exec /sbin/init"""
PODMAN_ARGUMENTS = ["--systemd=always"]
# What podman would raise beyond what its user has, which fails without CAP_SYS_RESOURCE (containers.conf(5)).
PODMAN_LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
# What podman asks for where nobody says anything, and it lowers its own limit to this first.
PODMAN_PROCESSES = 32768
# What a server needs beyond docker's defaults:
# - SYS_BOOT: else it cannot say whether it was powered off or rebooted; it concerns the container only;
# - SYS_ADMIN, and no AppArmor: systemd mounts for itself, for services that are shut in, and Docker on the server does;
# - NET_ADMIN: the firewall, and Docker on the server;
# - SYS_PTRACE: root sees which program of another user listens on a port.
# Of the system calls, what docker keeps from containers is kept from these too (Docker's documents, "Seccomp security
# profiles"), but for what the capabilities above are for, and the keyring, which Docker on the server gives to each of its
# containers. Whoever is root on a server is still hardly shut in: a sandbox is no boundary against them.
COMMON_ARGUMENTS = [
    "--pull",
    "never",
    "--cap-add",
    "SYS_BOOT",
    "--cap-add",
    "SYS_ADMIN",
    "--cap-add",
    "NET_ADMIN",
    "--cap-add",
    "SYS_PTRACE",
    "--security-opt",
    f"seccomp={Path(__file__).with_name('seccomp.json')}",
    "--security-opt",
    "apparmor=unconfined",
    "--volume",
    "/var/lib/docker",
]


class EngineError(Exception):
    """What docker or podman said when it refused."""


@dataclass
class Container:
    """A container of this lab, as the engine sees it."""

    name: str
    instance: str
    running: bool
    exit_code: int
    started: str
    ip: str


class Engine:
    """Asks docker or podman for the sandbox of one lab, which lies in a folder."""

    def __init__(self, program: str, lab: str, folder: str | Path) -> None:
        mark = hashlib.sha256(str(Path(folder).resolve()).encode()).hexdigest()[:6]
        self.program, self.sandbox = program, f"{lab}-{mark}"
        self.network = f"labctl-sandbox-{self.sandbox}"
        self.making_network = threading.Lock()
        # podman makes the bridge, and so the gateway's address, with the first container.
        self.network_needs_containers = program == "podman"
        self.images = f"labctl-sandbox/{self.sandbox}"
        self.settings = Path(folder).resolve() / "laptop/root"

    def ask(self, *arguments: str, text_in: str = "", timeout: float = 120) -> str:
        """Calls the engine and gives what it prints; fails with what it says."""
        try:
            answer = subprocess.run(
                [self.program, *arguments],
                input=text_in,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except OSError as problem:
            raise EngineError(f"cannot run {self.program}: {problem.strerror}; install it, or start it") from None
        except subprocess.TimeoutExpired:
            raise EngineError(f"{self.program} {arguments[0]} did not answer within {timeout} seconds") from None
        if answer.returncode != 0:
            raise EngineError(_last_words(answer.stderr) or f"{self.program} {arguments[0]} failed")
        return answer.stdout.strip()

    def version(self) -> str:
        """The version of the engine; fails when it cannot be reached."""
        place = "{{.Server.Version}}" if self.program == "docker" else "{{.Client.Version}}"
        return self.ask("version", "--format", place, timeout=20)

    def containers(self) -> dict[str, Container]:
        """All containers of the lab, by instance."""
        for tries_left in reversed(range(LISTINGS)):
            found = self.ask(
                "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}={self.sandbox}"
            ).split()
            if not found:
                break
            try:
                return {container.instance: container for container in self._inspect(found)}
            except EngineError:
                # One of them was removed between the two questions.
                if not tries_left:
                    raise
        return {}

    def container(self, instance: str) -> Container | None:
        """The container of one instance, or None."""
        try:
            return self._inspect([self.name(instance)])[0]
        except EngineError:
            return None

    def name(self, instance: str) -> str:
        """What the container of an instance is called."""
        return f"{self.network}-{instance}"

    def _inspect(self, found: list[str]) -> list[Container]:
        described = json.loads(self.ask("container", "inspect", *found))
        return [self._container(each) for each in described]

    def _container(self, described: dict[str, Any]) -> Container:
        state, labels = described["State"], described["Config"]["Labels"] or {}
        networks = described["NetworkSettings"].get("Networks") or {}
        return Container(
            name=described["Name"].lstrip("/"),
            instance=labels.get(INSTANCE_LABEL, ""),
            running=bool(state["Running"]),
            exit_code=int(state["ExitCode"]),
            started=str(state["StartedAt"]),
            ip=networks.get(self.network, {}).get("IPAddress", ""),
        )

    def create(self, instance: str, hostname: str, image: str, published: Iterable[str]) -> None:
        """Makes the container of an instance; `published` are its ports as `address:port:inner`."""
        self.make_network()
        is_docker = self.program == "docker"
        arguments = DOCKER_ARGUMENTS if is_docker else [*PODMAN_ARGUMENTS, *_own_limits()]
        boot = ["/bin/sh", "-c", DOCKER_BOOT] if is_docker else []
        ports = [word for port in published for word in ("--publish", port)]
        labels = ["--label", f"{LABEL}={self.sandbox}", "--label", f"{INSTANCE_LABEL}={instance}"]
        named = ["--name", self.name(instance), "--hostname", hostname, "--network", self.network]
        self.ask("create", *named, *labels, *COMMON_ARGUMENTS, *arguments, *self._settings(), *ports, image, *boot)

    def _settings(self) -> list[str]:
        """The laptop's settings with passwords in them, which no image has, as arguments that mount them.

        So no disk that is kept as an image has them either.
        """
        files = sorted(path for path in self.settings.rglob("*") if path.is_file())
        mounts = [f"type=bind,source={path},target=/{path.relative_to(self.settings)},readonly" for path in files]
        return [word for mount in mounts for word in ("--mount", mount)]

    def start(self, instance: str) -> None:
        """Starts a container."""
        self.ask("start", self.name(instance))

    def stop(self, instance: str) -> None:
        """Shuts a server down, gently first."""
        self.ask("stop", "--time", str(STOP_SECONDS), self.name(instance))

    def remove(self, name: str) -> None:
        """Removes a container with its anonymous volumes, running or not."""
        self.ask("rm", "--force", "--volumes", name)

    def execute(self, instance: str, *command: str, text_in: str = "", user: str = "root") -> str:
        """Runs a program in a server."""
        return self.ask("exec", "--interactive", "--user", user, self.name(instance), *command, text_in=text_in)

    def make_network(self) -> str:
        """Makes the lab's own network, unless it is there, and gives the address of its gateway."""
        with self.making_network:  # servers start at the same time
            return self._find_network() or self._create_network()

    def _find_network(self) -> str | None:
        try:
            return self._gateway()
        except EngineError:
            return None

    def _create_network(self) -> str:
        option = "com.docker.network.driver.mtu" if self.program == "docker" else "mtu"
        mtu = _uplink_mtu()
        options = ["--opt", f"{option}={mtu}"] if mtu else []
        self.ask("network", "create", "--label", f"{LABEL}={self.sandbox}", *options, self.network)
        return self._gateway()

    def _gateway(self) -> str:
        described = json.loads(self.ask("network", "inspect", self.network))[0]
        ranges = described.get("subnets") or described.get("IPAM", {}).get("Config") or [{}]
        return ranges[0].get("Gateway") or ranges[0].get("gateway") or ""

    def remove_network(self) -> bool:
        """Removes the lab's network, and says whether there was one."""
        if self._find_network() is None:
            return False
        self.ask("network", "rm", self.network)
        return True

    def image_of(self, instance: str) -> str:
        """The name under which the disk of an instance is kept."""
        return f"{self.images}:{instance}"

    def keep_disk(self, instance: str) -> None:
        """Keeps the disk of a container that has stopped, as an image."""
        label = f"LABEL {LABEL}={self.sandbox}"
        try:
            self.ask("commit", "--change", label, self.name(instance), self.image_of(instance), timeout=600)
        except EngineError as problem:
            if "max depth" not in str(problem):
                raise
            self._flatten_disk(instance, label)

    def _flatten_disk(self, instance: str, label: str) -> None:
        """Keeps a disk as one layer: an image has room for some hundred, and each time that a disk is kept adds one."""
        settings = json.loads(self.ask("container", "inspect", self.name(instance)))[0]["Config"]
        changes = [label, f"CMD {json.dumps(settings['Cmd'])}", *(f"ENV {each}" for each in settings["Env"] or [])]
        words = [word for change in changes for word in ("--change", change)]
        with tempfile.TemporaryDirectory() as folder:
            archive = str(Path(folder, "disk.tar"))
            self.ask("export", "--output", archive, self.name(instance), timeout=600)
            self.ask("import", *words, archive, self.image_of(instance), timeout=600)

    def kept_disks(self) -> list[str]:
        """The instances of which a disk is kept."""
        listed = self.ask(
            "image", "ls", "--filter", f"label={LABEL}={self.sandbox}", "--format", "{{.Repository}}:{{.Tag}}"
        )
        # podman puts `localhost/` before
        found = re.findall(rf"^(?:\S+/)?{re.escape(self.images)}:(i-\w+)$", listed, re.M)
        return sorted(set(found))

    def remove_disk(self, instance: str) -> None:
        """Removes the kept disk of an instance."""
        self.ask("image", "rm", "--force", self.image_of(instance))


def _own_limits() -> list[str]:
    """What this process itself may have at most, as podman's arguments."""
    limits = {name: resource.getrlimit(kind)[1] for name, kind in PODMAN_LIMITS.items()}
    if limits["nproc"] == resource.RLIM_INFINITY or limits["nproc"] > PODMAN_PROCESSES:
        limits["nproc"] = PODMAN_PROCESSES
    return [
        word
        for name, limit in limits.items()
        if limit != resource.RLIM_INFINITY
        for word in ("--ulimit", f"{name}={limit}:{limit}")
    ]


def _last_words(text: str) -> str:
    """The line of an engine's message that says what was wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # docker says what was wrong first, and podman last; after it come words on how to use the program
    said = [line for line in lines if line.startswith("Error response from daemon:")] or lines[-1:]
    return re.sub(r"^(?:Error response from daemon|Error|docker): ", "", said[0]) if said else ""


def _uplink_mtu() -> int | None:
    """The largest packet that this machine's way out takes: larger ones get lost in some networks."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
        uplink = next(route[0] for route in routes if route[1] == "00000000")
        return int(Path("/sys/class/net", uplink, "mtu").read_text())
    except (OSError, StopIteration, ValueError):
        return None
