"""Gates that use the model's API and the Shiny app as people do."""

import json
import time

from . import gates_of_web, web, websocket
from .gates_of_host import Refused

# What every Shiny app's page names, in Python and in R: the script that opens its websocket.
SHINY_MARK = "shiny"
HELLO = json.dumps({"method": "init", "data": {}})


def predict(job, gate):
    """The API answers, and predicts from a row that its own description allows."""
    answer = job.tools.ask(["/usr/bin/python3", "-I", gate["program"], "check"], timeout=90)
    result = last_line(answer)
    if answer.code != 0 or result.get("state") != "ready":
        raise Refused(result.get("why") or "the program that tries it ended without an answer")
    return result["detail"]


def last_line(answer):
    """What a program of ours says at its end."""
    try:
        result = json.loads(answer.lines[-1])
    except (ValueError, IndexError):
        return {}
    return result if isinstance(result, dict) else {}


def public_api(_job, gate):
    """The API answers `/ping` through NGINX, in the way of vetiver."""
    answer = web.get(gate["url"])
    if answer.status != 200 or "pong" not in answer.body:
        raise Refused(f"{answer.status} from {answer.server} instead of a pong")
    return answer.shown


def shiny(_job, gate):
    """The app's page is Shiny's, and its websocket tells the session that it has opened."""
    answer = gates_of_web.opened(gate["url"])
    if SHINY_MARK not in answer.body.lower():
        raise Refused("the page is not a Shiny app's")
    started = time.monotonic()
    try:
        socket = websocket.Websocket(gate["url"] + "websocket/", timeout=10)
    except websocket.NoWebsocket as problem:
        raise Refused(str(problem)) from None
    try:
        socket.send(HELLO)
        first = socket.receive()
    except websocket.NoWebsocket as problem:
        raise Refused(str(problem)) from None
    finally:
        socket.close()
    if first is None or '"config"' not in first:
        raise Refused("its websocket ends without opening a session")
    return f"{answer.shown}; websocket in {time.monotonic() - started:.1f} s"
