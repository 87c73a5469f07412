"""moto behind HTTP, in this process: the part that the sandbox and the tests' emulator share.

A request is read here, named as the AWS operation that it asks for, carried out by moto under the eyes of a
`Strict`, and answered on a connection that stays open.
"""

from __future__ import annotations

import io
import re
import threading
import traceback
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from typing import IO, Any

    from .strict import Environ

from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import DechunkedInput
from werkzeug.test import EnvironBuilder

from .strict import Answer, Call, Strict, error

DEFAULT_ACCOUNT = "123456789012"
# Paths that moto takes for its own, whatever service is asked: it forgets everything there, and gives keys away.
OF_MOTO = ("/moto-api", "/latest/meta-data", "/latest/api", "/favicon.ico")


class Emulator:
    """Asks moto, one call at a time; who derives from it says in `answer` what becomes of a request."""

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        # moto is not made for threads: one call at a time is inside it.
        self.lock = threading.RLock()

    def warm_up(self) -> None:
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
            headers = {
                "Authorization": f"AWS4-HMAC-SHA256 Credential={DEFAULT_ACCOUNT}/20260101/us-east-1/{service}/aws4_request"
            }
            headers |= {"X-Amz-Target": target} if service == "tagging" else {}
            environ = EnvironBuilder(
                path,
                method="POST" if body else "GET",
                data=body,
                headers=list(headers.items()),
                content_type=content_type,
            ).get_environ()
            answer = self.perform(Strict(), identify(environ, body.encode()))
            assert answer.status == 200, f"{service}: {answer}"

    def perform(self, strict: Strict, call: Call) -> Answer:
        with self.lock:
            return strict.before(call) or strict.after(call, self.ask_moto(call))

    def ask_moto(self, call: Call) -> Answer:
        seen: dict[str, Any] = {}
        try:
            body = b"".join(
                self.moto(call.environ, lambda status, headers, _=None: seen.update(status=status, headers=headers))
            )
        except Exception as problem:  # what moto has not got; 501, because no client tries that again
            traceback.print_exc()
            return error(call, 501, "NotImplemented", f"moto: {type(problem).__name__}: {problem}")
        headers = [
            (k, v)
            for k, v in seen["headers"]
            if k.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server")
        ]
        return Answer(int(seen["status"].split()[0]), headers, body)


def identify(environ: Environ, body: bytes) -> Call:
    """Names the AWS operation that a request asks for."""
    credential = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = credential.groups() if credential else ("", "us-east-1", "s3")
    account = key if re.fullmatch(r"\d{12}", key) else get_account_id_from(key)
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        operation = target.split(".")[-1]
    elif service in ("s3", "route53"):
        operation = rest_operation(service, environ)
    else:
        operation = dict(parse_qsl(body.decode(errors="replace"))).get("Action", "Unknown")
    return Call(service, operation, account, region, environ, body)


def is_browser(environ: Environ, own_names: re.Pattern[str]) -> bool:
    """Does a request come from a web page? Either it says so, or a foreign name was made to lead here."""
    host = environ.get("HTTP_HOST", "").rsplit(":", 1)[0].lower()
    return "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ or not own_names.fullmatch(host)


def rest_operation(service: str, environ: Environ) -> str:
    try:
        operation, _ = get_service_router(service).match(Request(environ))
        return str(operation.name)
    except Exception:  # werkzeug's NotFound and others: a request that is no operation
        return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


class Handler(MotoRequestHandler):
    """Keeps connections open, as AWS does; werkzeug's own closes each after one request."""

    protocol_version = "HTTP/1.1"

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        body = self.read_body(environ)
        # Not WSGI, which cannot say that a connection is to be dropped.
        app: Any = self.server.app
        answer: Answer | None = app.answer(environ, body)
        if answer is None:
            self.close_connection = True
        else:
            self.send(answer)

    def send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def read_body(self, environ: Environ) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = DechunkedInput(cast("IO[bytes]", self.rfile)).read()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        return body

    def log_request(self, *_: object) -> None:
        pass
