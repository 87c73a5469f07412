"""Instances on one side, containers on the other: one look finds what differs, and jobs do what is missing.

The state of an instance is moto's, and is the only memory of what is wanted: `pending` asks for a server,
`stopping` for its end, `shutting-down` for its removal, and a server of a `running` instance is to run. So a look
may come at any time, twice, or after the process was killed.
"""

from __future__ import annotations

import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from moto.backends import get_backend
from moto.ec2.models.instances import StateReason

from .engine import EngineError
from .server import DEFAULT_ACCOUNT
from .servers import Machine, Outfit, Servers
from .strict import keep_addresses

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from moto.ec2.models.instances import Instance

    from .authority import Authority
    from .engine import Container, Engine
    from .files import Settings
    from .state import Keeper
    from .storage import Storage

LOOK_SECONDS = 2
REPAIR_SECONDS = 240
END_SECONDS = 5
# What a container ends with when its init powers the machine off: the kernel sends SIGINT (a reboot: SIGHUP).
POWERED_OFF = 130
CODES = {"pending": 0, "running": 16, "stopped": 80, "terminated": 48}
ENDS = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}


def next_step(state: str, container: Container | None, watched: bool) -> str | None:
    """Names what is missing for an instance, or nothing; `watched`: was the container seen running before?

    A server that was powered off from inside is stopped. One that ended while nobody looked, as with the whole
    computer, or that was killed, comes back.
    """
    if state in ("shutting-down", "terminated"):
        return "remove" if container or state == "shutting-down" else None
    if state in ("stopping", "stopped"):
        if container and container.running:
            return "stop"
        return "stop" if state == "stopping" else None
    if container and not container.running and state == "running" and watched and container.exit_code == POWERED_OFF:
        return "power_off"
    if state == "pending" or not container or not container.running:
        return "bring_up"
    return None


class Machines:
    """Keeps the containers of one lab as its instances ask for; see `next_step`."""

    def __init__(
        self,
        lock: threading.RLock,
        engine: Engine | None,
        settings: Settings,
        keeper: Keeper,
        authority: Authority,
        storage: Storage,
    ) -> None:
        self.lock, self.engine, self.settings, self.keeper = lock, engine, settings, keeper
        self.authority, self.storage = authority, storage
        self._servers = Servers(engine, settings) if engine else None
        self.pool = ThreadPoolExecutor(max_workers=8)
        self.busy: set[str] = set()
        self.reboots: set[str] = set()
        self.watched: set[str] = set()
        # None until they were listed for the first time.
        self.containers: dict[str, Container] | None = None
        self.dressed: dict[str, tuple[str | None, Outfit]] = {}
        self.problems: dict[str, str] = {}
        self.engine_version: str | None = None
        self.engine_problem: str | None = None
        self.signal, self.rounds = threading.Event(), threading.Condition()
        self.asked = self.answered = 0
        self.ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def servers(self) -> Servers:
        """The servers, where there is an engine to run them."""
        assert self._servers, "without an engine there is no job for a server"
        return self._servers

    # The looks, all from one thread

    def begin(self) -> None:
        """Begins to look after the servers."""
        self.thread.start()

    def _run(self) -> None:
        """Looks every two seconds, and whenever something happened, until the end."""
        while not self.ended:
            asked = self.asked
            try:
                calm = self.look()
            except Exception as problem:  # the next look may do better; the sandbox must not die of one
                print(
                    f"looking after the servers failed: {type(problem).__name__}: {problem}",
                    file=sys.stderr,
                    flush=True,
                )
                calm = True
            if calm:
                with self.rounds:
                    self.answered = asked
                    self.rounds.notify_all()
            if self.asked == asked or not calm:
                self.signal.wait(LOOK_SECONDS)
            self.signal.clear()

    def repair(self) -> None:
        """Looks now, and waits until nothing is left to do."""
        with self.rounds:
            self.asked += 1
            asked = self.asked
            self.dressed.clear()
            self.signal.set()
            self.rounds.wait_for(lambda: self.answered >= asked, REPAIR_SECONDS)

    def wake(self) -> None:
        """Asks for a look soon."""
        self.signal.set()

    def end(self) -> None:
        """Looks no more; jobs under way are left, the next start picks up what they leave."""
        self.ended = True
        self.signal.set()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.thread.join(END_SECONDS)

    def look(self) -> bool:
        """Starts a job for each instance that lacks something; True when nothing is left to do."""
        if not self.engine:
            self.end_transitions()
            self.authority.do_without()
            return True
        busy = set(self.busy)
        containers = self._list_containers(self.engine)
        if containers is None:
            return True
        machines = self.wanted()
        outfit = self._outfit(self.engine, machines, containers)
        for machine in machines.values():
            container = containers.get(machine.id)
            if machine.id not in busy | self.busy:
                self._start_job(machine, container, outfit)
        for identity in [i for i in containers if i not in machines and i not in busy]:
            self._submit(identity, self.servers.remove, identity)
        return not self.busy

    def _outfit(self, engine: Engine, machines: dict[str, Machine], containers: dict[str, Container]) -> Outfit:
        """Looks after what servers get from the sandbox, and says what that is now."""
        # Where the servers can be reached by the authority, by instance.
        running = {identity: container for identity, container in containers.items() if container.running}
        addresses = {identity: container.ip for identity, container in running.items() if container.ip}
        self.authority.tend(engine, addresses)
        if any(machine.state != "terminated" for machine in machines.values()):
            self.storage.tend(engine, addresses)
        return Outfit(
            self.authority.certificate(), self.authority.hosts() + self.storage.hosts(), self.storage.environment()
        )

    def _list_containers(self, engine: Engine) -> dict[str, Container] | None:
        """Asks the engine for the containers, unless it does not answer; at first also for what is left from before."""
        if self.containers == {} and not any(m.state != "terminated" for m in self.wanted().values()):
            return self.containers
        try:
            first = self.containers is None
            if not self.engine_version:
                self.engine_version = engine.version()
            self.containers = engine.containers()
            if first:
                self._remove_old_disks(engine)
            self.engine_problem = None
            return self.containers
        except EngineError as problem:
            self.engine_problem, self.engine_version = str(problem), None
            self.watched.clear()
            for machine in self.wanted().values():
                if machine.state == "pending" and machine.id not in self.busy:
                    self._fail(machine, problem)
            return None

    def _remove_old_disks(self, engine: Engine) -> None:
        alive = {machine.id for machine in self.wanted().values() if machine.state != "terminated"}
        for identity in set(engine.kept_disks()) - alive:
            engine.remove_disk(identity)

    def _start_job(self, machine: Machine, container: Container | None, outfit: Outfit) -> None:
        step = next_step(machine.state, container, machine.id in self.watched)
        if container and container.running:
            self.watched.add(machine.id)
            if step is None and machine.id in self.reboots:
                step = "reboot"
            elif (
                step is None
                and machine.state == "running"
                and self.dressed.get(machine.id) != (container.started, outfit)
            ):
                step = "dress"
        if step:
            self._submit(machine.id, getattr(self, f"_{step}"), machine, outfit)

    def _submit(self, identity: str, job: Callable[..., None], *arguments: object) -> None:
        """Does a job beside the looks; one that fails is tried again by a later look, not at once."""

        def do() -> None:
            try:
                job(*arguments)
                self.problems.pop(identity, None)
                self.signal.set()
            except EngineError as problem:
                self.problems[identity] = str(problem)
            except Exception as problem:  # told, because nobody looks at what a thread ended with
                self.problems[identity] = f"{type(problem).__name__}: {problem}; report this, with the sandbox's log"
                traceback.print_exc()
            finally:
                self.busy.discard(identity)

        self.busy.add(identity)
        self.pool.submit(do)

    # The jobs

    def _bring_up(self, machine: Machine, outfit: Outfit) -> None:
        self.watched.discard(machine.id)
        try:
            self.servers.bring_up(machine, lambda: self.wanted()[machine.id].state in ("pending", "running"))
        except EngineError as problem:
            self._fail(machine, problem)
            raise
        try:
            self._dress(machine, outfit)
        finally:
            self.move(machine.id, "running", ("pending",))

    def _dress(self, machine: Machine, outfit: Outfit) -> None:
        container = self.servers.engine.container(machine.id)
        # Noted before it is tried: what cannot be put in is a problem to be told, not to be repeated for ever.
        self.dressed[machine.id] = (container.started if container else None, outfit)
        self.servers.dress(machine, outfit)

    def _reboot(self, machine: Machine, outfit: Outfit) -> None:
        self.reboots.discard(machine.id)
        self.servers.reboot(machine)
        self._bring_up(machine, outfit)

    def _stop(self, machine: Machine, _outfit: Outfit) -> None:
        container = self.servers.engine.container(machine.id)
        if container and container.running:
            self.servers.engine.stop(machine.id)
        self.watched.discard(machine.id)
        self.move(machine.id, "stopped", ("stopping",))

    def _power_off(self, machine: Machine, _outfit: Outfit) -> None:
        self.watched.discard(machine.id)
        self.move(
            machine.id, "stopped", ("running",), "Client.InstanceInitiatedShutdown", "Instance initiated shutdown"
        )

    def _remove(self, machine: Machine, _outfit: Outfit) -> None:
        self.servers.remove(machine.id)
        self.watched.discard(machine.id)
        self.dressed.pop(machine.id, None)
        self.move(machine.id, "terminated", ("shutting-down",))

    def _fail(self, machine: Machine, problem: EngineError) -> None:
        """Ends an instance whose server could not be had: for good if it never ran, else it is stopped."""
        ran = self.settings.machine(machine.id).get("prepared")
        end = "stopped" if ran else "terminated"
        self.move(machine.id, end, ("pending", "running"), "Server.InternalError", str(problem))
        self.problems[machine.id] = str(problem)
        if end == "terminated":
            self.settings.forget_machine(machine.id)

    # moto's side

    def instances(self) -> list[Instance]:
        """All instances, in whichever region."""
        regions = list(get_backend("ec2")[DEFAULT_ACCOUNT].values())
        return [i for region in regions for reservation in region.reservations.values() for i in reservation.instances]

    def wanted(self) -> dict[str, Machine]:
        """What each instance asks for."""
        with self.lock:
            return {instance.id: _machine(instance) for instance in self.instances()}

    def end_transitions(self) -> None:
        """Ends what lasts where there are no containers to wait for."""
        for machine in self.wanted().values():
            if machine.state in ENDS:
                self.move(machine.id, ENDS[machine.state], (machine.state,))

    def move(self, identity: str, name: str, before: tuple[str, ...], code: str = "", message: str = "") -> None:
        """Puts an instance into a state, if it still is in one of those before; with a reason where AWS gives one."""
        with self.lock:
            instance = next((i for i in self.instances() if i.id == identity), None)
            if instance is None or instance.state not in before:
                return
            if code:
                instance.terminate() if name == "terminated" else instance.stop()
                instance.state_reason = StateReason(f"{code}: {message}", code)
                keep_addresses(instance.ec2_backend)
            instance._state.name, instance._state.code = name, CODES[name]
            self.keeper.changed()

    # What is told

    def describe(self) -> list[dict[str, Any]]:
        """The machines that are not terminated, for `status`; with those that could not be had."""
        told = [m for m in self.wanted().values() if m.state != "terminated" or m.id in self.problems]
        return [self._describe(machine) for machine in told]

    def _describe(self, machine: Machine) -> dict[str, Any]:
        container, known = (self.containers or {}).get(machine.id), self.settings.machine(machine.id)
        # Who hears that an instance runs asks at once where that is, and the list may be older than the news.
        is_there = container or (self.containers is not None and machine.state == "running")
        published = known if is_there else {}

        def place(address: str | None, port: int | None) -> dict[str, object] | None:
            return {"address": address, "port": port} if port else None

        return {
            "id": machine.id,
            "instance_type": machine.instance_type,
            "state": machine.state,
            "container": self.engine.name(machine.id) if is_there and self.engine else None,
            "public_ip": machine.public_ip or None,
            "ip": (container.ip or None) if container else None,
            "ssh": place("127.0.0.1", published.get("ssh")),
            "http": place(published.get("address"), published.get("http")),
            "https": place(published.get("address"), published.get("https")),
            "problem": self.problems.get(machine.id),
            "site": known.get("site"),
        }


def _machine(instance: Instance) -> Machine:
    backend = instance.ec2_backend
    pair = backend.key_pairs.get(instance.key_name)
    nics = instance.state != "terminated" and instance.nics
    address = (instance.private_ip or "" if nics else "").replace(".", "-")
    return Machine(
        id=instance.id,
        state=instance.state,
        instance_type=instance.instance_type,
        hostname=f"ip-{address}",
        public_ip=(instance.public_ip or "") if nics else "",
        public_key=_text(pair.material_public).strip() if pair else "",
    )


def _text(material: str | bytes | None) -> str:
    return material.decode() if isinstance(material, bytes) else material or ""
