"""Tests how the agent downloads, from a real HTTP server on this machine: `python3 tests/host/test_downloads.py`."""

import hashlib
import http.server
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "python/agent"))

from agent import downloads, packages
from agent.failure import Failure
from agent.tools import Answer

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, in the ways that the class is told."""

    protocol_version = "HTTP/1.1"
    content = CONTENT
    knows_ranges = True
    # How many answers break off half-way, or are errors.
    breaks = 0
    errors = 0
    asked = []

    def do_GET(self):
        kind = type(self)
        kind.asked.append(self.headers.get("Range"))
        if kind.errors or self.path.startswith("/missing"):
            kind.errors = max(0, kind.errors - 1)
            self.send_error(404 if self.path.startswith("/missing") else 503)
            return
        start = 0
        asked = self.headers.get("Range")
        if asked and kind.knows_ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(kind.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(kind.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(kind.content) - 1}/{len(kind.content)}")
        else:
            self.send_response(200)
        body = kind.content[start:]
        self.send_header("Content-Length", "99999999999" if self.path.startswith("/huge") else str(len(body)))
        self.end_headers()
        if kind.breaks:
            kind.breaks -= 1
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


class Downloads(unittest.TestCase):
    def setUp(self):
        self.kind = type("Kind", (Server,), {"asked": []})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.kind)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/files/tool%2B1.deb?key=1"
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.cache = self.root / downloads.CACHE.lstrip("/")
        self.lines = []
        self.job = SimpleNamespace(
            at=lambda path: self.root / str(path).lstrip("/"), journal=SimpleNamespace(line=self.lines.append)
        )
        pause = mock.patch.object(downloads, "PAUSE_SECONDS", 0.01)
        pause.start()
        self.addCleanup(pause.stop)

    def fetch(self, url=None, digest=DIGEST):
        return downloads.fetch(self.job, url or self.url, digest)

    def refused(self, words, **arguments):
        with self.assertRaises(Failure) as caught:
            self.fetch(**arguments)
        self.assertRegex(caught.exception.what, words)
        self.assertIn("mirrors", caught.exception.help)
        proven = [entry for entry in self.cache.iterdir() if not entry.name.endswith(".part")]
        self.assertEqual(proven, [])
        return caught.exception

    def test_a_file_comes_whole_and_only_once(self):
        place = self.fetch()
        self.assertEqual(place.read_bytes(), CONTENT)
        self.assertEqual(place.name, f"{DIGEST[:16]}-tool+1.deb")
        self.assertEqual(place.stat().st_mode & 0o777, 0o644)
        self.assertEqual(self.cache.stat().st_mode & 0o777, 0o755)
        self.assertEqual(self.fetch(), place)
        self.assertEqual(len(self.kind.asked), 1)

    def test_what_is_damaged_in_the_cache_comes_again(self):
        self.fetch().write_bytes(b"damaged")
        self.assertEqual(self.fetch().read_bytes(), CONTENT)
        self.assertEqual(len(self.kind.asked), 2)

    def test_a_broken_connection_is_taken_up_where_it_ended(self):
        self.kind.breaks = 2
        self.assertEqual(self.fetch().read_bytes(), CONTENT)
        half = len(CONTENT) // 2
        self.assertEqual(self.kind.asked, [None, f"bytes={half}-", f"bytes={half + half // 2}-"])

    def test_what_a_run_left_that_died_is_taken_up(self):
        self.cache.mkdir(parents=True)
        (self.cache / f"{DIGEST[:16]}-tool+1.deb.part").write_bytes(CONTENT[:1000])
        self.assertEqual(self.fetch().read_bytes(), CONTENT)
        self.assertEqual(self.kind.asked, ["bytes=1000-"])

    def test_a_run_that_died_before_it_looked_asks_for_nothing_more(self):
        self.cache.mkdir(parents=True)
        (self.cache / f"{DIGEST[:16]}-tool+1.deb.part").write_bytes(CONTENT)
        self.assertEqual(self.fetch().read_bytes(), CONTENT)

    def test_what_is_left_of_another_file_is_thrown_away(self):
        self.cache.mkdir(parents=True)
        (self.cache / f"{DIGEST[:16]}-tool+1.deb.part").write_bytes(CONTENT + b"more")
        self.assertEqual(self.fetch().read_bytes(), CONTENT)

    def test_a_server_without_ranges_sends_all_of_it_again(self):
        self.kind.breaks, self.kind.knows_ranges = 1, False
        self.assertEqual(self.fetch().read_bytes(), CONTENT)

    def test_another_sum_is_refused_and_nothing_of_it_stays(self):
        failure = self.refused(f"{DIGEST}.*not `{'0' * 64}`", digest="0" * 64)
        self.assertIn("sha256", failure.help)
        self.assertEqual(list(self.cache.iterdir()), [])

    def test_a_page_that_is_missing_is_not_asked_for_again(self):
        self.refused("answers 404", url=self.url.replace("/files/", "/missing/"))
        self.assertEqual(len(self.kind.asked), 1)

    def test_a_server_that_is_busy_is_asked_again(self):
        self.kind.errors = 2
        self.assertEqual(self.fetch().read_bytes(), CONTENT)

    def test_a_server_that_stays_busy_is_a_failure(self):
        self.kind.errors = 99
        self.refused("answers 503")
        self.assertEqual(len(self.kind.asked), downloads.TRIES)

    def test_nobody_there(self):
        self.server.server_close()
        self.server.shutdown()
        self.refused("refused", url="http://127.0.0.1:9/tool.deb")

    def test_an_absurd_size_is_refused_before_it_comes(self):
        self.refused("no package has", url=self.url.replace("/files/", "/huge/"))

    def test_an_empty_file_is_refused(self):
        self.kind.content = b""
        self.refused("is empty")

    def test_old_files_go(self):
        for number in range(9):
            self.kind.content = content = CONTENT + str(number).encode()
            place = self.fetch(digest=hashlib.sha256(content).hexdigest())
        self.assertEqual(len(list(self.cache.iterdir())), downloads.KEPT_FILES)
        self.assertTrue(place.exists())

    def test_a_proven_file_must_still_be_the_package(self):
        for told, words in [
            ("other\namd64", "holds the package `other`, not `tool`"),
            ("tool\narm64", "made for `arm64`, and this server is `amd64`"),
            ("error\nof\ndpkg", "is not a Debian package"),
        ]:
            answers = {"dpkg": Answer(0, "amd64\n"), "dpkg-deb": Answer(0, told)}
            self.job.tools = SimpleNamespace(ask=lambda command, known=answers: known[command[0]])
            self.job.request = {"downloads": [{"package": "tool", "url": self.url, "sha256": DIGEST}]}
            with self.assertRaises(Failure) as caught:
                packages.download(self.job)
            self.assertIn(words, caught.exception.what)


if __name__ == "__main__":
    unittest.main()
