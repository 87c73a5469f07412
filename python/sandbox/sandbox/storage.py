"""S3 for the servers, in the place of what a real one reaches with the keys of its instance profile; and STS, as far as
it gives a server's users keys of their own role.

They are answered at the gateway of the servers' network, by a name that stays when the network is made anew, to a key of
the servers' own, and S3 also to the keys that STS gave. Nothing else is: a notebook must not start servers on the laptop.
labctl's programs on a server look into `/etc/labctl/aws.env` for another place of both, and that file is what the sandbox
puts into each of them.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, cast

from werkzeug.serving import ThreadedWSGIServer

from .engine import EngineError
from .server import OF_MOTO, Handler, identify, is_browser
from .servers import is_free, listen
from .signatures import refusal
from .strict import error

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed.wsgi import WSGIApplication

    from .engine import Engine
    from .files import Settings
    from .keys import Keys
    from .strict import Answer, Call, Environ

AGAIN_SECONDS = 30
# `internal` is kept for private use (ICANN, resolution 2024.07.29.06).
NAME = "s3.sandbox.internal"
OWN_NAME = re.compile(re.escape(NAME))


class Storage:
    """Answers S3 while there are servers: `tend` is called again and again; `carry_out` is who knows the buckets."""

    def __init__(self, settings: Settings, keys: Keys, carry_out: Callable[[Call], Answer]) -> None:
        self.settings, self.keys, self.carry_out = settings, keys, carry_out
        self.server: ThreadedWSGIServer | None = None
        self.gateway = ""
        self.problem: str | None = None
        self.tried: float = -AGAIN_SECONDS

    def tend(self, engine: Engine, addresses: dict[str, str]) -> None:
        """Begins to answer, or begins again where the network has another gateway; `addresses` are the servers'."""
        # Port 0 is never taken: what is asked is whether the address is still this machine's.
        if self.server and not is_free(self.gateway, 0):
            self.end()
        if self.server or time.monotonic() - self.tried < AGAIN_SECONDS:
            return
        if engine.network_needs_containers and not addresses:
            return
        self.tried = time.monotonic()
        try:
            self._begin(engine.make_network())
            self.problem = None
        except (EngineError, OSError) as problem:
            self.problem = f"servers reach no bucket: {problem}"

    def _begin(self, gateway: str) -> None:
        with listen(gateway, self.settings.get("storage_port")) as listener:
            port = listener.getsockname()[1]
            # It takes a copy of the socket.
            app = cast("WSGIApplication", self)
            self.server = ThreadedWSGIServer(gateway, port, app, handler=Handler, fd=listener.fileno())
        self.server.daemon_threads = True
        self.gateway = gateway
        self.settings.set(storage_port=port)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, environ: Environ, body: bytes) -> Answer:
        """Answers one request of a server."""
        call = identify(environ, body)
        # A signature in the address would let moto look at the body for the service.
        is_signed = "HTTP_AUTHORIZATION" in environ
        is_strange = is_browser(environ, OWN_NAME) or environ["PATH_INFO"].startswith(OF_MOTO)
        is_known = call.service == "s3" or call.name == "sts:AssumeRole"
        if is_strange or not is_known or not is_signed:
            return error(call, 403, "AccessDenied", "a server in the sandbox reaches S3 and nothing else")
        refused = refusal(call, self.keys.of_users if call.service == "s3" else self.keys.of_servers)
        if refused:
            return refused
        # moto would take the first part of another name for a bucket.
        environ["HTTP_HOST"] = "localhost"
        return self.carry_out(call)

    def hosts(self) -> str:
        """Its name as a line of /etc/hosts."""
        return f"{self.gateway} {NAME}\n" if self.server else ""

    def environment(self) -> str:
        """What a server is told of it."""
        if not self.server:
            return ""
        endpoint = f"http://{NAME}:{self.settings.get('storage_port')}"
        endpoints = f"AWS_ENDPOINT_URL_S3={endpoint}\nAWS_ENDPOINT_URL_STS={endpoint}\n"
        key = self.keys.server
        names = {"ACCESS_KEY_ID": key.id, "SECRET_ACCESS_KEY": key.secret, "SESSION_TOKEN": key.token}
        return endpoints + "".join(f"AWS_{name}={value}\n" for name, value in names.items())

    def end(self) -> None:
        """Answers no more; the next look may begin again at once."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server, self.tried = None, -AGAIN_SECONDS
