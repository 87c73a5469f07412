"""Serves AWS on the loopback interface: moto, with what a test needs around it.

moto (in this process) answers the requests. Around it, per request:

* the log: which AWS operation, when it began and ended, its status, whether it writes;
* latency: a settable number of milliseconds, for all requests side by side;
* faults: rules that make chosen operations fail, or lose the answer after the effect;
* strictness that AWS has and moto lacks (see `strict.py`), on unless switched off.

A client picks its account by its access key: twelve digits are an account number, anything
else is account 123456789012. Each account has its own resources, log, latency and faults, so
that tests that run at the same time can share one emulator (bucket names are still global).

Control, JSON in and out; `?account=` picks another account than 123456789012:

    GET  /labctl-test/health
    POST /labctl-test/reset            forgets resources, logs and faults of *every* account
    POST /labctl-test/latency          {"ms": 100}
    POST /labctl-test/faults           {"rules": [...], "seed": 1}, replaces the rules; see `Fault`
    POST /labctl-test/strict           {"enabled": true, "transition_ms": 0}
    GET  /labctl-test/requests         [{"operation": "ec2:RunInstances", ...}], in order of arrival
    POST /labctl-test/requests/clear
"""

import argparse
import fcntl
import fnmatch
import io
import json
import os
import random
import re
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

sys.dont_write_bytecode = True  # no __pycache__ beside the sources

# moto reads these when it is imported.
os.environ.update(
    MOTO_ENABLE_AMI_VALIDATION="1",
    MOTO_ENABLE_KEYPAIR_VALIDATION="1",
    MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="1",
    MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS="false",
    MOTO_AMIS_PATH=str(Path(__file__).with_name("images.json")),
)

from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import DechunkedInput, ThreadedWSGIServer
from werkzeug.test import EnvironBuilder

from strict import Answer, Call, Strict, error

DEFAULT_ACCOUNT = "123456789012"


@dataclass
class Fault:
    """A rule that makes calls fail.

    `match` is a pattern on the operation's name (`ec2:RunInstances`, `iam:*`, `*`), narrowed by
    `mutating` (true, false or absent for both). Of the calls that match, numbered from 1, it
    hits `count` (0: all) from number `nth` on, each with `probability`. A hit call answers with
    `status`, `code` and `message`; with `drop`, or without a `code`, not at all: the connection
    is closed. With `after_effect` the call is carried out first, and only its answer is lost (or
    replaced, when a `code` is given).
    """

    match: str = "*"
    mutating: bool | None = None
    nth: int = 1
    count: int = 1
    probability: float = 1.0
    status: int = 500
    code: str = ""
    message: str = "injected by the test"
    after_effect: bool = False
    drop: bool = False
    seen: int = 0
    hits: int = 0

    def hit(self, call, dice):
        if not fnmatch.fnmatchcase(call.name, self.match) or self.mutating not in (None, call.mutating):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.count and self.hits >= self.count) or dice.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def answer(self, call):
        return None if self.drop or not self.code else error(call, self.status, self.code, self.message)


class World:
    """One account: its log, latency, faults and strictness. Its resources are in moto."""

    def __init__(self):
        self.latency_ms = 0
        self.strict = Strict()
        self.forget()

    def forget(self):
        self.log, self.faults, self.dice = [], [], random.Random(1)
        self.strict.forget()


class Emulator:
    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        # moto is not made for threads: one call at a time is inside it, latency is beside it.
        self.lock = threading.RLock()
        self.worlds = {}

    def warm_up(self):
        """Asks each service something: the first answers take moto a second, the later ones milliseconds."""
        form, target = "application/x-www-form-urlencoded", "ResourceGroupsTaggingAPI_20170126.GetResources"
        asked = [
            ("ec2", "/", form, "Action=DescribeKeyPairs&Version=2016-11-15"),
            ("iam", "/", form, "Action=ListRoles&Version=2010-05-08"),
            ("sts", "/", form, "Action=GetCallerIdentity&Version=2011-06-15"),
            ("s3", "/", None, ""),
            ("route53", "/2013-04-01/hostedzonesbyname", None, ""),
            ("tagging", "/", "application/x-amz-json-1.1", "{}"),
        ]
        for service, path, content_type, body in asked:
            headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={DEFAULT_ACCOUNT}/20260101/us-east-1/{service}/aws4_request"}
            headers |= {"X-Amz-Target": target} if service == "tagging" else {}
            environ = EnvironBuilder(path, method="POST" if body else "GET", data=body, headers=headers, content_type=content_type).get_environ()
            answer = self.perform(World(), identify(environ, body.encode()))
            assert answer.status == 200, f"{service}: {answer}"

    def world(self, account):
        with self.lock:
            return self.worlds.setdefault(account, World())

    def answer(self, environ, body):
        if environ["PATH_INFO"].startswith("/labctl-test/"):
            return self.control(environ, body)
        call = identify(environ, body)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account
        world = self.world(call.account)
        entry = {"operation": call.name, "mutating": call.mutating, "region": call.region, "status": None,
                 "start": time.monotonic(), "end": None, "fault": False}
        with self.lock:
            world.log.append(entry)
            fault = next((f for f in world.faults if f.hit(call, world.dice)), None)
        time.sleep(world.latency_ms / 1000)
        answer = fault.answer(call) if fault and not fault.after_effect else self.perform(world, call)
        if fault and fault.after_effect:
            answer = fault.answer(call)
        entry.update(end=time.monotonic(), status=answer.status if answer else None, fault=bool(fault))
        return answer

    def perform(self, world, call):
        with self.lock:
            return world.strict.before(call) or world.strict.after(call, self.ask_moto(call))

    def ask_moto(self, call):
        seen = {}
        try:
            body = b"".join(self.moto(call.environ, lambda status, headers, _=None: seen.update(status=status, headers=headers)))
        except Exception as problem:  # what moto has not got; 501, because no client tries that again
            traceback.print_exc()
            return error(call, 501, "NotImplemented", f"moto: {type(problem).__name__}: {problem}")
        headers = [(k, v) for k, v in seen["headers"] if k.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server")]
        return Answer(int(seen["status"].split()[0]), headers, body)

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
                case ("GET", "requests"):
                    result = world.log
                case ("POST", "requests/clear"):
                    world.log = []
                case _:
                    return Answer(404, [("Content-Type", "application/json")], b'{"error": "no such control"}')
        return Answer(200, [("Content-Type", "application/json")], json.dumps(result).encode())


def identify(environ, body):
    """Names the AWS operation that a request asks for."""
    credential = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = credential.groups() if credential else ("", "us-east-1", "s3")
    account = key if re.fullmatch(r"\d{12}", key) else DEFAULT_ACCOUNT
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        operation = target.split(".")[-1]
    elif service in ("s3", "route53"):
        operation = rest_operation(service, environ)
    else:
        operation = dict(parse_qsl(body.decode(errors="replace"))).get("Action", "Unknown")
    return Call(service, operation, account, region, environ, body)


def rest_operation(service, environ):
    try:
        operation, _ = get_service_router(service).match(Request(environ))
        return operation.name
    except Exception:  # werkzeug's NotFound and others: a request that is no operation
        return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


class Handler(MotoRequestHandler):
    """Keeps connections open, as AWS does; werkzeug's own closes each after one request."""

    protocol_version = "HTTP/1.1"

    def run_wsgi(self):
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        body = self.read_body(environ)
        answer = self.server.app.answer(environ, body)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def read_body(self, environ):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = DechunkedInput(self.rfile).read()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        return body

    def log_request(self, *_):
        pass


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
    emulator = Emulator()
    emulator.warm_up()
    server = ThreadedWSGIServer("127.0.0.1", options.port, emulator, handler=Handler)
    server.daemon_threads = True
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
