"""Downloads files that no package index has, and proves each by its sum.

A file lies in `/var/cache/labctl` under its sum, so that no run downloads what an earlier one had.
It gets that name only when it is whole and proven: what a cut-off run left is taken up where it
ended. Nothing else of the server has changed by then.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .failure import FREE_SPACE, Failure
from .journal import sync_folder
from .staging import sha256

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from pathlib import Path
    from typing import BinaryIO

    from .job import Job

CACHE = "/var/cache/labctl"
TRIES = 4
PAUSE_SECONDS = 2.0
# Of silence; the whole may take longer.
SILENCE_SECONDS = 60
BLOCK = 1 << 20
MEBIBYTE = 1 << 20
# No package that labctl installs is anywhere near this.
LARGEST = 4096 * MEBIBYTE
# The server may say so and mean it; asking again changes nothing.
FINAL = (400, 401, 403, 404, 410, 451)
KEPT_FILES = 6
PART = ".part"


class Passing(Exception):
    """Something went wrong that may go well the next time."""


# Whose word a file is held against, and what to do when it is another.
PLAN = (
    "what the plan names",
    "compare both with what the vendor says, and correct `url` or `sha256` under `mirrors` in the plan; "
    "nothing was changed",
)


def fetch(job: Job, url: str, digest: str, source: tuple[str, str] = PLAN) -> Path:
    """Gives the place of a file with this SHA-256 sum; downloads it unless it is there."""
    folder = job.at(CACHE)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.chmod(0o755)
    place = folder / f"{digest[:16]}-{_name(url)}"
    if place.is_file() and sha256(place) == digest:
        job.journal.line(f"{place} is already there")
        return place
    part = place.with_name(place.name + PART)
    load(job, url, part)
    _prove(url, digest, part, source)
    os.replace(part, place)
    sync_folder(folder)
    _forget_old(folder, place)
    return place


def _name(url: str) -> str:
    """What the file is called, in harmless characters."""
    name = unquote(urlsplit(url).path).rsplit("/", 1)[-1]
    return re.sub(r"[^0-9A-Za-z._+~-]", "_", name)[-100:].lstrip(".-") or "file"


def load(job: Job, url: str, part: Path) -> None:
    """Loads a file to its end, unproven, in as many pieces as the connection breaks it into."""
    job.journal.line(f"downloading {url}")
    for left in reversed(range(TRIES)):
        try:
            _load(url, part)
            return
        except urllib.error.HTTPError as error:
            reason = f"the server answers {error.code} {error.reason}"
            is_final = error.code in FINAL
        except ssl.SSLCertVerificationError as error:
            reason, is_final = f"its certificate is refused: {error.verify_message}", True
        except urllib.error.URLError as error:
            reason = getattr(error.reason, "strerror", None) or str(error.reason)
            is_final = isinstance(error.reason, ssl.SSLCertVerificationError)
        except (Passing, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason, is_final = str(error) or type(error).__name__, False
        if is_final or not left:
            raise Failure(
                f"`{url}` cannot be downloaded: {reason}",
                "check the address under `mirrors` in the plan, and that the server reaches it; nothing was changed",
            )
        job.journal.line(f"{reason}; trying again")
        time.sleep(PAUSE_SECONDS)


def _load(url: str, part: Path) -> None:
    """Appends what is missing. A server that does not know pieces sends the whole again."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "labctl", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    address, credentials = _without_credentials(url)
    request = urllib.request.Request(address, headers=headers)
    if credentials:
        # Not for another host, to which the answer may lead.
        request.add_unredirected_header("Authorization", credentials)
    try:
        answer = urllib.request.urlopen(request, timeout=SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing is missing, or what is there belongs to another file.
        if (error.headers.get("Content-Range") or "").strip() == f"bytes */{have}":
            return
        part.unlink(missing_ok=True)
        raise Passing("what an earlier run left does not fit") from None
    with answer:
        begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range") or "")
        goes_on = answer.status == 206 and begins and int(begins.group(1)) == have
        have = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length and length.isdigit() else None
        _check_size(url, whole, have, part.parent)
        with open(part, "r+b" if goes_on else "wb") as file:
            file.seek(have)
            _copy(url, answer, file, have)
            file.flush()
            os.fsync(file.fileno())
    size = part.stat().st_size
    if whole is not None and size != whole:
        raise Passing(f"the connection ended after {size} of {whole} bytes")


def _without_credentials(url: str) -> tuple[str, str | None]:
    """An address that urllib takes, and the header that says what stood before its `@` (RFC 7617)."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return address, "Basic " + base64.b64encode(pair.encode()).decode()


def _copy(url: str, answer: HTTPResponse, file: BinaryIO, have: int) -> None:
    while block := answer.read(BLOCK):
        have += len(block)
        if have > LARGEST:
            raise _too_large(url, have)
        file.write(block)


def _check_size(url: str, whole: int | None, have: int, folder: Path) -> None:
    """Refuses early what cannot end well."""
    if whole is None:
        return
    if whole == 0:
        raise Failure(f"`{url}` is empty", "correct the address under `mirrors` in the plan; nothing was changed")
    if whole > LARGEST:
        raise _too_large(url, whole)
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if whole - have > free:
        raise Failure(
            f"`{url}` has {whole // MEBIBYTE} MiB, and the server's disk has {free // MEBIBYTE} MiB free", FREE_SPACE
        )


def _too_large(url: str, size: int) -> Failure:
    return Failure(
        f"`{url}` has {size // MEBIBYTE} MiB or more, which no package has",
        "correct the address under `mirrors` in the plan; nothing was changed",
    )


def _prove(url: str, digest: str, part: Path, source: tuple[str, str]) -> None:
    found = sha256(part)
    if found == digest:
        part.chmod(0o644)
        return
    size = part.stat().st_size
    part.unlink()
    whose, help = source
    raise Failure(
        f"what came from `{url}` is not {whose}: its SHA-256 sum is `{found}` ({size} bytes), not `{digest}`", help
    )


def _forget_old(folder: Path, place: Path) -> None:
    """Keeps the newest files only."""
    files = [entry for entry in folder.iterdir() if entry.is_file() and entry != place]
    files.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in files[KEPT_FILES - 1 :]:
        entry.unlink(missing_ok=True)
