"""A company's mirror, as far as tests need one: runs on a test host, at 127.0.0.1:8900.

    /files, /cran, …    what lies below FOLDER
    /pypi/simple        the wheels that the image has, and those in FOLDER/pypi
    /pypi-all/simple    the same, and for other projects what PyPI has
    /python             the second Python that the image has
    /npm                npm's registry, handed on, with the archives' addresses changed to the mirror's
    /npm-changed        the same, with archives that somebody has changed
    /debian…            Debian's archive, handed on

Each request is a line on standard output: `GET PATH STATUS`.
"""

import http.server
import os
import pwd
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote

HERE = "http://127.0.0.1:8900"
FOLDER = Path("/srv/mirror")
WHEELS = [Path("/srv/mirror/pypi"), Path("/var/cache/test-wheels")]
PYTHONS = Path("/var/cache/test-python")
DEBIAN = "http://deb.debian.org"
PYPI = "https://pypi.org"


def registry():
    """The registry that this machine's npm knows."""
    for file in (Path("/root/.npmrc"), Path("/etc/npmrc")):
        found = re.search(r"(?m)^registry *= *(\S+)", file.read_text()) if os.access(file, os.R_OK) else None
        if found:
            return found.group(1).rstrip("/")
    return os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")


NPM = registry()


def wheels_of(project):
    """The names of the wheels that are here of a project."""
    names = {wheel.name for folder in WHEELS if folder.is_dir() for wheel in folder.glob("*.whl")}
    return [name for name in sorted(names) if re.sub(r"[-_.]+", "-", name.split("-")[0]).lower() == project]


class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = unquote(self.path.split("?")[0])
        if path.startswith("/pypi/simple/"):
            self.simple(path.removeprefix("/pypi/simple/").strip("/"))
        elif path.startswith("/pypi-all/simple/"):
            project = path.removeprefix("/pypi-all/simple/").strip("/")
            # PyPI names its files by whole addresses.
            self.simple(project) if wheels_of(project) else self.hand_on(f"{PYPI}/simple/{project}/")
        elif path.startswith("/pypi/"):
            self.file(next((f / path.removeprefix("/pypi/") for f in WHEELS if (f / path[6:]).is_file()), FOLDER / "-"))
        elif path.startswith("/python/"):
            self.file(PYTHONS / path.removeprefix("/python/"))
        elif path.startswith("/npm/"):
            self.hand_on(NPM + self.path.removeprefix("/npm"), lambda body: body.replace(NPM.encode(), f"{HERE}/npm".encode()))
        elif path.startswith("/npm-changed/"):
            self.hand_on(NPM + self.path.removeprefix("/npm-changed"), lambda body: body + b"\n")
        elif path.startswith("/debian"):
            self.hand_on(DEBIAN + self.path)
        else:
            self.file(FOLDER / path.lstrip("/"))

    do_HEAD = do_GET

    def simple(self, project):
        """A project's page (PEP 503); without sums, which many companies' indexes lack."""
        wanted = wheels_of(project)
        if not wanted:
            self.answer(404, b"")
            return
        links = "".join(f'<a href="/pypi/{name}">{name}</a><br>' for name in wanted)
        self.answer(200, f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), "text/html")

    def file(self, place):
        if place.is_file():
            self.answer(200, place.read_bytes())
        else:
            self.answer(404, b"")

    def hand_on(self, address, change=None):
        """Asks elsewhere, and gives what comes."""
        headers = {name: self.headers[name] for name in ("Accept", "User-Agent", "If-Modified-Since") if self.headers[name]}
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=120) as answer:
                kind = answer.headers.get("Content-Type", "application/octet-stream")
                if change and ("json" in kind or "changed" in self.path):
                    self.answer(200, change(answer.read()), kind)
                    return
                self.begin(200, answer.headers["Content-Length"], kind, answer.headers["Last-Modified"])
                shutil.copyfileobj(answer, self.wfile)
        except urllib.error.HTTPError as error:
            self.answer(error.code, b"")

    def answer(self, status, body, kind="application/octet-stream"):
        self.begin(status, len(body), kind)
        if self.command == "GET":
            self.wfile.write(body)

    def begin(self, status, length, kind, modified=None):
        print(f"{self.command} {self.path} {status}", flush=True)
        self.send_response(status)
        fields = {"Content-Length": length, "Content-Type": kind, "Last-Modified": modified}
        for name, value in fields.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_arguments):
        pass


if __name__ == "__main__":
    # As a user of its own, by whom the host tells it from everybody else.
    if os.geteuid() == 0:
        account = pwd.getpwnam("mirror")
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    http.server.ThreadingHTTPServer(("127.0.0.1", 8900), Mirror).serve_forever()
