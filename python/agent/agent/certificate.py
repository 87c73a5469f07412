"""Asks the server's certificate program to look after the certificate, and tells what it said.

A certificate that is still to come is no failure: until then the self-signed one is served.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .checks import CERTIFICATE_PROGRAM, CERTIFICATE_SETTINGS

if TYPE_CHECKING:
    from typing import Any

    from .job import Job

SECONDS = 600


def look_after(job: Job) -> None:
    """Runs the program; a certificate that is waited for becomes a warning."""
    command = [CERTIFICATE_PROGRAM, "--config", CERTIFICATE_SETTINGS, "--apply"]
    answer = job.tools.attempt(command, timeout=SECONDS)
    result = _result(answer.lines)
    if result.get("state") == "valid":
        return
    detail = result.get("detail") or "the certificate program ended without an answer"
    help = result.get("help") or f"run `sudo {' '.join(command)}` on the server to see why"
    job.journal.warn(f"no certificate of an authority yet: {detail}", help)


def prepare(job: Job) -> None:
    """Turns NGINX's link to a certificate that is there, once the files of the old state are back."""
    if job.at(CERTIFICATE_PROGRAM).exists() and job.at(CERTIFICATE_SETTINGS).exists():
        job.tools.attempt([CERTIFICATE_PROGRAM, "--config", CERTIFICATE_SETTINGS, "--prepare"])


def _result(lines: list[str]) -> dict[str, Any]:
    for line in reversed(lines):
        try:
            result = json.loads(line)
        except ValueError:
            continue
        if isinstance(result, dict):
            return result
    return {}
