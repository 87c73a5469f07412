"""Tries what users come for: starts a user's server through NGINX and runs `6 * 7` in each kernel.

Run by the Hub's own Python, whose tornado speaks websocket. The token comes from a file, because
a command line can be read by everybody. Prints lines of progress, and one of JSON at the end.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import quote, urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.netutil import OverrideResolver, Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import websocket_connect

CODE = "6 * 7"
# R numbers the values of a line.
EXPECTED = ("42", "[1] 42")
# R's kernel shows a value, where Python's returns it.
VALUES = ("execute_result", "display_data")
# Seconds after which a cell without an answer is sent again.
RESEND = 10
# The answers of NGINX and of the proxy while something behind them is still starting.
PASSING = (404, 424, 429, 502, 503, 504, 599)


class Broken(Exception):
    """Says in one sentence what does not work."""


class Hub:
    """The Hub as it is seen through NGINX, with the rights of labctl's token."""

    def __init__(self, base, token, deadline):
        self.base = base.rstrip("/") + "/"
        self.deadline = deadline
        self.headers = {"Authorization": f"token {token}"}
        host = urlsplit(base).hostname
        self.resolver = OverrideResolver(resolver=Resolver(), mapping={host: "127.0.0.1"})
        self.client = SimpleAsyncHTTPClient(force_instance=True, resolver=self.resolver)

    def request(self, method, path, body=None, scheme=None):
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

    async def call(self, method, path, body=None, accept=()):
        """Asks once; gives (status, parsed body)."""
        try:
            answer = await self.client.fetch(self.request(method, path, body))
        except HTTPClientError as error:
            if error.code in accept:
                return error.code, None
            raise Broken(f"{method} /{path} answers {error.code} {error.message}") from None
        text = answer.body.decode("utf-8", "replace")
        return answer.code, json.loads(text) if text.strip() else None

    def is_late(self):
        """Whether the time for all of it is over."""
        return time.monotonic() > self.deadline


async def start_server(hub, user):
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


async def find_server(hub, account):
    """The state of the user's server, or None if there is none."""
    _, found = await hub.call("GET", account)
    return (found.get("servers") or {}).get("")


async def start_kernel(hub, place, name):
    """Opens a kernel; the proxy may need a moment to know the new server."""
    while True:
        status, kernel = await hub.call("POST", f"{place}/api/kernels", {"name": name}, accept=PASSING)
        if kernel:
            return kernel["id"]
        if hub.is_late():
            raise Broken(f"the user's server answers {status} when a kernel is opened")
        await asyncio.sleep(0.25)


async def execute(hub, place, kernel):
    """Runs the cell over the websocket, as JupyterLab does.

    Now and then the first answer of a new kernel is lost, so a cell without one is sent again on another connection.
    """
    while not hub.is_late():
        result = await ask_kernel(hub, place, kernel)
        if result is not None:
            return result
    raise Broken("the kernel did not answer in time")


async def ask_kernel(hub, place, kernel):
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


async def answer_to(socket, asked):
    """Waits for the value of a cell."""
    while True:
        text = await socket.read_message()
        if text is None:
            raise Broken("the kernel's websocket was closed before the answer")
        if isinstance(text, str) and (result := result_of(json.loads(text), asked)) is not None:
            return result


def execute_request(session):
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


def result_of(message, asked):
    """The value of the cell, if this message carries it."""
    if message.get("parent_header", {}).get("msg_id") != asked:
        return None
    kind, content = message["header"]["msg_type"], message["content"]
    if kind in VALUES:
        return content["data"]["text/plain"]
    if kind == "error":
        raise Broken(f"the kernel answers {content.get('ename')}: {content.get('evalue')}")
    return None


async def try_kernels(hub, user, names):
    """All of it; leaves the user's server as it was found."""
    started = time.monotonic()
    is_ours = await start_server(hub, user)
    try:
        for name in names:
            await try_kernel(hub, f"user/{quote(user)}", name)
    finally:
        if is_ours:
            path = f"hub/api/users/{quote(user)}/server"
            await hub.call("DELETE", path, accept=(400, *PASSING))
    others = f" in {', '.join(names)}" if len(names) > 1 else ""
    return f"{CODE} = {EXPECTED[0]}{others} in {time.monotonic() - started:.1f} s"


async def try_kernel(hub, place, name):
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


def read_token(path, key):
    """Takes the token out of a file of `KEY=value` lines."""
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == key and value:
            return value.strip().strip('"')
    raise Broken(f"`{path}` has no `{key}`")


async def run(options):
    """Gives (whether it works, what to say)."""
    try:
        token = read_token(options.token_file, options.token_key)
        hub = Hub(options.base, token, time.monotonic() + options.seconds)
        return True, await asyncio.wait_for(
            try_kernels(hub, options.user, options.kernel), options.seconds + 15
        )
    except Broken as broken:
        return False, str(broken)
    except asyncio.TimeoutError:
        return False, "no answer in time"
    except OSError as error:
        return False, (error.strerror or str(error)).lower()


def main():
    """Prints the result, and ends with 0 if the kernel gave the right answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--user", "--base", "--token-file", "--token-key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--kernel", action="append", required=True)
    parser.add_argument("--seconds", type=float, default=180)
    works, detail = asyncio.run(run(parser.parse_args()))
    print(json.dumps({"ok": works, "detail": detail}), flush=True)
    sys.exit(0 if works else 1)


if __name__ == "__main__":
    main()
