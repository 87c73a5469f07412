"""The sandbox's answers: to labctl on paths of its own, to everybody else as AWS.

labctl's paths need the token of the process, and AWS's calls a signature (`signatures.py`). Browsers are refused
everywhere: a web page must not reach what is emulated here, and a browser says where a request comes from, or asks for
another host.

    GET  /labctl-sandbox/health      is it there
    GET  /labctl-sandbox/status      all that there is to know
    POST /labctl-sandbox/settings    {"image": TAG, "authority": true|false}
    POST /labctl-sandbox/site        {"instance": ID, "site": {…}|null}: what was applied to a server for browsers
    POST /labctl-sandbox/repair      looks after the servers now, and answers like status when that is done
    POST /labctl-sandbox/shutdown    saves, ends the authority and then the process; the servers stay
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import threading
from typing import TYPE_CHECKING

from .server import DEFAULT_ACCOUNT, OF_MOTO, Emulator, Handler, identify, is_browser
from .signatures import refusal
from .strict import Answer, Strict, error

if TYPE_CHECKING:
    from typing import Any

    from .authority import Authority
    from .files import Settings
    from .keys import Keys
    from .machines import Machines
    from .state import Keeper
    from .storage import Storage
    from .strict import Call, Environ

PREFIX = "/labctl-sandbox/"
CONSOLE = "-----BEGIN SSH HOST KEY KEYS-----\n{keys}\n-----END SSH HOST KEY KEYS-----\n"
LOOPBACK = re.compile(r"(?:.+\.)?localhost|127\.0\.0\.1")


class Sandbox(Emulator):
    """The emulated AWS of one lab, with the control of its process; `__main__.py` puts the parts together."""

    settings: Settings
    keys: Keys
    keeper: Keeper
    machines: Machines
    authority: Authority
    storage: Storage

    def __init__(self, lab: str, program: str, token: str) -> None:
        super().__init__()
        self.lab, self.program, self.token = lab, program, token
        self.strict = Strict()
        self.port = 0
        self.problems: list[str] = []
        self.leaving, self.shut_down = False, threading.Event()

    def answer(self, environ: Environ, body: bytes) -> Answer:
        """Answers one request."""
        if is_browser(environ, LOOPBACK):
            return _json(403, {"error": "this is no place for web pages: use labctl or an AWS client"})
        if environ["PATH_INFO"].startswith(PREFIX):
            return self.control(environ, body)
        call = identify(environ, body)
        if environ["PATH_INFO"].startswith(OF_MOTO):
            return error(call, 403, "AccessDenied", "moto's own paths are closed in a sandbox")
        return refusal(call, self.keys.of_clients) or self.carry_out(call)

    def carry_out(self, call: Call) -> Answer:
        """Carries out a call of an AWS client."""
        call.account = call.environ["HTTP_X_MOTO_ACCOUNT_ID"] = DEFAULT_ACCOUNT
        with self.lock:
            answer = self.perform(self.strict, call)
            if call.mutating:
                self.keeper.changed()
        if answer.status < 300:
            answer = self._after(call, answer)
        return answer

    def _after(self, call: Call, answer: Answer) -> Answer:
        """Lets the servers follow a call, and gives what they alone know."""
        if call.name == "ec2:RebootInstances":
            self.machines.reboots |= {value for key, value in call.form.items() if key.startswith("InstanceId.")}
        if call.mutating and call.service in ("ec2", "route53"):
            self.machines.wake()
        if call.name == "ec2:GetConsoleOutput":
            keys = self.settings.machine(call.form.get("InstanceId", "")).get("host_keys")
            text = base64.b64encode(CONSOLE.format(keys=keys).encode() if keys else b"")
            return Answer(
                answer.status,
                answer.headers,
                re.sub(rb"<output>.*?</output>", b"<output>%b</output>" % text, answer.body, flags=re.S),
            )
        return answer

    def control(self, environ: Environ, body: bytes) -> Answer:
        """Answers labctl."""
        asked = (environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(PREFIX))
        if not hmac.compare_digest(environ.get("HTTP_X_LABCTL_SANDBOX", "").encode(), self.token.encode()):
            return _json(403, {"error": "the header X-Labctl-Sandbox with the sandbox's token is missing or wrong"})
        if asked == ("GET", "health"):
            return _json(200, {"ok": True, "lab": self.lab, "program": self.program, "pid": os.getpid()})
        if asked == ("GET", "status"):
            return _json(200, self.status())
        if asked == ("POST", "settings"):
            return self.choose(body)
        if asked == ("POST", "site"):
            return self.note_site(body)
        if asked == ("POST", "repair"):
            self.machines.repair()
            return _json(200, self.status())
        if asked == ("POST", "shutdown"):
            self.keeper.save()
            self.machines.end()
            self.authority.end()
            self.leaving = True
            return _json(200, {"ok": True})
        return _json(
            404, {"error": "the sandbox has no such path; labctl and the sandbox may be of different versions"}
        )

    def choose(self, body: bytes) -> Answer:
        """Takes the settings that the request names."""
        try:
            asked = json.loads(body)
            chosen = {name: kind(asked[name]) for name, kind in (("image", str), ("authority", bool)) if name in asked}
        except (ValueError, TypeError):
            return _json(400, {"error": "settings are a JSON object with `image`, `authority` or both"})
        self.settings.set(**chosen)
        self.machines.wake()
        return _json(200, {"ok": True})

    def note_site(self, body: bytes) -> Answer:
        """Keeps what labctl has applied to a server for browsers, for as long as there is that server."""
        try:
            asked = json.loads(body)
            identity, site = str(asked["instance"]), asked["site"]
        except (ValueError, TypeError, KeyError):
            return _json(400, {"error": "a site is noted by a JSON object with `instance` and `site`"})
        if not self.settings.machine(identity):
            return _json(404, {"error": f"`{identity}` is no server of this sandbox"})
        self.settings.set_machine(identity, site=site)
        return _json(200, {"ok": True})

    def status(self) -> dict[str, Any]:
        """All that there is to know about the sandbox."""
        machines, authority = self.machines, self.authority
        engine = machines.engine if machines.engine_version and not machines.engine_problem else None
        return {
            "lab": self.lab,
            "port": self.port,
            "engine": {"name": engine.program, "version": machines.engine_version} if engine else None,
            "engine_problem": machines.engine_problem,
            "image": self.settings.get("image"),
            "authority": authority.describe(),
            "authority_problem": authority.problem,
            "problems": [*self.problems, *filter(None, [self.keeper.problem, self.storage.problem])],
            "machines": machines.describe(),
            "names": {name: instance for name, (instance, _) in authority.names().items()},
        }


class LastAnswer(Handler):
    """Lets the process end only when its last answer was sent."""

    def run_wsgi(self) -> None:
        super().run_wsgi()
        sandbox: Any = self.server.app
        if sandbox.leaving:
            sandbox.shut_down.set()


def _json(status: int, value: object) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(value).encode())
