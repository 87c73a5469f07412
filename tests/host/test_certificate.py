"""Tests of the server's certificate program by a clock that the tests turn: `python3 tests/host/test_certificate.py`."""

import importlib.util
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

PROGRAM = Path(__file__).parents[2] / "templates/certificate/certificate.py"
DAY = 24 * 3600
CONFIG = {"mode": "self-signed", "names": ["lab.example.org"], "addresses": [], "directory": None}


def program():
    spec = importlib.util.spec_from_file_location("certificate_program", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock(unittest.TestCase):
    """A clock that jumps, ahead or back, neither locks the server out nor keeps a certificate that nobody takes."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.program = program()
        self.program.SELF_SIGNED = self.folder / "self-signed"
        self.program.STATE = self.folder / "state/failures.json"

    def at(self, days):
        """Turns the clock by so many days."""
        return mock.patch.object(self.program.time, "time", return_value=time.time() + days * DAY)

    def test_a_certificate_is_made_anew_only_when_the_clock_says_that_it_does_not_hold(self):
        make = self.program.ensure_self_signed
        self.assertTrue(make(CONFIG))
        self.assertFalse(make(CONFIG))
        for days, is_made in ((1, False), (790, False), (800, True), (3650, True), (-3650, True)):
            with self.subTest(days=days), self.at(days):
                before = (self.program.SELF_SIGNED / "fullchain.pem").read_bytes()
                self.assertEqual(make(CONFIG), is_made)
                after = (self.program.SELF_SIGNED / "fullchain.pem").read_bytes()
                self.assertEqual(before != after, is_made)
        self.assertEqual((self.program.SELF_SIGNED / "privkey.pem").stat().st_mode & 0o777, 0o600)

    def test_a_failure_that_is_dated_ahead_keeps_nobody_waiting(self):
        config = {**CONFIG, "mode": "acme", "directory": "https://example.org/dir"}
        entry = {"at": time.time(), "detail": "no", "help": "none"}
        self.program.write_failures(config, [entry])
        self.assertEqual(self.program.recent_failures(config), [entry])
        for days in (-3650, -1, 1, 3650):
            with self.subTest(days=days), self.at(days):
                self.assertEqual(self.program.recent_failures(config), [])


if __name__ == "__main__":
    unittest.main()
