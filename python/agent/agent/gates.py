"""Last proof before the new state counts: each gate tries one thing that users rely on.

A gate is tried again until it holds, its time is over, or the unit that it needs has failed. The
first gate that does not hold ends the run.
"""

from __future__ import annotations

import http.client
import time
from functools import partial
from typing import TYPE_CHECKING

from . import gates_of_apps, gates_of_bucket, gates_of_host, gates_of_web, systemd, web
from .failure import Failure
from .gates_of_host import Refused, Settling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .job import Job
    from .messages import Gate

ORDINARY_SECONDS = 30
HUB_SECONDS = 120
KERNEL_SECONDS = 180
# A small server takes its time to import what an app needs.
APP_SECONDS = 90
# IAM tells its own parts of a new role in seconds, and of changes to one.
ACCESS_SECONDS = 90
# A unit that systemd has started this often since the gate began will not come up.
HOPELESS_RESTARTS = 3
NGINX = "nginx.service"
HUB = "jupyterhub.service"

KINDS: dict[str, Callable[[Job, Any], str]] = {
    "nginx": gates_of_web.nginx,
    "redirect": gates_of_web.redirect,
    "certificate": gates_of_web.certificate,
    "page": gates_of_web.page,
    "hub_api": gates_of_web.hub_api,
    "loopback": gates_of_host.loopback,
    "metadata": gates_of_host.metadata,
    "isolation": gates_of_host.isolation,
    "bucket_access": gates_of_bucket.bucket_access,
    "kernel": gates_of_host.kernel,
    "shiny": gates_of_apps.shiny,
    "shiny_server": gates_of_apps.shiny_server,
    "predict": gates_of_apps.predict,
    "public_api": gates_of_apps.public_api,
}
SECONDS = {
    "bucket_access": ACCESS_SECONDS,
    "hub_api": HUB_SECONDS,
    "kernel": KERNEL_SECONDS,
    "shiny": APP_SECONDS,
    "shiny_server": APP_SECONDS,
    "predict": APP_SECONDS,
}


def try_all(job: Job) -> None:
    """Tries all gates in order; that units stay up is seen while the others are tried."""
    wanted = job.request["gates"]
    settling = Settling(job)
    for gate in wanted:
        if gate["kind"] == "active":
            _try(job, gate, partial(settling.begin, gate["unit"]), tell=False)
    for gate in wanted:
        if gate["kind"] in KINDS:
            _try(job, gate, partial(KINDS[gate["kind"]], job, gate))
        elif gate["kind"] != "active":
            raise Failure(
                f"this version knows no gate of kind `{gate['kind']}`",
                "this is a defect of labctl: please report it",
            )
    for gate in wanted:
        if gate["kind"] == "active":
            _try(job, gate, partial(settling.end, gate["unit"]), seconds=0)


def name_of(gate: Mapping[str, Any]) -> str:
    """What a gate is called towards the reader."""
    kind = gate["kind"]
    named: dict[str, Callable[[], str]] = {
        "active": lambda: f"{gate['unit']} runs",
        "nginx": lambda: "NGINX's configuration is live",
        "redirect": lambda: "HTTP leads to HTTPS",
        "certificate": lambda: f"certificate of {gate['host']}" if gate["host"] else "certificate",
        "page": lambda: str(gate["name"]),
        "hub_api": lambda: "JupyterHub's API",
        "loopback": lambda: "services listen on this host only",
        "metadata": lambda: "instance metadata is closed",
        "isolation": lambda: "users are kept apart",
        "bucket_access": lambda: "access to the bucket",
        "kernel": lambda: f"notebook of {gate['user']}",
        "shiny": lambda: "Shiny app",
        "shiny_server": lambda: "Shiny app by Shiny Server",
        "predict": lambda: "model API",
        "public_api": lambda: "model API for the world",
    }
    return named.get(kind, lambda: f"of kind `{kind}`")()


def _try(
    job: Job, gate: Gate, check: Callable[[], str | None], tell: bool = True, seconds: float | None = None
) -> None:
    """Tries one gate until it holds, or until there is no more hope."""
    name, unit = name_of(gate), unit_of(gate)
    limit = _seconds_of(gate) if seconds is None else seconds
    started = time.monotonic()
    restarts = None
    errors = web.end_of_errors()
    pause = 0.1
    while True:
        try:
            detail = check()
            break
        except Refused as refused:
            reason, is_final, log = str(refused), refused.is_final, refused.log
        except (OSError, http.client.HTTPException) as error:
            reason, is_final, log = reason_of(error), False, []
        found = systemd.show(job.tools, unit) if unit else {}
        restarts = _restarts(found) if restarts is None else restarts
        is_failed = found.get("ActiveState") == "failed"
        is_failed |= _restarts(found) - restarts >= HOPELESS_RESTARTS
        if is_final or is_failed or time.monotonic() - started >= limit:
            reason += f"; `{unit}` has failed" if is_failed and str(unit) not in reason else ""
            job.journal.emit({"type": "gate", "gate": name, "ok": False, "detail": reason})
            raise Failure(
                f"gate `{name}` failed: {reason}",
                f"the lines below are the last of `{unit}`" if unit else "see what the gate says",
                [*log, *(systemd.journal(job.tools, unit) if unit else []), *_errors(gate, errors)],
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
    if tell:
        job.journal.emit({"type": "gate", "gate": name, "ok": True, "detail": detail or ""})


def _errors(gate: Gate, since: int) -> list[str]:
    """What NGINX has to say about a page that it did not give."""
    return web.errors_since(since) if "url" in gate else []


def _restarts(found: dict[str, str]) -> int:
    """How often systemd has started a unit again by itself."""
    text = found.get("NRestarts", "0")
    return int(text) if text.isdigit() else 0


def unit_of(gate: Mapping[str, Any]) -> str | None:
    """The unit without which a gate cannot hold."""
    if gate.get("unit"):
        return str(gate["unit"])
    if gate["kind"] in ("hub_api", "kernel") or "/hub/" in gate.get("url", ""):
        return HUB
    return NGINX if gate["kind"] in ("nginx", "redirect", "certificate", "page") else None


def _seconds_of(gate: Mapping[str, Any]) -> float:
    """How long a gate may take to hold; JupyterHub on a small server is slow to start."""
    if "seconds" in gate:
        return float(gate["seconds"])
    if unit_of(gate) == HUB and gate["kind"] in ("page", "active"):
        return HUB_SECONDS
    return SECONDS.get(gate["kind"], ORDINARY_SECONDS)


def reason_of(error: BaseException) -> str:
    """The operating system's words, shortened to what the reader can use."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
