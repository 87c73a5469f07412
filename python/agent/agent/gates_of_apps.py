"""Gates that use the model's API and the Shiny app as people do."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING

from . import gates_of_web, web, websocket
from .gates_of_host import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .job import Job
    from .messages import PredictGate, PublicApiGate, ShinyGate, ShinyServerGate
    from .tools import Answer

# What every Shiny app's page names, in Python and in R: the script that opens its websocket.
SHINY_MARK = "shiny"
HELLO = json.dumps({"method": "init", "data": {}})
# What Shiny Server's own page says then.
SHINY_SERVER_GAVE_UP = "application failed to start"
# Before a session's first word come a few about the connection itself.
SOCKJS_MESSAGES = 20
# Its own limit (`app_init_timeout`), and a little.
APP_STARTS_SECONDS = 65


def predict(job: Job, gate: PredictGate) -> str:
    """The API answers, and predicts from a row that its own description allows."""
    answer = job.tools.ask(["/usr/bin/python3", "-I", gate["program"], "check"], timeout=90)
    result = last_line(answer)
    if answer.code != 0 or result.get("state") != "ready":
        raise Refused(result.get("why") or "the program that tries it ended without an answer")
    return str(result["detail"])


def last_line(answer: Answer) -> dict[str, Any]:
    """What a program of ours says at its end."""
    try:
        result = json.loads(answer.lines[-1])
    except (ValueError, IndexError):
        return {}
    return result if isinstance(result, dict) else {}


def public_api(_job: Job, gate: PublicApiGate) -> str:
    """The API answers `/ping` through NGINX, in the way of vetiver."""
    answer = web.get(gate["url"])
    if answer.status != 200 or "pong" not in answer.body:
        raise Refused(f"{answer.status} from {answer.server} instead of a pong")
    return answer.shown


def shiny(_job: Job, gate: ShinyGate) -> str:
    """The app's page is Shiny's, and its websocket tells the session that it has opened."""

    def opens(socket: websocket.Websocket) -> bool:
        socket.send(HELLO)
        return '"config"' in (socket.receive() or "")

    return _session(gate["url"], "websocket/", opens)


def shiny_server(_job: Job, gate: ShinyServerGate) -> str:
    """The same behind Shiny Server: one channel of many in SockJS, whose messages are lists of texts.

    (SockJS protocol 0.3, "WebSocket"; rstudio/shiny-server, `lib/proxy/multiplex.js` and `robust-sockjs.js`.)
    """

    def opens(socket: websocket.Websocket) -> bool:
        if socket.receive() != "o":
            return False
        socket.send(json.dumps(["0#0|o|"]))
        socket.send(json.dumps([f"1#0|m|{HELLO}"]))
        for _ in range(SOCKJS_MESSAGES):
            said = socket.receive()
            if said is None or said.startswith("c"):
                return False
            if said.startswith("a") and any('"config"' in message for message in json.loads(said[1:])):
                return True
        return False

    place = f"__sockjs__/n={secrets.token_hex(9)}/{secrets.randbelow(1000):03d}/{secrets.token_hex(4)}/websocket"
    # Shiny Server starts the app when it is asked for, and answers once it has started.
    return _session(gate["url"], place, opens, timeout=APP_STARTS_SECONDS)


def _session(url: str, place: str, opens: Callable[[websocket.Websocket], bool], timeout: float = 10) -> str:
    """The page is a Shiny app's, and a session opens on its websocket."""
    answer = web.get(url, timeout)
    if answer.status == 500 and SHINY_SERVER_GAVE_UP in answer.body:
        raise Refused("Shiny Server could not start the app", is_final=True)
    if SHINY_MARK not in gates_of_web.there(answer).body.lower():
        raise Refused("the page is not a Shiny app's")
    started = time.monotonic()
    try:
        socket = websocket.Websocket(url + place, timeout=10)
    except websocket.NoWebsocket as problem:
        raise Refused(str(problem)) from None
    try:
        is_open = opens(socket)
    except (websocket.NoWebsocket, ValueError) as problem:
        raise Refused(str(problem)) from None
    finally:
        socket.close()
    if not is_open:
        raise Refused("its websocket ends without opening a session")
    return f"{answer.shown}; websocket in {time.monotonic() - started:.1f} s"
