"""Gates that ask NGINX, as a browser would."""

from __future__ import annotations

import ipaddress
import json
import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import web
from .gates_of_host import Refused

if TYPE_CHECKING:
    from .job import Job
    from .messages import CertificateGate, HubApiGate, NginxGate, PageGate, RedirectGate
    from .tools import Answer

REDIRECTS = (301, 308)


def nginx(_job: Job, gate: NginxGate) -> str:
    """NGINX can accept a reload and go on serving the old configuration: ask which one it has."""
    live = web.nginx_live()
    if live != gate["hash"]:
        raise Refused(
            "NGINX does not tell its configuration"
            if live is None
            else f"NGINX serves configuration `{live[:12]}`, not `{gate['hash'][:12]}`"
        )
    return f"configuration {live[:12]}"


def redirect(_job: Job, gate: RedirectGate) -> str:
    """Port 80 leads to port 443, as a whole address or as a path on the same name."""
    answer = web.get(f"http://{gate['host']}/")
    target = urlsplit(answer.location or "")
    is_right = target.scheme == "https" and target.hostname == gate["host"].lower()
    if answer.status not in REDIRECTS or not is_right:
        leads = f" to `{answer.location}`" if answer.location else ""
        raise Refused(f"{answer.status}{leads} instead of 301 to HTTPS under the name that was asked for")
    # Not where to: over loopback that is no address at which the world finds it.
    return f"{answer.status} to HTTPS"


def certificate(job: Job, gate: CertificateGate) -> str:
    """What is served is the current certificate, and it is valid now, for this name where there is one.

    Over loopback, so it is known by its bytes, and not by the address under which the world reaches the server.
    """
    host = gate["host"]
    served = web.served_certificate(host)
    if served is None or served != web.current_certificate(job):
        raise Refused(f"NGINX serves another certificate than `{web.CERTIFICATE}`")
    named = [_host_option(host), host] if host else []
    checked = _openssl(job, ["-noout", *named, "-dates"], served)
    dates = dict(line.split("=", 1) for line in checked.lines if "=" in line)
    starts = ssl.cert_time_to_seconds(dates["notBefore"])
    ends = ssl.cert_time_to_seconds(dates["notAfter"])
    if host and "does match" not in checked.text:
        raise Refused(f"the certificate does not name `{host}`", is_final=True)
    # A certificate made a moment ago must not fail because two clocks differ by a second.
    if not starts - 60 <= time.time() < ends:
        raise Refused(f"the certificate is valid from {dates['notBefore']} to {dates['notAfter']}")
    return f"valid until {dates['notAfter']}"


def page(_job: Job, gate: PageGate) -> str:
    """A page answers with its status and shows what is its own."""
    answer = web.get(gate["url"])
    if answer.status != gate["status"]:
        leads = f" to `{answer.location}`" if answer.location else ""
        raise Refused(f"{answer.status}{leads} from {answer.server}")
    if gate.get("contains") and gate["contains"] not in answer.body:
        raise Refused(f"the page does not contain `{gate['contains']}`")
    return answer.shown


def opened(url: str) -> web.Answer:
    """Gives the answer of a page that is there."""
    return there(web.get(url))


def there(answer: web.Answer) -> web.Answer:
    """Gives an answer back if it is that of a page that is there."""
    if answer.status != 200:
        raise Refused(f"{answer.status} from {answer.server}")
    return answer


def hub_api(_job: Job, gate: HubApiGate) -> str:
    """JupyterHub itself answers through NGINX and its proxy."""
    answer = opened(gate["url"])
    try:
        version = json.loads(answer.body)["version"]
    except (ValueError, KeyError, TypeError):
        raise Refused("the answer is not JupyterHub's") from None
    return f"JupyterHub {version}, {answer.shown}"


def _openssl(job: Job, options: list[str], certificate_bytes: bytes) -> Answer:
    text = ssl.DER_cert_to_PEM_cert(certificate_bytes)
    return job.tools.ask(["openssl", "x509", *options], text_in=text)


def _host_option(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "-checkhost"
    return "-checkip"
