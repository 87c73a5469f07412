"""A headless Chromium, driven by the DevTools protocol over two pipes: pages as a user's browser makes them.

https://chromedevtools.github.io/devtools-protocol/ names the methods and events. Certificates are not judged, because
a lab without a domain has only its own.
"""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE_SECONDS = 90
PAUSE_SECONDS = 0.2
OPTIONS = (
    "--headless=new --remote-debugging-pipe --ignore-certificate-errors --no-first-run --no-default-browser-check "
    "--disable-gpu --disable-dev-shm-usage --disable-extensions --disable-background-networking --no-proxy-server"
).split()
# Chromium reads its commands from descriptor 3 and answers on 4.
ON_PIPES = 'exec "$@" 3<&"$COMMANDS" 4>&"$ANSWERS"'


class BrowserError(Exception):
    """What a page did not do, or Chromium refused."""


class Browser:
    """One page of a Chromium whose profile is new and is removed at the end; `errors` has what its console was told."""

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="labctl-browser.")
        command = ["chromium", *OPTIONS, f"--user-data-dir={self.profile}", *["--no-sandbox"] * (os.geteuid() == 0)]
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", ON_PIPES, "browser", *command],
            env={**os.environ, "HOME": self.profile, "COMMANDS": str(commands), "ANSWERS": str(answers)},
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self.number, self.session, self.rest, self.errors, self.loads = 0, None, b"", [], 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self.commands)
        os.close(self.answers)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **parameters):
        """Calls one method, and takes note of the events that come before its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def open(self, address):
        """Goes to an address, and waits until the page is loaded."""
        seen = self.loads
        problem = self.call("Page.navigate", url=address).get("errorText")
        if problem:
            raise BrowserError(f"{address}: {problem}")
        self._wait_for_load(seen)

    def click(self, selector):
        """Clicks what leads to another page, and waits until that is loaded."""
        seen = self.loads
        self.ask(f"document.querySelector({json.dumps(selector)}).click()")
        self._wait_for_load(seen)

    def type(self, selector, text):
        """Types into a field of a form."""
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def ask(self, expression):
        """Evaluates JavaScript in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def wait_for(self, expression):
        """Waits until JavaScript is true in the page, or in the one that takes its place; gives its value."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if value := self.ask(expression):
                    return value
            except BrowserError:
                pass  # between two pages there is none to ask
            time.sleep(PAUSE_SECONDS)
        where = self.ask("location.href + ' says: ' + document.body.innerText.slice(0, 300)")
        raise BrowserError(f"`{expression}` did not come true in {PATIENCE_SECONDS} s; {where}")

    def _wait_for_load(self, seen):
        while self.loads == seen:
            self._next()

    def _next(self):
        while b"\0" not in self.rest:
            if not select.select([self.answers], [], [], PATIENCE_SECONDS)[0]:
                raise BrowserError(f"chromium was silent for {PATIENCE_SECONDS} s")
            read = os.read(self.answers, 1 << 16)
            if not read:
                raise BrowserError(f"chromium ended ({self.process.wait()})")
            self.rest += read
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        parameters = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self.loads += 1
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details["text"]))
            case "Runtime.consoleAPICalled" if parameters["type"] == "error":
                self.errors.append(" ".join(str(value.get("value", value.get("description"))) for value in parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                entry = parameters["entry"]
                self.errors.append(f"{entry['text']} ({entry.get('url', '')})")
        return message
