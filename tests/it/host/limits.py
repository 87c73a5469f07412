"""Comes to a lab from many addresses, on the server itself: 127.0.0.2 and all others of that network are sources.

Its argument is a JSON object: `do` names a function below, the rest are that one's arguments. Prints its result as JSON.
"""

import base64
import functools
import http.client
import http.cookiejar
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NAME = "lab.example.org"
BASE = f"https://{NAME}/jupyter"
PATIENCE = 120
MEGABYTE = 1_000_000
# Where Debian's NGINX keeps bodies and answers that it does not keep in memory. It unlinks their files at once.
KEPT = "/var/lib/nginx/"


class Connection(http.client.HTTPSConnection):
    """Leads the lab's name to this server, from an address of choice."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", 443), PATIENCE, self.source_address)
        self.sock = self._context.wrap_socket(plain, server_hostname=NAME)


def connection(source):
    return Connection(NAME, source_address=(source, 0), context=ssl._create_unverified_context())


class Handler(urllib.request.HTTPSHandler):
    def __init__(self, source):
        super().__init__()
        self.source = source

    def https_open(self, request):
        make = functools.partial(
            Connection, source_address=(self.source, 0), context=ssl._create_unverified_context()
        )
        return self.do_open(make, request)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Cookies, and requests that give (status, text)."""

    def __init__(self, source, headers=None, follows=False):
        self.cookies = http.cookiejar.CookieJar()
        handlers = [Handler(source), urllib.request.HTTPCookieProcessor(self.cookies)]
        self.opener = urllib.request.build_opener(*handlers, *([] if follows else [Stay()]))
        self.headers = headers or {}

    def ask(self, path, body=None, method=None, **headers):
        request = urllib.request.Request(BASE + path, body, {**self.headers, **headers}, method=method)
        try:
            with self.opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def token(self, path):
        """The proof against forged requests that belongs to a path."""
        fitting = [c for c in self.cookies if c.name == "_xsrf" and f"/jupyter{path}".startswith(c.path)]
        return max(fitting, key=lambda cookie: len(cookie.path)).value

    def sign_in(self, name, password):
        _, form = self.ask("/hub/login")
        hidden = re.search(r'name="_xsrf"\s+value="([^"]*)"', form).group(1)
        fields = {"username": name, "password": password, "_xsrf": hidden}
        return self.ask("/hub/login", urllib.parse.urlencode(fields).encode())


def timed(function, *arguments):
    start = time.monotonic()
    status, text = function(*arguments)
    said = re.search(r"too many failed sign-ins[^<]*", text)
    return {"status": status, "seconds": time.monotonic() - start, "said": said.group(0).strip() if said else ""}


def sign_in(source, names, password, headers=None):
    """All sign in by the form at the same time."""
    with ThreadPoolExecutor(40) as crowd:
        return list(crowd.map(lambda name: timed(Browser(source, headers).sign_in, name, password), names))


def ask_for_tokens(source, path, name, passwords, headers=None):
    """Asks for a token with one password after the other."""
    browser, answers = Browser(source, headers), []
    for password in passwords:
        body = json.dumps({"auth": {"username": name, "password": password}}).encode()
        answers.append(timed(browser.ask, path, body))
    return answers


def kept():
    """How many bytes NGINX has in files at this moment."""
    return sum(size_of(link) for name in nginx() for link in Path(f"/proc/{name}/fd").iterdir())


@functools.cache
def nginx():
    """The processes of NGINX."""
    return subprocess.run(["pidof", "nginx"], check=True, capture_output=True, text=True).stdout.split()


def size_of(link):
    try:
        return link.stat().st_size if os.readlink(link).startswith(KEPT) else 0
    except FileNotFoundError:
        return 0


def post(source, path, megabytes, headers, is_chunked=False):
    """Sends a large body until it is refused, which may be before its end."""
    start, most, sent, channel = time.monotonic(), 0, 0, connection(source)
    channel.putrequest("POST", path)
    length = ("Transfer-Encoding", "chunked") if is_chunked else ("Content-Length", str(megabytes * MEGABYTE))
    for header in (length, *headers.items()):
        channel.putheader(*header)
    channel.endheaders()
    part = b"x" * MEGABYTE
    part = b"%x\r\n%s\r\n" % (len(part), part) if is_chunked else part
    try:
        for _ in range(megabytes):
            channel.send(part)
            sent += 1
            most = max(most, kept())
    except OSError:
        pass
    try:
        status = channel.getresponse().status
    except (OSError, http.client.HTTPException):
        # It was closed with what was sent still unread.
        status = None
    return {"status": status, "seconds": time.monotonic() - start, "sent": sent, "kept": most}


def upload(source, name, password, megabytes, megabytes_a_part):
    """Signs in, starts the own server, and uploads a file as JupyterLab does: in parts of Base64 in JSON."""
    browser = Browser(source, follows=True)
    browser.sign_in(name, password)
    end = time.monotonic() + PATIENCE
    browser.ask("/hub/spawn")
    while "jupyter-config-data" not in browser.ask(f"/user/{name}/lab")[1]:
        if time.monotonic() > end:
            raise SystemExit("no JupyterLab")
        time.sleep(0.2)
    path, most = f"/user/{name}/api/contents/large.bin", 0
    parts = megabytes // megabytes_a_part
    content = base64.b64encode(b"x" * (megabytes_a_part * MEGABYTE)).decode()
    for part in range(1, parts + 1):
        body = {"type": "file", "format": "base64", "chunk": -1 if part == parts else part, "content": content}
        headers = {"X-XSRFToken": browser.token(path), "Content-Type": "application/json"}
        # As Firefox and Chrome send them.
        headers |= {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
        status, text = browser.ask(path, json.dumps(body).encode(), "PUT", **headers)
        most = max(most, kept())
        if status not in (200, 201):
            raise SystemExit(f"part {part}: {status} {text[:500]}")
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    return {"kept": most, "cookies": cookies}


def hold(source, count, other):
    """Holds connections that never end their request, and then looks at the lab's page from another address."""
    held = []
    for number in range(count):
        plain = socket.create_connection(("127.0.0.1", 80), PATIENCE, (source, 0))
        plain.sendall(b"GET / HTTP/1.1\r\nHost: lab")
        held.append(plain)
    start, channel = time.monotonic(), connection(other)
    channel.request("GET", "/")
    status, seconds = channel.getresponse().status, time.monotonic() - start
    # What the server closes has an end.
    for plain in held:
        plain.settimeout(max(0.01, start + 25 - time.monotonic()))
    closed = sum(is_closed(plain) for plain in held)
    return {"status": status, "seconds": seconds, "closed": closed}


def is_closed(plain):
    try:
        return not plain.recv(1)
    except ConnectionError:
        return True
    except OSError:
        return False


def main():
    request = json.loads(sys.argv[1])
    print(json.dumps(globals()[request.pop("do")](**request)))


if __name__ == "__main__":
    main()
