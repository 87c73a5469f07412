"""Asks the web server of this host, whatever the names in the address resolve to elsewhere."""

from __future__ import annotations

import base64
import http.client
import os
import re
import socket
import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from .job import Job

HERE = "127.0.0.1"
CERTIFICATE = "/etc/labctl/tls/current/fullchain.pem"
PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
LIVE_PATH = "/.labctl/config"
LARGEST = 1 << 20
ERROR_LOG = "/var/log/nginx/error.log"
ERROR_LINES = 5
# What NGINX quotes of an address behind its `?`: tokens and codes may stand there, and leave the server with the lines.
QUERY = re.compile(r'\?\S*?(",?)?(?=\s|$)')
HASH = re.compile(r"^[0-9a-f]{8,128}$")


class Answer:
    """One answer, and how long it took."""

    def __init__(self, response: http.client.HTTPResponse, seconds: float) -> None:
        self.status = response.status
        self.location = response.getheader("Location")
        self.server = response.getheader("Server") or "the server"
        self.body = response.read(LARGEST).decode("utf-8", "replace")
        self.seconds = seconds

    @property
    def shown(self) -> str:
        """`200 in 0.1 s`."""
        return f"{self.status} in {self.seconds:.1f} s"


def get(url: str, timeout: float = 10) -> Answer:
    """Gets a page from NGINX on this host, under the name that the address gives."""
    parts = urlsplit(url)
    started = time.monotonic()
    connection = connect(parts, timeout)
    try:
        path = parts.path or "/"
        path += f"?{parts.query}" if parts.query else ""
        connection.request("GET", path, headers={"Host": parts.netloc, "Connection": "close"})
        return Answer(connection.getresponse(), time.monotonic() - started)
    finally:
        connection.close()


def nginx_live() -> str | None:
    """The hash of the configuration that NGINX serves now, or None if it tells none."""
    try:
        answer = get(f"http://{HERE}{LIVE_PATH}", timeout=2)
    except (OSError, http.client.HTTPException):
        return None
    text = answer.body.strip()
    return text if answer.status == 200 and HASH.match(text) else None


def end_of_errors() -> int:
    """How long NGINX's log of errors is now."""
    try:
        return os.stat(ERROR_LOG).st_size
    except OSError:
        return 0


def errors_since(end: int) -> list[str]:
    """The last lines that NGINX has written about failed requests; its journal does not have them."""
    try:
        with open(ERROR_LOG, "rb") as file:
            file.seek(end)
            lines = file.read(LARGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [QUERY.sub(r"?...\1", line) for line in lines[-ERROR_LINES:]]


def current_certificate(job: Job) -> bytes | None:
    """The certificate that NGINX is to serve, as bytes, or None where there is none."""
    try:
        match = PEM.search(job.at(CERTIFICATE).read_text())
    except OSError:
        return None
    return base64.b64decode(match.group(1)) if match else None


def serves_current_certificate(job: Job, host: str | None) -> bool:
    """Whether NGINX serves that certificate under a name, or to who names none."""
    try:
        return served_certificate(host) == current_certificate(job)
    except OSError:
        return False


def served_certificate(host: str | None, port: int = 443) -> bytes | None:
    """The certificate that is served under a name, or to who names none, as bytes."""
    plain = socket.create_connection((HERE, port), timeout=10)
    with plain, _trusting_all().wrap_socket(plain, server_hostname=host) as secure:
        return secure.getpeercert(binary_form=True)


def connect(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    if parts.scheme == "http":
        return http.client.HTTPConnection(HERE, parts.port or 80, timeout=timeout)
    connection = http.client.HTTPSConnection(parts.hostname or HERE, parts.port or 443, timeout=timeout)
    plain = socket.create_connection((HERE, parts.port or 443), timeout=timeout)
    try:
        connection.sock = _trusting_all().wrap_socket(plain, server_hostname=parts.hostname)
    except BaseException:
        plain.close()
        raise
    return connection


def _trusting_all() -> ssl.SSLContext:
    """A page does not judge the certificate: a gate of its own does."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
