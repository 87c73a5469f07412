"""Leaves work behind in a user's notebook server, as somebody who closes the browser does; run on the server by the
Hub's Python, as root.

    work.py USER cell CODE         in a new kernel, whose answer nobody waits for
    work.py USER terminal COMMAND  in the shell of a new terminal
"""

import asyncio
import json
import sys
import uuid

from jupyterhub import orm
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

HUB = "http://127.0.0.1:482/jupyter/hub/api"
PROXY = "http://127.0.0.1:480/jupyter"
DATABASE = "sqlite:////var/lib/jupyterhub/jupyterhub.sqlite"
TRIES = 240


class Notebooks:
    """One user's notebook server, with a token of that user."""

    def __init__(self, user):
        session = orm.new_session_factory(DATABASE)()
        token = orm.User.find(session, user).new_api_token(note="test")
        self.user = user
        self.headers = {"Authorization": f"token {token}"}

    def request(self, address, method="GET", body=None):
        text = None if body is None else json.dumps(body)
        # A kernel takes its time to start on a busy machine, and its websocket opens only then.
        times = {"connect_timeout": 60, "request_timeout": 120}
        return HTTPRequest(
            address, method=method, headers=self.headers, body=text, allow_nonstandard_methods=True, **times
        )

    async def ask(self, address, method="GET", body=None):
        answer = await AsyncHTTPClient().fetch(self.request(address, method, body))
        return json.loads(answer.body or b"null")

    async def start(self):
        """Starts the server, and waits until the proxy leads to it."""
        account = f"{HUB}/users/{self.user}"
        if not (await self.ask(account))["servers"]:
            await self.ask(f"{account}/server", "POST", {})
        for _ in range(TRIES):
            server = (await self.ask(account))["servers"].get("") or {}
            if server.get("ready"):
                return
            await asyncio.sleep(0.25)
        raise SystemExit("the server did not start")

    async def create(self, kind):
        """Makes a kernel or a terminal; the proxy may not lead to a new server at once."""
        for _ in range(TRIES):
            try:
                return await self.ask(f"{PROXY}/user/{self.user}/api/{kind}", "POST", {})
            except HTTPClientError as error:
                if error.code not in (404, 424, 503):
                    raise
                await asyncio.sleep(0.25)
        raise SystemExit("the server is not reached")

    async def socket(self, path):
        address = f"{PROXY}/user/{self.user}/{path}".replace("http:", "ws:")
        return await websocket_connect(self.request(address))

    async def run_cell(self, code):
        """Sends the code until the kernel says that it is busy with it."""
        kernel = (await self.create("kernels"))["id"]
        header = {"msg_type": "execute_request", "version": "5.3", "username": "", "session": "test", "date": ""}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        socket = await self.socket(f"api/kernels/{kernel}/channels")
        await asyncio.sleep(2)
        message = {"header": {**header, "msg_id": uuid.uuid4().hex}, "parent_header": {}, "metadata": {}}
        await socket.write_message(json.dumps({**message, "content": content, "channel": "shell", "buffers": []}))
        for _ in range(TRIES):
            state = await self.ask(f"{PROXY}/user/{self.user}/api/kernels/{kernel}?no_track_activity=1")
            if state["execution_state"] == "busy":
                break
            await asyncio.sleep(0.25)
        socket.close()

    async def run_command(self, command):
        """Types the command, and waits until the shell has said something back."""
        name = (await self.create("terminals"))["name"]
        socket = await self.socket(f"terminals/websocket/{name}")
        await socket.write_message(json.dumps(["stdin", f"{command}\r"]))
        await asyncio.sleep(2)
        socket.close()


async def main(user, kind, text):
    notebooks = Notebooks(user)
    await notebooks.start()
    await (notebooks.run_cell if kind == "cell" else notebooks.run_command)(text)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
