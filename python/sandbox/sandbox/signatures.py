"""Signatures: only who has the secret of an access key is answered.

Every request is to be signed by Signature Version 4 (IAM User Guide, "AWS Signature Version 4 for API requests"). A
laptop has other users, and they reach the sandbox's ports: without this they would run servers there, log in to them,
and be root in a container.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from calendar import timegm
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY

from .strict import error

if TYPE_CHECKING:
    from collections.abc import Callable

    from .keys import Key
    from .strict import Answer, Call, Environ

ALGORITHM = "AWS4-HMAC-SHA256"
HEADER = re.compile(
    rf"{ALGORITHM}\s+Credential=([^/,\s]+)/(\d{{8}})/([^/,\s]+)/([^/,\s]+)/aws4_request\s*,\s*"
    r"SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})\s*"
)
STAMP = "%Y%m%dT%H%M%SZ"
# How far a signature's time may be from the clock.
SKEW_SECONDS = 15 * 60
# The longest life of a signature that stands in an address.
LONGEST_SECONDS = 7 * 24 * 3600
EMPTY = hashlib.sha256(b"").hexdigest()
# What stands in the place of a body's hash (S3 API Reference, "Authenticating Requests: Using the Authorization Header").
UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
CHUNKED = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
UNRESERVED = "-_.~"
JSON_SERVICES = ("tagging", "ssm")

# The status and code of each refusal: EC2 API Reference, "Error codes"; S3 API Reference, "Error responses"; IAM API
# Reference, "Common errors", whose codes STS and Route 53 share; and the codes of AWS's JSON protocol.
CODES: dict[str, dict[str, tuple[int, str]]] = {
    "missing": {
        "ec2": (401, "AuthFailure"),
        "s3": (403, "AccessDenied"),
        "json": (400, "MissingAuthenticationTokenException"),
        "": (403, "MissingAuthenticationToken"),
    },
    "malformed": {
        "ec2": (401, "AuthFailure"),
        "s3": (400, "AuthorizationHeaderMalformed"),
        "json": (400, "IncompleteSignatureException"),
        "": (400, "IncompleteSignature"),
    },
    "unknown": {
        "ec2": (401, "AuthFailure"),
        "s3": (403, "InvalidAccessKeyId"),
        "json": (400, "UnrecognizedClientException"),
        "": (403, "InvalidClientTokenId"),
    },
    "token": {
        "ec2": (401, "AuthFailure"),
        "s3": (400, "InvalidToken"),
        "json": (400, "UnrecognizedClientException"),
        "": (403, "InvalidClientTokenId"),
    },
    "expired": {
        "ec2": (400, "RequestExpired"),
        "s3": (403, "RequestTimeTooSkewed"),
        "json": (400, "InvalidSignatureException"),
        "": (403, "SignatureDoesNotMatch"),
    },
    "wrong": {
        "ec2": (401, "AuthFailure"),
        "s3": (403, "SignatureDoesNotMatch"),
        "json": (400, "InvalidSignatureException"),
        "": (403, "SignatureDoesNotMatch"),
    },
}
MESSAGES = {
    "missing": "the request is not signed: a sandbox takes its own keys only, see `labctl sandbox env`",
    "malformed": "the signature is none of AWS4-HMAC-SHA256 as AWS wants it",
    "unknown": "the sandbox does not know the access key: it takes its own only, see `labctl sandbox env`",
    "token": "the session token is not that of the access key, or it has expired",
    "expired": "the signature's time is too far from the time now",
    "wrong": "the signature does not fit the request and the access key's secret",
}


class Refused(Exception):
    """Why a request is refused: a key of `CODES`."""


@dataclass(frozen=True)
class Claim:
    """What a request says of its signature."""

    key: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str
    stamp: str
    token: str
    # How long it is valid; none: it stands in a header.
    lives: int | None

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def claim_of(environ: Environ) -> Claim | None:
    """Reads a request's signature, of its header or its address; nothing where it has none. Fails where it is no whole one."""
    header = environ.get("HTTP_AUTHORIZATION")
    query = dict(_pairs(environ["QUERY_STRING"]))
    if header is None and "X-Amz-Signature" not in query:
        return None
    if header is None:
        return _claim_of_address(query)
    found = HEADER.fullmatch(header)
    if not found or "X-Amz-Signature" in query:
        raise Refused("malformed")
    key, day, region, service, signed, signature = found.groups()
    stamp, token = environ.get("HTTP_X_AMZ_DATE", ""), environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
    return _checked(Claim(key, day, region, service, tuple(signed.split(";")), signature, stamp, token, None))


def _claim_of_address(query: dict[str, str]) -> Claim:
    scope = query.get("X-Amz-Credential", "").split("/")
    lives = query.get("X-Amz-Expires", "")
    if query.get("X-Amz-Algorithm") != ALGORITHM or len(scope) != 5 or scope[4] != "aws4_request":
        raise Refused("malformed")
    if not re.fullmatch(r"[0-9]{1,6}", lives) or int(lives) > LONGEST_SECONDS:
        raise Refused("malformed")
    key, day, region, service, _ = scope
    signed = tuple(query.get("X-Amz-SignedHeaders", "").split(";"))
    stamp, token = query.get("X-Amz-Date", ""), query.get("X-Amz-Security-Token", "")
    return _checked(Claim(key, day, region, service, signed, query["X-Amz-Signature"], stamp, token, int(lives)))


def _checked(claim: Claim) -> Claim:
    if not re.fullmatch(r"\d{8}T\d{6}Z", claim.stamp) or not claim.stamp.startswith(claim.day):
        raise Refused("malformed")
    if "host" not in claim.signed or list(claim.signed) != sorted(set(claim.signed)):
        raise Refused("malformed")
    return claim


def refusal(call: Call, find: Callable[[str], Key | None]) -> Answer | None:
    """What is answered to a request that nobody with a secret has signed; nothing where somebody has.

    `find` gives the access key of an id.
    """
    try:
        check(call, find)
    except Refused as problem:
        kind = str(problem)
        codes = CODES[kind]
        status, code = codes.get("json" if call.service in JSON_SERVICES else call.service, codes[""])
        return error(call, status, code, MESSAGES[kind])
    return None


def check(call: Call, find: Callable[[str], Key | None]) -> None:
    """Fails unless a request is signed as it arrived, by a key that `find` gives."""
    environ = call.environ
    claim = claim_of(environ)
    if claim is None:
        raise Refused("missing")
    if claim.service != call.service:
        raise Refused("malformed")
    key = find(claim.key)
    if key is None:
        raise Refused("unknown")
    if not hmac.compare_digest(claim.token.encode(), key.token.encode()):
        raise Refused("token")
    _check_time(claim)
    signing_key = _signing_key(key.secret, claim)
    canonical = _canonical(environ, claim, _payload(environ, claim, call.body))
    wanted = _sign(signing_key, ALGORITHM, claim, hashlib.sha256(canonical).hexdigest())
    if not hmac.compare_digest(wanted, claim.signature):
        raise Refused("wrong")
    if environ.get("HTTP_X_AMZ_CONTENT_SHA256") in CHUNKED:
        _check_chunks(call.body, claim, signing_key)


def _check_time(claim: Claim) -> None:
    try:
        made = timegm(time.strptime(claim.stamp, STAMP))
    except ValueError:
        raise Refused("malformed") from None
    age = time.time() - made
    if not -SKEW_SECONDS <= age <= (SKEW_SECONDS if claim.lives is None else claim.lives):
        raise Refused("expired")


def _payload(environ: Environ, claim: Claim, body: bytes) -> str:
    """The word for the body in what is signed; what it says of the body must be so."""
    if claim.lives is not None:
        return "UNSIGNED-PAYLOAD"
    said = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if said in UNSIGNED or said in CHUNKED:
        if claim.service != "s3":
            raise Refused("malformed")
        return str(said)
    actual = hashlib.sha256(body).hexdigest()
    if said not in (None, actual):
        raise Refused("wrong")
    return actual


def _canonical(environ: Environ, claim: Claim, payload: str) -> bytes:
    """The request in the form in which it is signed."""
    # moto keeps the names that have an underscore, as names of metadata may.
    names = environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY, {})
    headers = {
        names.get(name, name.removeprefix("HTTP_").replace("_", "-")).lower(): " ".join(str(value).split())
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    # What AWS acts on must not have been added on the way.
    unsigned = {name for name in headers if name.startswith("x-amz-")} - set(claim.signed)
    if unsigned - {"x-amz-content-sha256"} or not set(claim.signed) <= set(headers):
        raise Refused("malformed")
    path, _, query = str(environ["RAW_URI"]).partition("?")
    pairs = [(quote(name, UNRESERVED), quote(value, UNRESERVED)) for name, value in _pairs(query)]
    lines = [
        environ["REQUEST_METHOD"],
        _canonical_path(path, claim.service),
        "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature"),
        *(f"{name}:{headers[name]}" for name in claim.signed),
        "",
        ";".join(claim.signed),
        payload,
    ]
    return "\n".join(lines).encode()


def _canonical_path(path: str, service: str) -> str:
    """S3 signs a path as it is, all others encode it once more and leave out what leads nowhere."""
    if service == "s3":
        return quote(unquote(path, errors="surrogateescape"), "/" + UNRESERVED, errors="surrogateescape")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    end = "/" if parts and path.endswith("/") else ""
    return quote("/" + "/".join(parts) + end, "/" + UNRESERVED)


def _pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of an address; a plus sign is one, unlike in forms."""
    words = (word.partition("=") for word in query.split("&") if word)
    return [(unquote(name), unquote(value)) for name, _, value in words]


def _check_chunks(body: bytes, claim: Claim, signing_key: bytes) -> None:
    """Checks a body in chunks, of which each is signed with the signature before it, and what is told behind the last."""
    before, rest, size = claim.signature, body, -1
    while size:
        head, _, rest = rest.partition(b"\r\n")
        found = re.fullmatch(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})", head)
        if not found:
            raise Refused("wrong")
        size = int(found[1], 16)
        data = rest[:size]
        if len(data) != size:
            raise Refused("wrong")
        rest = rest[size:].removeprefix(b"\r\n") if size else rest
        signed = f"{before}\n{EMPTY}\n{hashlib.sha256(data).hexdigest()}"
        before = _sign(signing_key, f"{ALGORITHM}-PAYLOAD", claim, signed)
        if not hmac.compare_digest(before, found[2].decode()):
            raise Refused("wrong")
    lines = [line for line in rest.split(b"\r\n") if line]
    trailer = b"".join(line + b"\n" for line in lines if not line.startswith(b"x-amz-trailer-signature:"))
    told = [line.partition(b":")[2].decode("latin-1") for line in lines if line.startswith(b"x-amz-trailer-signature:")]
    signed = f"{before}\n{hashlib.sha256(trailer).hexdigest()}"
    wanted = _sign(signing_key, f"{ALGORITHM}-TRAILER", claim, signed)
    if (trailer or told) and not (len(told) == 1 and hmac.compare_digest(told[0].encode(), wanted.encode())):
        raise Refused("wrong")


def _signing_key(secret: str, claim: Claim) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (claim.day, claim.region, claim.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _sign(signing_key: bytes, algorithm: str, claim: Claim, signed: str) -> str:
    text = f"{algorithm}\n{claim.stamp}\n{claim.scope}\n{signed}"
    return hmac.digest(signing_key, text.encode(), "sha256").hex()
