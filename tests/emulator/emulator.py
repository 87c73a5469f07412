"""Serves AWS on the loopback interface: moto, with what a test needs around it.

moto (in this process) answers the requests. Around it, per request:

* the log: which AWS operation, when it began and ended, its status, whether it writes;
* latency: a settable number of milliseconds, for all requests side by side;
* faults: rules that make chosen operations fail, lose or spoil the answer after the effect, or
  kill who called (see `faults.py`);
* strictness that AWS has and moto lacks (see `strict.py`), on unless switched off.

What is asked of moto, and how, is `python/sandbox/sandbox/server.py`.

A client picks its account by its access key: twelve digits are an account number, anything
else is account 123456789012. Each account has its own resources, log, latency and faults, so
that tests that run at the same time can share one emulator (bucket names are still global).

Control, JSON in and out; `?account=` picks another account than 123456789012:

    GET  /labctl-test/health
    POST /labctl-test/reset            forgets resources, logs and faults of *every* account
    POST /labctl-test/latency          {"ms": 100}
    POST /labctl-test/faults           {"rules": [...], "seed": 1}, replaces the rules; see `Fault`
    POST /labctl-test/strict           {"enabled": true, "transition_ms": 0, "profile_ms": 0}
    GET  /labctl-test/faults           how many calls each rule has seen and hit
    GET  /labctl-test/requests         [{"operation": "ec2:RunInstances", ...}], in order of arrival;
                                       `expected_owner` is the account that a bucket must belong to
    POST /labctl-test/requests/clear
"""

import argparse
import fcntl
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qsl

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python/sandbox"))

from sandbox.server import DEFAULT_ACCOUNT, Emulator, Handler, identify  # before moto, whose settings it makes

from faults import Fault, Spoilt, send_spoilt
from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces
from moto.moto_api._internal.models import moto_api_backend
from sandbox.strict import Answer, Strict
from werkzeug.serving import ThreadedWSGIServer


# The account of the call that this thread carries out.
current = threading.local()


class World:
    """One account: its log, latency, faults and strictness. Its resources are in moto."""

    def __init__(self):
        self.latency_ms = 0
        self.strict = Strict()
        self.forget()

    def forget(self):
        self.log, self.faults, self.dice = [], [], random.Random(1)
        # How many public addresses were given out, by the second part of the address.
        self.addresses = {18: 0, 19: 0}
        self.strict.forget()

    def next_address(self, part):
        """The account's next address of 198.18.0.0/15, which is set aside for tests: each account has the same ones.

        A server is told its addresses. So a server that was set up for one account can stand in for that of another.
        """
        self.addresses[part] += 1
        high, low = divmod(self.addresses[part] - 1, 254)
        return f"198.{part}.{high}.{low + 1}"


class TestEmulator(Emulator):
    """The shared part, with a world for each account; latency passes beside moto's lock."""

    def __init__(self):
        super().__init__()
        self.worlds = {}
        elastic_ip_addresses.random_ip = lambda: self.world(current.account).next_address(18)
        elastic_network_interfaces.random_public_ip = lambda: self.world(current.account).next_address(19)

    def world(self, account):
        with self.lock:
            return self.worlds.setdefault(account, World())

    def answer(self, environ, body):
        if environ["PATH_INFO"].startswith("/labctl-test/"):
            return self.control(environ, body)
        call = identify(environ, body)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account
        world = self.world(call.account)
        current.account = call.account
        entry = {"operation": call.name, "mutating": call.mutating, "region": call.region, "status": None,
                 "expected_owner": environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER"), "start": time.monotonic(), "end": None, "fault": False}
        with self.lock:
            world.log.append(entry)
            fault = next((f for f in world.faults if f.hit(call, world.dice)), None)
        time.sleep(world.latency_ms / 1000)
        perform = lambda: self.perform(world.strict, call)
        answer = fault.disturb(call, perform) if fault else perform()
        entry.update(end=time.monotonic(), status=answer.status if answer else None, fault=bool(fault))
        return answer

    def control(self, environ, body):
        path, query = environ["PATH_INFO"].removeprefix("/labctl-test/"), dict(parse_qsl(environ["QUERY_STRING"]))
        asked = json.loads(body or b"{}")
        world = self.world(query.get("account", DEFAULT_ACCOUNT))
        result = {}
        with self.lock:
            match (environ["REQUEST_METHOD"], path):
                case ("GET", "health"):
                    result = {"ok": True}
                case ("POST", "reset"):
                    moto_api_backend.reset()
                    for each in self.worlds.values():
                        each.forget()
                    self.warm_up()
                case ("POST", "latency"):
                    world.latency_ms = float(asked["ms"])
                case ("POST", "faults"):
                    world.faults = [Fault(**rule) for rule in asked["rules"]]
                    world.dice = random.Random(asked.get("seed", 1))
                case ("POST", "strict"):
                    world.strict.enabled = bool(asked.get("enabled", True))
                    world.strict.transition_ms = float(asked.get("transition_ms", 0))
                    world.strict.hasten()
                    world.strict.profile_ms = float(asked.get("profile_ms", 0))
                case ("GET", "faults"):
                    result = [{"match": fault.match, "seen": fault.seen, "hits": fault.hits} for fault in world.faults]
                case ("GET", "requests"):
                    result = world.log
                case ("POST", "requests/clear"):
                    world.log = []
                case _:
                    return Answer(404, [("Content-Type", "application/json")], b'{"error": "no such control"}')
        return Answer(200, [("Content-Type", "application/json")], json.dumps(result).encode())


class TestHandler(Handler):
    def send(self, answer):
        send_spoilt(self, answer) if isinstance(answer, Spoilt) else super().send(answer)


def listen(emulator, port=0):
    """A server of the emulator that has not begun to serve; port 0 takes a free one."""
    server = ThreadedWSGIServer("127.0.0.1", port, emulator, handler=TestHandler)
    server.daemon_threads = True
    return server


def leave_when_unused(folder, patience=3):
    """Ends this process once nobody has held a lock on the file `used` for some seconds.

    Who wants to share an emulator locks `starting`, so that only one starts it, then locks
    `used` shared and reads `port`. `starting` is held here too while the emulator leaves.
    """
    unused = 0
    while True:
        time.sleep(1)
        with open(folder / "used", "a") as used, open(folder / "starting", "a") as starting:
            try:
                fcntl.flock(starting, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                unused = 0
                continue
            unused += 1
            if unused >= patience:
                (folder / "port").unlink(missing_ok=True)
                os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--port-file", type=Path, help="also write the port here, once it listens")
    parser.add_argument("--shared", type=Path, metavar="FOLDER", help="be shared, see leave_when_unused: the folder of `port` and the locks")
    options = parser.parse_args()
    emulator = TestEmulator()
    emulator.warm_up()
    server = listen(emulator, options.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port_file = options.shared / "port" if options.shared else options.port_file
    if port_file:
        # in one step, so that a reader never sees half of it
        part = port_file.with_suffix(".part")
        part.write_text(f"{server.server_port}\n")
        part.replace(port_file)
    if options.shared:
        threading.Thread(target=leave_when_unused, args=(options.shared,), daemon=True).start()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
