"""Signs in to JupyterHub as a browser on a laptop would, and works in the user's server.

    echo PASSWORD | login.py --at 127.0.0.1:PORT --name NAME --authority FILE --user USER [--kernel ID] [--code TEXT]
                             [--upload NAME=BYTES]

`--at` is where the web server of NAME really answers; the rest of the program sees NAME and port 443 only, and the
certificate is verified against FILE. Prints one line of JSON: `signed_in`, and what was done after it. A refused
sign-in is a result too, not an error.
"""

import argparse
import json
import re
import socket
import ssl
import sys
import time
import uuid

import requests
import websocket

PATIENCE = 120
# Seconds after which a cell without an answer is sent again.
RESEND = 15


class Browser:
    """One user's session: cookies, and the pages through NGINX."""

    def __init__(self, options):
        self.name, self.user, self.authority = options.name, options.user, options.authority
        self.base = f"https://{options.name}/jupyter"
        self.session = requests.Session()
        self.session.verify = options.authority
        # Nothing of this machine's own settings, such as a proxy.
        self.session.trust_env = False

    def get(self, path, **more):
        return self.session.get(self.base + path, timeout=60, **more)

    def token(self, path):
        """The XSRF cookie that a browser would send to this path: the one of the longest path that holds it."""
        fitting = [c for c in self.session.cookies if c.name == "_xsrf" and f"/jupyter{path}".startswith(c.path)]
        return max(fitting, key=lambda cookie: len(cookie.path)).value

    def send(self, method, path, body):
        answer = self.session.request(
            method, self.base + path, json=body, timeout=120, headers={"X-XSRFToken": self.token(path)}
        )
        answer.raise_for_status()
        return answer.json()

    def sign_in(self, password):
        """Fills in the form; says whether the Hub lets the user in."""
        form = self.get("/hub/login").text
        hidden = re.search(r'name="_xsrf"\s+value="([^"]*)"', form).group(1)
        fields = {"username": self.user, "password": password, "_xsrf": hidden}
        answer = self.session.post(self.base + "/hub/login", data=fields, allow_redirects=False, timeout=60)
        if answer.status_code == 403:
            if "Invalid username or password" not in answer.text:
                raise SystemExit(f"refused for another reason: {answer.text}")
            return False
        if answer.status_code != 302:
            raise SystemExit(f"the form answers {answer.status_code}: {answer.text}")
        # `_xsrf` lets nobody in; JupyterHub sets it without the mark.
        insecure = [cookie.name for cookie in self.session.cookies if not cookie.secure and cookie.name != "_xsrf"]
        if insecure:
            raise SystemExit(f"cookies that are sent without HTTPS too: {insecure}")
        return self.get("/hub/home").url.endswith("/hub/home")

    def open_lab(self):
        """Opens the own server's page, which starts it, and waits until JupyterLab is there."""
        end = time.monotonic() + PATIENCE
        self.get("/hub/spawn")
        while True:
            answer = self.get(f"/user/{self.user}/lab")
            if answer.ok and "jupyter-config-data" in answer.text and "/user/" in answer.url:
                return
            if time.monotonic() > end:
                raise SystemExit(f"no JupyterLab but {answer.status_code} from {answer.url}: {answer.text[:2000]}")
            time.sleep(0.2)

    def run(self, kernel, code):
        """Runs a cell over the kernel's websocket; gives its value as text.

        What a kernel prints before the server listens to it is lost, so a cell without an answer is sent again.
        """
        place = f"/user/{self.user}/api/kernels/{kernel}/channels"
        query = f"?session_id={uuid.uuid4().hex}&_xsrf={self.token(place)}"
        address = self.base + place + query
        cookies = requests.cookies.get_cookie_header(self.session.cookies, requests.Request("GET", address))
        end, seen = time.monotonic() + PATIENCE, []
        while time.monotonic() < end:
            channel = self.connect(address, cookies)
            message = execute_request(self.user, code)
            channel.send(json.dumps(message))
            value = answer_to(channel, message["header"]["msg_id"], seen)
            channel.close()
            if value is not None:
                return value
            print(f"sending the cell again; until now there came {seen}", file=sys.stderr)
        raise SystemExit(f"the kernel gave no value in {PATIENCE} s, only {seen}")

    def connect(self, address, cookies):
        """Opens a kernel's websocket."""
        plain = socket.create_connection((self.name, 443), timeout=PATIENCE)
        stream = ssl.create_default_context(cafile=self.authority).wrap_socket(plain, server_hostname=self.name)
        options = {"socket": stream, "cookie": cookies, "origin": f"https://{self.name}"}
        channel = websocket.create_connection("wss" + address.removeprefix("https"), **options)
        # Shorter than the server's pings are apart, which `recv` answers by itself and then goes on waiting.
        channel.settimeout(RESEND)
        return channel


def execute_request(user, code):
    """A message of Jupyter's protocol, version 5.3."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": user}
    header.update(session=uuid.uuid4().hex, version="5.3", date="")
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    content.update(allow_stdin=False, stop_on_error=True)
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    return {**message, "channel": "shell", "buffers": []}


def answer_to(channel, asked, seen):
    """Waits for the value of a cell; None when there is none for a while."""
    end = time.monotonic() + RESEND
    while time.monotonic() < end:
        try:
            answer = json.loads(channel.recv())
        except websocket.WebSocketTimeoutException:
            break
        kind = answer["header"]["msg_type"]
        seen.append(kind)
        if answer.get("parent_header", {}).get("msg_id") != asked:
            continue
        if kind == "execute_result":
            return answer["content"]["data"]["text/plain"]
        if kind == "error":
            return f"{answer['content']['ename']}: {answer['content']['evalue']}"
    return None


def lead_name_to(name, place):
    """Lets this process find NAME where the test has it: what the name servers do elsewhere."""
    address, port = place.rsplit(":", 1)
    ask = socket.getaddrinfo

    def find(host, service, *rest, **more):
        if host == name and service == 443:
            return ask(address, int(port), *rest, **more)
        return ask(host, service, *rest, **more)

    socket.getaddrinfo = find


def work(browser, options):
    """Does what was asked for in the user's server."""
    done = {"signed_in": True}
    if not (options.code or options.upload):
        return done
    browser.open_lab()
    place = f"/user/{browser.user}/api"
    if options.upload:
        name, size = options.upload.split("=")
        text = "x" * int(size)
        body = {"type": "file", "format": "text", "content": text}
        done["uploaded"] = browser.send("PUT", f"{place}/contents/{name}", body)["size"]
    if options.code:
        done["kernel"] = options.kernel or browser.send("POST", f"{place}/kernels", {})["id"]
        done["value"] = browser.run(done["kernel"], options.code)
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--at", "--name", "--authority", "--user"):
        parser.add_argument(name, required=True)
    for name in ("--kernel", "--code", "--upload"):
        parser.add_argument(name)
    options = parser.parse_args()
    lead_name_to(options.name, options.at)
    browser = Browser(options)
    is_in = browser.sign_in(sys.stdin.readline().rstrip("\n"))
    print(json.dumps(work(browser, options) if is_in else {"signed_in": False}))


if __name__ == "__main__":
    main()
