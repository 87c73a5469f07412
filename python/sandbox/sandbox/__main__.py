"""An emulated AWS on this computer, with a container for each running instance: one process for each lab.

    python -m sandbox serve --folder STATE --lab NAME --program HASH [--engine docker|podman|none] [--image TAG]
        serves until it is told to end; STATE/process.json says where, once it is ready
    python -m sandbox clean --folder STATE --lab NAME --engine docker|podman|none [--forget]
        removes what a sandbox left running; the disks of its servers stay, unless it is to be forgotten

The folder is the lab's own. Who holds the lock in it is the lab's only sandbox: a second one ends with code 3.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import socket
    from typing import TextIO

    from _typeshed.wsgi import WSGIApplication
    from werkzeug.serving import BaseWSGIServer

    from sandbox.control import Sandbox

sys.dont_write_bytecode = True
# Isolated Python knows the folder of this file only: its parent makes `sandbox` a package.
sys.path[0:1] = [str(Path(__file__).resolve().parent.parent)]

from sandbox.children import end_children
from sandbox.engine import Engine, EngineError
from sandbox.files import Settings, read_json, write_json
from sandbox.servers import listen

FILES = (
    "process.json",
    "settings.json",
    "children.json",
    "aws.pickle",
    "aws.pickle.broken",
    "aws-credentials",
    "root.pem",
    "lock",
)


def lock(folder: Path, lab: str) -> TextIO:
    """Takes the lab's lock, or ends."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = open(os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")  # noqa: SIM115  # held until the end
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"the sandbox of `{lab}` is running already; use it, or shut it down first", file=sys.stderr)
        sys.exit(3)
    return file


def listen_on_loopback(settings: Settings) -> socket.socket:
    """Listens for AWS's clients of this laptop, or ends."""
    try:
        listener = listen("127.0.0.1", settings.get("port"))
    except OSError:
        print("no free port was found on 127.0.0.1; end a program that listens there, and try again", file=sys.stderr)
        sys.exit(1)
    settings.set(port=listener.getsockname()[1])
    return listener


def serve(options: argparse.Namespace) -> None:
    """Puts the parts together and serves until the end."""
    held = lock(options.folder, options.lab)
    # moto takes its time, and `clean` does without
    from werkzeug.serving import ThreadedWSGIServer

    from sandbox.authority import Authority
    from sandbox.control import LastAnswer, Sandbox
    from sandbox.keys import Keys
    from sandbox.machines import Machines
    from sandbox.state import Keeper
    from sandbox.storage import Storage

    end_children(options.folder)
    sandbox = Sandbox(options.lab, options.program, secrets.token_urlsafe(32))
    sandbox.settings = settings = Settings(options.folder)
    if options.image:
        settings.set(image=options.image)
    sandbox.keys = keys = Keys(options.folder, settings, sandbox.lock)
    sandbox.warm_up()
    sandbox.keeper = keeper = Keeper(options.folder, sandbox.strict, sandbox.lock)
    sandbox.problems += filter(None, [keeper.restore()])
    engine = None if options.engine == "none" else Engine(options.engine, options.lab, options.folder)
    sandbox.strict.instances_wait = engine is not None
    sandbox.authority = Authority(options.folder, settings, sandbox.lock)
    sandbox.storage = Storage(settings, keys, sandbox.carry_out)
    sandbox.machines = Machines(sandbox.lock, engine, settings, keeper, sandbox.authority, sandbox.storage)
    listener = listen_on_loopback(settings)
    sandbox.port = listener.getsockname()[1]
    server = ThreadedWSGIServer(
        "127.0.0.1", sandbox.port, cast("WSGIApplication", sandbox), handler=LastAnswer, fd=listener.fileno()
    )
    server.daemon_threads = True
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sandbox.shut_down.set())
    sandbox.machines.begin()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = {
        "port": sandbox.port,
        "pid": os.getpid(),
        "program": options.program,
        "token": sandbox.token,
        "access_key": keys.client.id,
        "secret_key": keys.client.secret,
        "lab": options.lab,
    }
    write_json(options.folder / "process.json", process)
    sandbox.shut_down.wait()
    end(sandbox, server, options.folder)
    held.close()


def end(sandbox: Sandbox, server: BaseWSGIServer, folder: Path) -> None:
    """Answers what was asked, keeps everything, and ends."""
    server.shutdown()
    sandbox.machines.end()
    sandbox.authority.end()
    sandbox.keeper.save()
    (folder / "process.json").unlink(missing_ok=True)
    sys.stderr.flush()
    # Jobs under way wait for docker; what they were about to do is found again at the next start.
    os._exit(0)


def clean(options: argparse.Namespace) -> None:
    """Removes what a sandbox left: its programs, containers and network; told as one line of JSON."""
    held = lock(options.folder, options.lab)
    removed = end_children(options.folder)
    kept: list[str] = []
    try:
        if shutil.which(options.engine):  # else nothing was ever made, or the engine is gone with all of it
            engine = Engine(options.engine, options.lab, options.folder)
            alive = live_instances(options.folder)
            remove_containers(engine, alive, options.forget, removed, kept)
            remove_disks(engine, alive, options.forget, removed)
            if engine.remove_network():
                removed.append(engine.network)
    except EngineError as problem:
        print(f"not everything could be removed: {problem}", file=sys.stderr)
        sys.exit(1)
    (options.folder / "process.json").unlink(missing_ok=True)
    if options.forget:
        removed += forget_files(options.folder)
    held.close()
    print(json.dumps({"removed": removed, "kept": kept}))


def live_instances(folder: Path) -> set[str]:
    """The instances that are not terminated, by the note that each of their servers has in the settings."""
    return set(read_json(folder / "settings.json").get("machines", {}))


def remove_containers(engine: Engine, alive: set[str], forget: bool, removed: list[str], kept: list[str]) -> None:
    """Removes the containers of a lab, and keeps the disks of those that will be needed again."""
    for container in engine.containers().values():
        if not forget and container.instance in alive:
            if container.running:
                engine.stop(container.instance)
            engine.keep_disk(container.instance)
            kept.append(engine.image_of(container.instance))
        engine.remove(container.name)
        removed.append(container.name)


def remove_disks(engine: Engine, alive: set[str], forget: bool, removed: list[str]) -> None:
    """Removes the kept disks that nobody needs any more."""
    for identity in engine.kept_disks():
        if forget or identity not in alive:
            engine.remove_disk(identity)
            removed.append(engine.image_of(identity))


def forget_files(folder: Path) -> list[str]:
    """Removes the files that a sandbox made; the folder stays, it is labctl's."""
    found = [folder / name for name in FILES if (folder / name).exists()]
    for path in [*found, *folder.glob("*.part")]:
        path.unlink(missing_ok=True)
    if (folder / "authority").exists():
        shutil.rmtree(folder / "authority")
        found.append(folder / "authority")
    return [str(path) for path in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["serve", "clean"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--lab", required=True)
    parser.add_argument("--program", default="")
    parser.add_argument("--engine", choices=["docker", "podman", "none"], default="docker")
    parser.add_argument("--image")
    parser.add_argument("--forget", action="store_true")
    options = parser.parse_args()
    serve(options) if options.command == "serve" else clean(options)


if __name__ == "__main__":
    main()
