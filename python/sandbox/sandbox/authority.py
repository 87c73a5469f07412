"""A certificate authority of the sandbox's own: pebble, which asks pebble-challtestsrv for the lab's names.

Servers reach it at the gateway of their network, by a name that stays when the network is made anew, and trust it by
the certificate that is put into each of them. The names are those of the public Route 53 zones whose address is an
instance's. pebble is told the address of the container; the servers themselves find the address that AWS would show,
because that is what is in their records.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import shutil
import ssl
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from moto.backends import get_backend

from .children import forget_children, start_child
from .engine import EngineError
from .files import write, write_json
from .server import DEFAULT_ACCOUNT
from .servers import free_ports, is_free

if TYPE_CHECKING:
    import subprocess
    import threading

    from .engine import Engine
    from .files import Settings

PROGRAMS = ("pebble", "pebble-challtestsrv")
PATIENCE_SECONDS = 20
AGAIN_SECONDS = 30
STARTS = 3
PAUSE_SECONDS = 0.5
ALIASES = 8
# `internal` is kept for private use (ICANN, resolution 2024.07.29.06).
NAME = "acme.sandbox.internal"
# pebble waits and refuses at random, so that clients learn to live with it; nobody learns here.
QUICK = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}


class Authority:
    """Runs pebble while it is wanted: `tend` is called again and again, by the thread that looks after the servers.

    Only that thread starts programs, because Linux ends them with the thread that started them.
    """

    def __init__(self, folder: str | Path, settings: Settings, lock: threading.RLock) -> None:
        self.state, self.folder = Path(folder), Path(folder, "authority")
        self.settings, self.lock = settings, lock
        self.children: list[subprocess.Popen[bytes]] = []
        self.told: dict[str, str] = {}
        self.directory: str | None = None
        self.gateway = ""
        self.problem: str | None = None
        self.names_port = 0
        self.tried: float = -AGAIN_SECONDS

    def tend(self, engine: Engine, addresses: dict[str, str]) -> None:
        """Starts or ends pebble as it is wanted, and tells it where the lab's names lead: `addresses` by instance."""
        if not self.settings.get("authority"):
            self.end()
            self.problem = None
            return
        if self.children and any(child.poll() is not None for child in self.children):
            # It had started: for a port that another program was quicker to take, say. New ones are found at once.
            self.end()
            self.tried = -AGAIN_SECONDS
        if not self.children and time.monotonic() - self.tried > AGAIN_SECONDS:
            self._start(engine, addresses)
        if self.children:
            with contextlib.suppress(OSError):  # the next look tells it again
                self._tell_names(addresses)

    def do_without(self) -> None:
        """Says why there is no authority where there are no servers."""
        wanted = self.settings.get("authority")
        self.problem = "without containers there is no server that could get a certificate" if wanted else None

    def _start(self, engine: Engine, addresses: dict[str, str]) -> None:
        missing = [program for program in PROGRAMS if not shutil.which(program)]
        if missing:
            self.problem = (
                f"`{missing[0]}` is not installed: servers get no certificates; install it (on Debian: pebble)"
            )
            self.directory = None
            return
        if engine.network_needs_containers and not addresses:
            # It can be said already where it will be.
            self.directory, self.problem = directory_at(self._port(None)), None
            return
        self.tried = time.monotonic()
        for start in range(STARTS):
            # A port or a network may have been lost to a quicker program.
            time.sleep(PAUSE_SECONDS if start else 0)
            try:
                self._run(engine.make_network())
                self.problem = None
                return
            except (EngineError, OSError) as problem:
                self.end()
                self.problem = f"pebble did not start: {problem}; {self.folder / 'log'} may say why"
            if time.monotonic() - self.tried > PATIENCE_SECONDS:
                break
        # It is tried again, and where it will be is known: what servers are given does not change when it comes.
        self.directory = directory_at(self._port(None))

    def _run(self, gateway: str) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        make_certificate(self.folder, gateway)
        port = self._port(gateway)
        management, names, self.names_port = free_ports(3)
        settings = {
            "listenAddress": f"{gateway}:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(self.folder / "pebble.pem"),
            "privateKey": str(self.folder / "pebble.key"),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        write_json(self.folder / "pebble.json", {"pebble": settings})
        names_server = f"127.0.0.1:{names}"
        # No default address: a name that is not the lab's leads nowhere.
        servers = ["-defaultIPv4", "", "-defaultIPv6", "", "-dns01", names_server, "-http01", "", "-https01", ""]
        servers += ["-tlsalpn01", "", "-management", f"127.0.0.1:{self.names_port}"]
        write(self.folder / "log", b"")
        self._start_child(["pebble-challtestsrv", *servers])
        self._start_child(["pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", names_server])
        self._wait(f"https://127.0.0.1:{management}/roots/0")
        self.directory, self.gateway = directory_at(port), gateway

    def _port(self, gateway: str | None) -> int:
        """The port where servers find pebble, the same at each start if it can be; the gateway may be yet to come."""
        port: int | None = self.settings.get("authority_port")
        if not port or (gateway and not is_free(gateway, port)):
            (port,) = free_ports(1)
            self.settings.set(authority_port=port)
        return port

    def _start_child(self, command: list[str]) -> None:
        self.children.append(start_child(self.state, command, self.folder / "log", QUICK))

    def _wait(self, roots: str) -> None:
        """Waits until pebble answers, and keeps the root of the certificates that it issues, new at every start."""
        trusted = ssl.create_default_context(cafile=self.folder / "ca.pem")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with _without_proxy(trusted).open(roots, timeout=5) as answer:
                    self._keep_root(answer.read())
                return
            except OSError:
                if time.monotonic() > deadline or any(child.poll() is not None for child in self.children):
                    raise
                time.sleep(0.05)

    def _keep_root(self, root: bytes) -> None:
        path = self.state / "root.pem"
        known = path.read_bytes() if path.exists() else b""
        if root not in known:
            write(path, known + root)

    def _tell_names(self, addresses: dict[str, str]) -> None:
        wanted = {name: addresses[instance] for name, (instance, _) in self.names().items() if instance in addresses}
        for name in set(self.told) - set(wanted):
            self._ask("clear-a", {"host": name + "."})
            del self.told[name]
        for name, address in wanted.items():
            if self.told.get(name) != address:
                self._ask("clear-a", {"host": name + "."})
                self._ask("add-a", {"host": name + ".", "addresses": [address]})
                self.told[name] = address

    def _ask(self, path: str, body: dict[str, object]) -> None:
        place = f"http://127.0.0.1:{self.names_port}/{path}"
        with _without_proxy().open(place, json.dumps(body).encode(), timeout=5):
            pass

    def names(self) -> dict[str, tuple[str, str]]:
        """The instance and public address that each name of the lab leads to."""
        with self.lock:
            return lab_names()

    def hosts(self) -> str:
        """The names as lines of /etc/hosts."""
        own = f"{self.gateway} {NAME}\n" if self.children else ""
        return own + "".join(f"{address} {name}\n" for name, (_, address) in sorted(self.names().items()))

    def certificate(self) -> str:
        """What servers are to trust: the certificate of the authority that vouches for pebble itself."""
        return (self.folder / "ca.pem").read_text() if self.children else ""

    def describe(self) -> dict[str, str] | None:
        """Where pebble is or will be, and the file with the roots that it uses."""
        if not self.directory:
            return None
        return {"directory": self.directory, "root": str(self.state / "root.pem")}

    def end(self) -> None:
        """Ends pebble and the server of names."""
        for child in self.children:
            child.kill()
            child.wait()
        if self.children:
            forget_children(self.state)
        self.children, self.told, self.directory = [], {}, None


def _without_proxy(trusted: ssl.SSLContext | None = None) -> urllib.request.OpenerDirector:
    """Opens addresses of this machine, whatever proxies it uses for others."""
    handlers = [urllib.request.ProxyHandler({})]
    return urllib.request.build_opener(*handlers, *([urllib.request.HTTPSHandler(context=trusted)] if trusted else []))


def directory_at(port: int) -> str:
    """What clients of ACME begin with."""
    return f"https://{NAME}:{port}/dir"


def lab_names() -> dict[str, tuple[str, str]]:
    """Finds the names in the public zones that lead to an instance, by an address or by way of another name.

    A wildcard is no name that a host could be asked by, and is left out.
    """
    regions = get_backend("ec2")[DEFAULT_ACCOUNT].values()
    instances = [i for region in regions for r in region.reservations.values() for i in r.instances]
    owners = {i.public_ip: i.id for i in instances if i.state != "terminated" and i.nics and i.public_ip}
    zones = get_backend("route53")[DEFAULT_ACCOUNT]["aws"].zones.values()
    records = {}
    for record in [record for zone in zones if not zone.private_zone for record in zone.rrsets]:
        if record.type in ("A", "CNAME") and record.records and "*" not in record.name and "\\052" not in record.name:
            records[record.name.rstrip(".").lower()] = (record.type, record.records[0].rstrip(".").lower())
    found = {}
    for name in records:
        kind, value = records[name]
        for _ in range(ALIASES):
            if kind != "CNAME":
                break
            kind, value = records.get(value, ("", ""))
        if kind == "A" and value in owners:
            found[name] = (owners[value], value)
    return found


def make_certificate(folder: Path, gateway: str) -> None:
    """Makes the certificate with which pebble speaks HTTPS at the gateway, and once who vouches for it."""
    if not (folder / "ca.key").exists():
        key = _new_key()
        write(folder / "ca.pem", _pem(_certificate("labctl sandbox", key, "labctl sandbox", key)))
        write(folder / "ca.key", _key_text(key))
    issuer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(issuer, ec.EllipticCurvePrivateKey), "it was made above, by this or an earlier process"
    key = _new_key()
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", gateway)]
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), *addresses])
    write(folder / "pebble.pem", _pem(_certificate("pebble", key, "labctl sandbox", issuer, names)))
    write(folder / "pebble.key", _key_text(key))


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_name: str,
    issuer: ec.EllipticCurvePrivateKey,
    names: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    """A certificate for ten years: of an authority, or with `names` of a server."""
    now = datetime.datetime.now(datetime.timezone.utc)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issued_by, critical=False)
    )
    if names:
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    else:
        usage = dict.fromkeys(
            [
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ],
            False,
        )
        usage |= dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True)
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    return builder.sign(issuer, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
