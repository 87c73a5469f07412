"""Tries what users come for: starts a user's server and runs `6 * 7` in each kernel, through NGINX.

Run by the Hub's own Python, whose tornado speaks websocket and whose JupyterHub opens the Hub's database. There it
makes the two tokens that it needs, as `jupyterhub token` does: both are that user's own, can do less than the user
can, and are gone when this ends. One is shown to the Hub alone, at the Hub's own port; the other one goes through the
proxy to the user's server, whose owner may read it. Prints lines of progress, and one of JSON at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
import uuid
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from jupyterhub import orm
from sqlalchemy.exc import SQLAlchemyError
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.netutil import OverrideResolver, Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import websocket_connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tornado.websocket import WebSocketClientConnection

CODE = "6 * 7"
# R numbers the values of a line.
EXPECTED = ("42", "[1] 42")
# R's kernel shows a value, where Python's returns it.
VALUES = ("execute_result", "display_data")
# Seconds after which a cell without an answer is sent again.
RESEND = 10
# The answers of NGINX and of the proxy while something behind them is still starting.
PASSING = (404, 424, 429, 502, 503, 504, 599)
DATABASE = Path("/var/lib/jupyterhub/jupyterhub.sqlite")
# Where the Hub itself listens: no proxy and no process of a user is in between.
HUB = "http://127.0.0.1:482"
NOTE = "made by labctl to try a notebook"
# Seconds from one word to the Hub that the server is in use to the next; the least `idle_timeout` is a minute.
ACTIVE_EVERY = 5


class Broken(Exception):
    """Says in one sentence what does not work."""


class Tokens:
    """Makes tokens of one user for a while; only root can open the database.

    Scopes: https://jupyterhub.readthedocs.io/en/5.5.4/rbac/scopes.html
    """

    def __init__(self, user: str, seconds: float) -> None:
        if not DATABASE.exists():
            raise Broken(f"JupyterHub has no database at `{DATABASE}`")
        self.seconds = int(seconds)
        self.session = orm.new_session_factory(f"sqlite:///{DATABASE}")()
        self.owner = orm.User.find(self.session, user)
        if self.owner is None:
            raise Broken(f"JupyterHub does not know the user `{user}`")

    @contextmanager
    def token(self, *scopes: str) -> Iterator[str]:
        """A token with these scopes; it is revoked at the end, and expires should this be killed before."""
        narrowed = [f"{scope}!user={self.owner.name}" for scope in scopes]
        token = self.owner.new_api_token(note=NOTE, expires_in=self.seconds, scopes=narrowed)
        number = orm.APIToken.find(self.session, token).id
        try:
            yield token
        finally:
            # Expired and not deleted: another token would get its number, and the Hub, which keeps in memory what it
            # has read, would take that one for this. The Hub deletes what has expired, once an hour.
            past = orm.APIToken.now() - timedelta(seconds=1)
            row = self.session.query(orm.APIToken).filter_by(id=number)
            row.update({"expires_at": past}, synchronize_session=False)
            self.session.commit()


class Client:
    """Asks the Hub, or what is behind NGINX, with the rights of one token."""

    def __init__(self, base: str, token: str, deadline: float) -> None:
        self.base = base.rstrip("/") + "/"
        self.deadline = deadline
        self.headers = {"Authorization": f"token {token}"}
        host = urlsplit(base).hostname
        self.resolver = OverrideResolver(resolver=Resolver(), mapping={host: "127.0.0.1"})
        self.client = SimpleAsyncHTTPClient(force_instance=True, resolver=self.resolver)

    def request(self, method: str, path: str, body: object = None, scheme: str | None = None) -> HTTPRequest:
        """Describes one request. The certificate is judged by a gate of its own."""
        address = self.base + path
        if scheme:
            address = scheme + address[address.index(":") :]
        return HTTPRequest(
            address,
            method=method,
            headers={**self.headers, "Content-Type": "application/json"},
            body=json.dumps(body) if body is not None else None,
            allow_nonstandard_methods=True,
            validate_cert=False,
            request_timeout=60,
            connect_timeout=10,
        )

    async def call(self, method: str, path: str, body: object = None, accept: tuple[int, ...] = ()) -> tuple[int, Any]:
        """Asks once; gives (status, parsed body)."""
        try:
            answer = await self.client.fetch(self.request(method, path, body))
        except HTTPClientError as error:
            if error.code in accept:
                return error.code, None
            raise Broken(f"{method} /{path} answers {error.code} {error.message}") from None
        text = answer.body.decode("utf-8", "replace")
        return answer.code, json.loads(text) if text.strip() else None

    def is_late(self) -> bool:
        """Whether the time for all of it is over."""
        return time.monotonic() > self.deadline


async def start_server(hub: Client, user: str) -> bool:
    """Starts the user's server unless it runs; says whether it was started."""
    account = f"hub/api/users/{quote(user)}"
    server = await find_server(hub, account)
    if server and server["ready"]:
        return False
    if not server:
        print(f"starting the server of {user}", flush=True)
        # 400: somebody else has asked for it in this very moment.
        await hub.call("POST", f"{account}/server", {}, accept=(400,))
    seen = False
    while not hub.is_late():
        server = await find_server(hub, account)
        if server and server["ready"]:
            return True
        if seen and not server:
            raise Broken(f"the server of `{user}` stopped while it was starting")
        seen = seen or server is not None
        await asyncio.sleep(0.25)
    raise Broken(f"the server of `{user}` did not start in time")


async def find_server(hub: Client, account: str) -> Any:
    """The state of the user's server, or None if there is none."""
    _, found = await hub.call("GET", account)
    return (found.get("servers") or {}).get("")


@contextmanager
def in_use(hub: Client, account: str) -> Iterator[None]:
    """Tells the Hub that the server is in use, so that it is not stopped as idle in the middle of this."""
    task = asyncio.ensure_future(report_use(hub, account))
    try:
        yield
    finally:
        task.cancel()


async def report_use(hub: Client, account: str) -> None:
    """Tells it again and again."""
    while True:
        now = datetime.now(timezone.utc).isoformat()
        with suppress(Broken, OSError):
            await hub.call("POST", f"{account}/activity", {"servers": {"": {"last_activity": now}}})
        await asyncio.sleep(ACTIVE_EVERY)


async def start_kernel(hub: Client, place: str, name: str) -> str:
    """Opens a kernel; the proxy may need a moment to know the new server."""
    while True:
        status, kernel = await hub.call("POST", f"{place}/api/kernels", {"name": name}, accept=PASSING)
        if kernel:
            return str(kernel["id"])
        if hub.is_late():
            raise Broken(f"the user's server answers {status} when a kernel is opened")
        await asyncio.sleep(0.25)


async def execute(hub: Client, place: str, kernel: str) -> str:
    """Runs the cell over the websocket, as JupyterLab does.

    Now and then the first answer of a new kernel is lost, so a cell without one is sent again on another connection.
    """
    while not hub.is_late():
        result = await ask_kernel(hub, place, kernel)
        if result is not None:
            return result
    raise Broken("the kernel did not answer in time")


async def ask_kernel(hub: Client, place: str, kernel: str) -> str | None:
    """Sends the cell and waits for its value; None if there is none in RESEND seconds."""
    scheme = "wss" if hub.base.startswith("https") else "ws"
    session = uuid.uuid4().hex
    path = f"{place}/api/kernels/{kernel}/channels?session_id={session}"
    request = hub.request("GET", path, scheme=scheme)
    try:
        socket = await websocket_connect(request, resolver=hub.resolver)
    except HTTPClientError as error:
        raise Broken(f"the kernel's websocket answers {error.code} {error.message}") from None
    message = execute_request(session)
    await socket.write_message(json.dumps(message))
    try:
        return await asyncio.wait_for(answer_to(socket, message["header"]["msg_id"]), RESEND)
    except asyncio.TimeoutError:
        return None
    finally:
        socket.close()


async def answer_to(socket: WebSocketClientConnection, asked: str) -> str:
    """Waits for the value of a cell."""
    while True:
        text = await socket.read_message()
        if text is None:
            raise Broken("the kernel's websocket was closed before the answer")
        if isinstance(text, str) and (result := result_of(json.loads(text), asked)) is not None:
            return result


def execute_request(session: str) -> dict[str, Any]:
    """A message of Jupyter's protocol, version 5.3."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "labctl",
        "session": session,
        "version": "5.3",
        "date": "",
    }
    content = {"code": CODE, "silent": False, "store_history": False, "user_expressions": {}}
    content.update(allow_stdin=False, stop_on_error=True)
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }


def result_of(message: dict[str, Any], asked: str) -> str | None:
    """The value of the cell, if this message carries it."""
    if message.get("parent_header", {}).get("msg_id") != asked:
        return None
    kind, content = message["header"]["msg_type"], message["content"]
    if kind in VALUES:
        return str(content["data"]["text/plain"])
    if kind == "error":
        raise Broken(f"the kernel answers {content.get('ename')}: {content.get('evalue')}")
    return None


async def try_kernels(options: argparse.Namespace, tokens: Tokens) -> str:
    """All of it; leaves the user's server as it was found."""
    started = time.monotonic()
    deadline = started + options.seconds
    account = f"hub/api/users/{quote(options.user)}"
    with tokens.token("servers", "users:activity") as token:
        hub = Client(HUB + urlsplit(options.base).path, token, deadline)
        is_ours = await start_server(hub, options.user)
        try:
            with in_use(hub, account), tokens.token("access:servers") as narrow:
                client = Client(options.base, narrow, deadline)
                for name in options.kernel:
                    await try_kernel(client, f"user/{quote(options.user)}", name)
        finally:
            if is_ours:
                await hub.call("DELETE", f"{account}/server", accept=(400, *PASSING))
    others = f" in {', '.join(options.kernel)}" if len(options.kernel) > 1 else ""
    return f"{CODE} = {EXPECTED[0]}{others} in {time.monotonic() - started:.1f} s"


async def try_kernel(hub: Client, place: str, name: str) -> None:
    """Runs the cell in one kernel."""
    kernel = await start_kernel(hub, place, name)
    try:
        result = await execute(hub, place, kernel)
    except Broken as broken:
        raise Broken(f"kernel `{name}`: {broken}") from None
    finally:
        await hub.call("DELETE", f"{place}/api/kernels/{kernel}", accept=PASSING)
    if result.strip() not in EXPECTED:
        raise Broken(f"`{CODE}` in a notebook of kernel `{name}` gives `{result}`")


async def run(options: argparse.Namespace) -> tuple[bool, str]:
    """Gives (whether it works, what to say)."""
    # Cancelled and not killed, so that the tokens are revoked and the server is stopped.
    if task := asyncio.current_task():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        tokens = Tokens(options.user, options.seconds + 60)
        return True, await asyncio.wait_for(try_kernels(options, tokens), options.seconds + 15)
    except Broken as broken:
        return False, str(broken)
    except asyncio.TimeoutError:
        return False, "no answer in time"
    except asyncio.CancelledError:
        return False, "it was told to stop"
    except SQLAlchemyError as error:
        return False, f"JupyterHub's database cannot be used: {error}"
    except OSError as error:
        return False, (error.strerror or str(error)).lower()


def main() -> None:
    """Prints the result, and ends with 0 if the kernel gave the right answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--user", "--base"):
        parser.add_argument(name, required=True)
    parser.add_argument("--kernel", action="append", required=True)
    parser.add_argument("--seconds", type=float, default=180)
    works, detail = asyncio.run(run(parser.parse_args()))
    print(json.dumps({"ok": works, "detail": detail}), flush=True)
    sys.exit(0 if works else 1)


if __name__ == "__main__":
    main()
