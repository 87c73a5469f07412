#!/usr/bin/python3 -I
"""Sees to the certificate that NGINX serves. Written by labctl; a timer and every apply run it.

There is always a self-signed certificate, because NGINX cannot serve HTTPS without one. As soon as every name leads to
this server, certbot is asked for one that browsers trust, and the link `current` is turned to it. The files of NGINX
are never touched, and renewals are certbot's own timer's.

It prints one line of JSON: `state` (valid, waiting or failed), `detail` and `help`. Only `failed` is an error.
"""

import argparse
import dataclasses
import fcntl
import hashlib
import ipaddress
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

TLS = pathlib.Path("/etc/labctl/tls")
CURRENT = TLS / "current"
SELF_SIGNED = TLS / "self-signed"
FILES = TLS / "files"
LETS_ENCRYPT = pathlib.Path("/etc/letsencrypt")
WEBROOT = pathlib.Path("/var/www/labctl-acme")
STATE = pathlib.Path("/var/lib/labctl/certificate-state.json")
LOCK = pathlib.Path("/run/labctl-certificate.lock")
METADATA = "http://169.254.169.254/latest"

# How certbot proves the names, by the mode; so it stands in the settings of a renewal too.
AUTHENTICATORS = {"lets-encrypt": "webroot", "dns": "dns-route53"}
PUBLIC_DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory"
DAY = 24 * 3600
# Let's Encrypt shuts out whoever fails five times within an hour, so this stops well before.
PAUSE_AFTER_FAILURE = 3600
FAILURES_WITH_APPLY = 2


class Problem(Exception):
    """Ends the run: what went wrong, and what can be done."""

    def __init__(self, detail, help_text="", state="failed"):
        super().__init__(detail)
        self.detail, self.help_text, self.state = detail, help_text, state


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What is known of one certificate file."""

    names: frozenset
    starts: float
    ends: float

    def is_current(self):
        return self.starts <= time.time() < self.ends

    def until(self):
        return time.strftime("%Y-%m-%d", time.gmtime(self.ends))


def run(command, seconds=60, text=None):
    """Runs a program; its output is returned and never printed, because stdout is ours."""
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", input=text, timeout=seconds)
    except FileNotFoundError:
        raise Problem(f"`{command[0]}` is not installed", "run `labctl apply`, which installs it") from None
    except subprocess.TimeoutExpired:
        raise Problem(f"`{command[0]}` did not end within {seconds} seconds") from None


def read_certificate(folder):
    """Reads the certificate of a folder; none if it is not there, is damaged, or does not belong to its key."""
    chain, key = folder / "fullchain.pem", folder / "privkey.pem"
    if not chain.is_file() or not key.is_file():
        return None
    shown = run(["openssl", "x509", "-in", str(chain), "-noout", "-dates", "-pubkey", "-ext", "subjectAltName"])
    public = run(["openssl", "pkey", "-in", str(key), "-pubout"], text="")
    if shown.returncode != 0 or public.returncode != 0 or public.stdout.strip() not in shown.stdout:
        return None
    dates = dict(re.findall(r"^(notBefore|notAfter)=(.*)$", shown.stdout, re.MULTILINE))
    names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", shown.stdout)
    starts, ends = (ssl.cert_time_to_seconds(dates[key]) for key in ("notBefore", "notAfter"))
    return Certificate(frozenset(map(plain_name, names)), starts, ends)


def plain_name(name):
    """Brings a name or an address into the one form in which it is compared."""
    try:
        return str(ipaddress.ip_address(name.split("%")[0]))
    except ValueError:
        return name.lower().rstrip(".")


def live_folder(config):
    return LETS_ENCRYPT / "live" / config["certificate_name"]


def ensure_self_signed(config):
    """Makes the self-signed certificate if there is none that holds; says whether it did."""
    # Never the server's address: that may be another tomorrow, and browsers warn of this certificate anyway.
    wanted = frozenset(map(plain_name, config["names"] or ["localhost"]))
    present = read_certificate(SELF_SIGNED)
    if present and present.names == wanted and present.is_current() and present.ends - time.time() > 30 * DAY:
        return False
    beside = SELF_SIGNED / "new"
    beside.mkdir(parents=True, exist_ok=True)
    key, chain = beside / "privkey.pem", beside / "fullchain.pem"
    key.unlink(missing_ok=True)
    os.close(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    first = config["names"][0] if config["names"] else sorted(wanted)[0]
    made = run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "825"]
        + ["-subj", f"/CN={first[:64]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in sorted(wanted))]
        + ["-addext", "extendedKeyUsage=serverAuth", "-keyout", str(key), "-out", str(chain)]
    )
    if made.returncode != 0:
        raise Problem(f"openssl could not make a self-signed certificate: {last_line(made.stderr)}")
    # On a full disk openssl ends well and leaves half a file.
    if not read_certificate(beside):
        raise Problem("the self-signed certificate could not be written", "free some space on the server's disk")
    # NGINX reads both only when it is told to, so a moment between the two renames harms nobody.
    key.rename(SELF_SIGNED / "privkey.pem")
    chain.rename(SELF_SIGNED / "fullchain.pem")
    beside.rmdir()
    return True


def best_folder(config):
    """The best of what there is: the organisation's own; certbot's, while it is valid and names the domain; else the
    self-signed one. Until the organisation's own is there, what is served now goes on."""
    if config["mode"] == "files":
        folders = [FILES, pathlib.Path(os.path.realpath(CURRENT))]
        return next((folder for folder in folders if read_certificate(folder)), SELF_SIGNED)
    live = read_certificate(live_folder(config)) if config["mode"] in AUTHENTICATORS else None
    if live and live.is_current() and plain_name(config["names"][0]) in live.names:
        return live_folder(config)
    return SELF_SIGNED


def point_current(folder):
    """Turns the link by one rename; says whether it was another before."""
    target = folder.name if folder.parent == TLS else str(folder)
    if CURRENT.is_symlink() and os.readlink(CURRENT) == target:
        return False
    link = TLS / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(CURRENT)
    return True


def serve(config, changed=False):
    """Lets NGINX serve the best certificate there is, and takes back what NGINX does not accept."""
    before = os.readlink(CURRENT) if CURRENT.is_symlink() else None
    changed |= ensure_self_signed(config)
    changed |= point_current(best_folder(config))
    if not changed or run(["systemctl", "is-active", "--quiet", "nginx.service"]).returncode != 0:
        return
    tested = run(["nginx", "-t", "-q"])
    if tested.returncode != 0:
        if before:
            point_current(TLS / before)
        first = tested.stderr.strip().partition("\n")[0]
        raise Problem(f"NGINX does not accept its configuration: {first}", "see `sudo nginx -t`")
    reloaded = run(["systemctl", "reload", "nginx.service"])
    if reloaded.returncode != 0:
        raise Problem(f"NGINX could not be reloaded: {last_line(reloaded.stderr)}", "see `journalctl -u nginx`")


def require_names_lead_here(config):
    """Asks the name servers before the authority does: its failures are counted, these are not."""
    own = own_addresses()
    problems = [problem for name in config["names"] if (problem := name_problem(name, own, config))]
    if problems:
        raise Problem(
            "; ".join(problems),
            "a new domain needs its name servers entered where it was bought, and some time; "
            "this server looks again every half hour, and the next `labctl apply` does",
            state="waiting",
        )


def own_addresses():
    """The addresses under which the world reaches this server, as EC2 tells them now; none where nobody tells.

    They are asked for each time and written down nowhere: without an Elastic IP, each start of the server brings another.
    (Amazon EC2 User Guide, "Use instance metadata": version 2, categories `public-ipv4` and `ipv6`.)
    """
    try:
        token = ask_metadata("api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    except OSError:
        return set()
    own = set()
    for category in ("public-ipv4", "ipv6"):
        try:
            own.add(str(ipaddress.ip_address(ask_metadata(f"meta-data/{category}", "GET", {"X-aws-ec2-metadata-token": token}))))
        except (OSError, ValueError):
            continue  # It has none of this kind.
    return own


def ask_metadata(path, method, headers):
    """Asks the instance metadata, which no proxy leads to."""
    request = urllib.request.Request(f"{METADATA}/{path}", method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=2) as answer:
        return answer.read(1000).decode(errors="replace").strip()


def name_problem(name, own, config):
    """Says where a name leads, if that is not here and only here."""
    asked = name.replace("*", "labctl-any", 1)
    try:
        found = system_addresses(asked) if config.get("directory") else public_addresses(asked, config["resolvers"])
    except LookupError as error:
        return f"`{name}`: {error}"
    if not found:
        return f"`{name}` does not resolve yet"
    if config["mode"] == "dns":
        # The authority does not come here: a name may lead into a network of one's own. One that leads to somebody
        # else, such as the seller of the domain, tells that its name servers are not the zone's yet.
        found = {address for address in found if ipaddress.ip_address(address).is_global}
    elsewhere = sorted(found - own)
    if own and elsewhere:
        return f"`{name}` resolves to {', '.join(elsewhere)}, and this server is {', '.join(sorted(own))}"
    return None


def public_addresses(name, resolvers):
    """Asks public name servers, because the machine's own may know a name that the world does not."""
    try:
        import dns.exception
        import dns.resolver
    except ImportError:
        raise Problem("the package `python3-dnspython` is not installed", "run `labctl apply`") from None
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = list(resolvers)
    resolver.timeout, resolver.lifetime = 3, 8
    found = set()
    for kind in ("A", "AAAA"):
        try:
            found |= {plain_name(str(record)) for record in resolver.resolve(name, kind, raise_on_no_answer=False)}
        except dns.resolver.NXDOMAIN:
            return set()
        except dns.resolver.NoNameservers:
            raise LookupError("its name servers do not answer yet") from None
        except (dns.exception.Timeout, OSError):
            raise LookupError(f"could not be looked up, {' and '.join(resolvers)} cannot be reached") from None
        except dns.exception.DNSException as error:
            raise LookupError(f"could not be looked up: {error}") from None
    return found


def system_addresses(name):
    """Asks as any program here would: an own authority lives in a network with own names."""
    try:
        return {plain_name(entry[4][0]) for entry in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
            return set()
        raise LookupError(f"could not be looked up: {error.strerror}") from None


def require_challenge_answers(config):
    """Tries what the authority will try, from here: NGINX hands out a file of the challenge folder."""
    folder = WEBROOT / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    probe, words = folder / f"labctl-{secrets.token_hex(8)}", secrets.token_hex(16)
    probe.write_text(words)
    request = urllib.request.Request(
        f"http://127.0.0.1/.well-known/acme-challenge/{probe.name}", headers={"Host": config["names"][0]}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = opener.open(request, timeout=5).read(100).decode(errors="replace")
        if answer != words:
            raise Problem("port 80 of this server is answered by something else than labctl's NGINX")
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise Problem(f"port 80 does not hand out a challenge: {reason}", "see `journalctl -u nginx`") from None
    finally:
        probe.unlink(missing_ok=True)


def wanted_directory(config):
    return config.get("directory") or PUBLIC_DIRECTORY


def wanted_source(config):
    """Where the certificate is to come from, and how its names are proven."""
    return wanted_directory(config), AUTHENTICATORS[config["mode"]]


def source(config):
    """The same of the certificate at hand, which its renewals follow; none where there is none."""
    try:
        text = (LETS_ENCRYPT / "renewal" / f"{config['certificate_name']}.conf").read_text()
    except FileNotFoundError:
        return None
    settings = dict(re.findall(r"^(server|authenticator)\s*=\s*(\S+)", text, re.MULTILINE))
    return settings.get("server", PUBLIC_DIRECTORY), settings.get("authenticator")


def holds(live, config):
    """Whether certbot's certificate is the one that the plan asks for."""
    if not live or not live.is_current() or source(config) != wanted_source(config):
        return False
    return live.names == frozenset(map(plain_name, config["names"]))


def obtain(config, from_apply):
    """Gets a certificate from the authority, unless it was asked in vain a moment ago."""
    failures = recent_failures(config)
    limit = FAILURES_WITH_APPLY if from_apply else 1
    if len(failures) >= limit:
        at = time.strftime("%H:%M", time.gmtime(failures[-limit]["at"] + PAUSE_AFTER_FAILURE))
        raise Problem(f"{failures[-1]['detail']} (not tried again before {at} UTC)", failures[-1]["help"])
    if config["mode"] == "lets-encrypt":
        require_challenge_answers(config)
    try:
        call_certbot(config)
    except Problem as problem:
        entry = {"at": time.time(), "detail": problem.detail, "help": problem.help_text}
        write_failures(config, failures + [entry])
        raise
    write_failures(config, [])


def call_certbot(config):
    by_dns = config["mode"] == "dns"
    command = ["certbot", "certonly", "--non-interactive", "--agree-tos"]
    command += ["--dns-route53"] if by_dns else ["--webroot", "--webroot-path", str(WEBROOT)]
    command += ["--cert-name", config["certificate_name"], "--renew-with-new-domains"]
    command += ["--server", wanted_directory(config)]
    command += ["--email", config["email"]] if config.get("email") else ["--register-unsafely-without-email"]
    # From elsewhere, or proven otherwise: the certificate at hand does not count, however long it is valid.
    same = source(config) in (None, wanted_source(config))
    command += ["--keep-until-expiring" if same else "--force-renewal"]
    for name in config["names"]:
        command += ["--domain", name]
    ended = run(command, seconds=480)
    print(ended.stdout + ended.stderr, file=sys.stderr)
    if ended.returncode != 0:
        raise Problem(
            f"certbot got no certificate: {certbot_reason(ended.stdout + ended.stderr)}",
            ("the server's role must be able to write TXT records" if by_dns else "port 80 must be open to the world")
            + "; the whole story is in /var/log/letsencrypt/letsencrypt.log",
        )


def certbot_reason(output):
    """Picks the sentences that say why out of all that certbot says."""
    details = re.findall(r"^\s*Detail:\s*(.+)$", output, re.MULTILINE)
    if details:
        return "; ".join(dict.fromkeys(details))
    return last_line("\n".join(line for line in output.splitlines() if not line.startswith(("Ask for help", "Saving"))))


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def subject(config):
    """Failures count for what was asked: another list of names is another question."""
    asked = json.dumps([sorted(config["names"]), *wanted_source(config)])
    return hashlib.sha256(asked.encode()).hexdigest()


def recent_failures(config):
    try:
        state = json.loads(STATE.read_text())
        known = state["failures"] if state["subject"] == subject(config) else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
    now = time.time()
    return [entry for entry in known if 0 <= now - entry["at"] < PAUSE_AFTER_FAILURE]


def write_failures(config, failures):
    STATE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = STATE.with_suffix(".new")
    fresh.write_text(json.dumps({"subject": subject(config), "failures": failures}) + "\n")
    fresh.replace(STATE)


def keep(config, from_apply):
    """Does what is to be done, and says in what state the certificate is."""
    serve(config)
    if config["mode"] == "self-signed":
        present = read_certificate(SELF_SIGNED)
        return "valid", f"self-signed, valid until {present.until()}"
    if config["mode"] == "files":
        return keep_files()
    if not holds(read_certificate(live_folder(config)), config):
        require_names_lead_here(config)
        obtain(config, from_apply)
        serve(config, changed=True)
    live = read_certificate(live_folder(config))
    if not holds(live, config):
        raise Problem("certbot ended well, but its certificate is not for the names of the plan")
    if (live.ends - time.time()) < (live.ends - live.starts) / 6:
        raise Problem(f"the certificate ends on {live.until()} and was not renewed", "see `journalctl -u certbot`")
    return "valid", f"for {', '.join(config['names'])}, valid until {live.until()}"


def keep_files():
    """Says how the organisation's own certificate is; nobody here can renew it."""
    present = read_certificate(FILES)
    if not present:
        raise Problem(f"the certificate in {FILES} is not there, or its key is another's", "run `labctl apply`")
    if not present.is_current():
        help_text = "replace the files that the plan names by renewed ones, and run `labctl apply`"
        raise Problem(f"the certificate is valid until {present.until()}, and no longer", help_text)
    return "valid", f"from the plan's files, valid until {present.until()}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="/etc/labctl/certificate.json")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--prepare", action="store_true", help="only see to it that NGINX has some certificate")
    how.add_argument("--apply", action="store_true", help="try once more, even within an hour of a failure")
    return parser.parse_args()


def main():
    os.umask(0o022)  # Whatever the caller's is: NGINX has to read the challenges.
    options = arguments()
    try:
        config = json.loads(pathlib.Path(options.config).read_text())
        with open(LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if options.prepare:
                ensure_self_signed(config)
                point_current(best_folder(config))
                state, detail = "valid", "there is a certificate for NGINX"
            else:
                state, detail = keep(config, options.apply)
        help_text = ""
    except Problem as problem:
        state, detail, help_text = problem.state, problem.detail, problem.help_text
    except (OSError, ValueError) as error:
        state, detail, help_text = "failed", str(error), ""
    print(json.dumps({"state": state, "detail": detail, "help": help_text}))
    return 1 if state == "failed" else 0


if __name__ == "__main__":
    sys.exit(main())
