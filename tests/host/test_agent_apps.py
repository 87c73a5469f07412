#!/usr/bin/env python3
"""What the agent does for the plan's own folders and apps: folders that are laid out, a websocket that is spoken to."""

import base64
import hashlib
import json
import os
import socket
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from test_agent import OnFolder  # before the agent, whose folder it names

from agent import gates_of_apps, trees, websocket
from agent.failure import Failure
from agent.gates_of_host import Refused

TARGET = "/opt/labctl/app-00000000000a"


class Trees(OnFolder):
    """Folders from the laptop."""

    def tree(self, files, reader=None):
        """A job that brings one folder; `files` are (path, content, executable)."""
        wishes = [
            {"path": path, "sha256": hashlib.sha256(text.encode()).hexdigest(), "executable": executable}
            for path, text, executable in files
        ]
        tree = {"name": "app", "link": "/opt/app", "target": TARGET, "reader": reader, "files": wishes}
        job = self.job(self.lab().want(trees=[tree]))
        for path, text, _ in files:
            place = job.folder / "trees/app" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return job, tree

    def modes(self):
        """The modes of all that lies in the folder."""
        target = self.root / TARGET.lstrip("/")
        return {str(p.relative_to(target)): p.stat().st_mode & 0o777 for p in [target, *target.rglob("*")]}

    def test_a_folder_is_laid_out_for_root(self):
        job, tree = self.tree([("app.py", "x", False), ("www/run", "y", True)])
        trees.lay_out(job, tree)
        expected = {".": 0o700, "app.py": 0o644, "www": 0o700, "www/run": 0o755, ".labctl-complete": 0o644}
        self.assertEqual(self.modes(), expected)

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files to others")
    def test_a_folder_is_laid_out_for_the_group_of_its_reader(self):
        job, tree = self.tree([("www/a.css", "x", False)], reader="daemon")
        trees.lay_out(job, tree)
        target = self.root / TARGET.lstrip("/")
        self.assertEqual(self.modes()["."], 0o750)
        self.assertEqual(self.modes()["www"], 0o755)
        self.assertEqual((target.stat().st_uid, target.stat().st_gid), (0, 1))
        self.assertEqual(job.tools.commands, [])

    def test_what_was_cut_off_is_begun_anew(self):
        job, tree = self.tree([("app.py", "new", False)])
        self.put(f"{TARGET}/left-over", "old")
        trees.lay_out(job, tree)
        self.assertNotIn("left-over", self.modes())
        (self.root / TARGET.lstrip("/") / "app.py").write_text("kept, because the folder is complete")
        trees.lay_out(job, tree)
        self.assertIn("kept", (self.root / TARGET.lstrip("/") / "app.py").read_text())

    def test_a_damaged_file_is_refused(self):
        job, tree = self.tree([("app.py", "x", False)])
        (job.folder / "trees/app/app.py").write_text("y")
        with self.assertRaisesRegex(Failure, "`app.py` of `/opt/app` did not arrive"):
            trees.lay_out(job, tree)


class Server(threading.Thread):
    """Answers one page, and one websocket with what it is told to."""

    def __init__(self, page, *answers):
        super().__init__(daemon=True)
        self.page, self.answers = page, answers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def run(self):
        for answer in (lambda _: self.page, *self.answers):
            connection, _ = self.listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(4096)
                connection.sendall(answer(head.decode()))
                connection.shutdown(socket.SHUT_WR)
                # What it leaves unread would break off the connection, and with it what the other side has still to read.
                while connection.recv(4096):
                    pass

    @staticmethod
    def answer(body, status="200 OK"):
        """A whole answer of HTTP."""
        return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def accepted(head):
    """The right answer to a handshake (RFC 6455, section 4.2.2)."""
    [key] = [line.split(": ")[1] for line in head.splitlines() if line.startswith("Sec-WebSocket-Key")]
    proof = base64.b64encode(hashlib.sha1(key.encode() + websocket.SECRET_OF_ALL).digest()).decode()
    return (
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {proof}\r\n\r\n"
    ).encode()


def frame(text, kind=1):
    """A frame as a server sends it."""
    data = text.encode()
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    return bytes([0x80 | kind]) + size + data


class Shiny(unittest.TestCase):
    """The gate of a Shiny app."""

    GATE = staticmethod(gates_of_apps.shiny)
    PAGE = Server.answer('<script src="shiny.js">')

    def ask(self, page, *answers):
        """What the gate says; the server's end is waited for."""
        server = Server(page, *answers)
        server.start()
        self.addCleanup(server.listener.close)
        return self.GATE(None, {"url": server.url})

    def refused(self, words, page, *answers):
        """The gate does not hold, and says why."""
        with self.assertRaisesRegex(Refused, words):
            self.ask(page, *answers)

    def test_a_session_that_opens_holds(self):
        config = json.dumps({"config": {"sessionId": "x" * 200}})
        detail = self.ask(self.PAGE, lambda head: accepted(head) + frame("", kind=9) + frame(config))
        self.assertRegex(detail, r"^200 in .*; websocket in")

    def test_what_is_no_app_does_not_hold(self):
        self.refused("502 from the server", Server.answer("", "502 Bad Gateway"))
        self.refused("not a Shiny app's", Server.answer("<h1>hello</h1>"))
        self.refused("websocket answers 404", self.PAGE, lambda _: Server.answer("", "404 Not Found"))
        self.refused(
            "does not speak", self.PAGE, lambda head: accepted(head).replace(b"Accept: ", b"Accept: x")
        )
        self.refused("without opening", self.PAGE, lambda head: accepted(head) + frame("", kind=8))
        self.refused("without opening", self.PAGE, lambda head: accepted(head) + frame("{}"))
        self.refused("in the middle", self.PAGE, lambda head: accepted(head) + b"\x81")


class ShinyServer(Shiny):
    """The gate of a Shiny app behind Shiny Server."""

    GATE = staticmethod(gates_of_apps.shiny_server)

    @staticmethod
    def speaks(*messages):
        """A handshake, and these messages."""
        return lambda head: accepted(head) + b"".join(frame(message) for message in messages)

    def test_a_session_that_opens_holds(self):
        config = "a" + json.dumps(['1#0|m|{"config": {}}'])
        detail = self.ask(self.PAGE, self.speaks("o", "h", 'a["0#0|o|"]', config))
        self.assertRegex(detail, r"^200 in .*; websocket in")

    def test_what_is_no_app_does_not_hold(self):
        self.refused("without opening", self.PAGE, self.speaks("x"))
        self.refused("without opening", self.PAGE, self.speaks("o", 'c[4705,"none left"]'))
        self.refused("without opening", self.PAGE, self.speaks("o", *["h"] * gates_of_apps.SOCKJS_MESSAGES))
        self.refused("without opening", self.PAGE, lambda head: accepted(head) + frame("o") + frame("", kind=8))
        self.refused("Expecting value", self.PAGE, self.speaks("o", "a no list"))
        self.refused("in the middle", self.PAGE, lambda head: accepted(head) + frame("o") + b"\x81")

    def test_an_app_that_does_not_start_is_told_at_once(self):
        page = Server.answer("<h1>The application failed to start</h1>", "500 Internal Server Error")
        with self.assertRaises(Refused) as caught:
            self.ask(page)
        self.assertTrue(caught.exception.is_final)


if __name__ == "__main__":
    unittest.main()
