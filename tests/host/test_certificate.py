"""Tests of the server's certificate program by a clock that the tests turn: `python3 tests/host/test_certificate.py`."""

import importlib.util
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

PROGRAM = Path(__file__).parents[2] / "templates/certificate/certificate.py"
DAY = 24 * 3600
CONFIG = {"mode": "self-signed", "names": ["lab.example.org"], "directory": None}


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

    def test_half_a_certificate_of_a_full_disk_replaces_no_whole_one(self):
        self.program.ensure_self_signed(CONFIG)
        files = [self.program.SELF_SIGNED / name for name in ("fullchain.pem", "privkey.pem")]
        before = [file.read_bytes() for file in files]
        run = self.program.run

        def on_full_disk(command, *arguments, **named):
            done = run(command, *arguments, **named)
            if "req" in command:
                chain = Path(command[command.index("-out") + 1])
                chain.write_bytes(chain.read_bytes()[:100])
            return done

        other = {**CONFIG, "names": ["other.example.org"]}
        with mock.patch.object(self.program, "run", on_full_disk), self.assertRaises(self.program.Problem):
            self.program.ensure_self_signed(other)
        self.assertEqual([file.read_bytes() for file in files], before)
        self.assertTrue(self.program.ensure_self_signed(other))

    def test_a_failure_that_is_dated_ahead_keeps_nobody_waiting(self):
        config = {**CONFIG, "mode": "lets-encrypt", "directory": "https://example.org/dir"}
        entry = {"at": time.time(), "detail": "no", "help": "none"}
        self.program.write_failures(config, [entry])
        self.assertEqual(self.program.recent_failures(config), [entry])
        for days in (-3650, -1, 1, 3650):
            with self.subTest(days=days), self.at(days):
                self.assertEqual(self.program.recent_failures(config), [])


class Names(unittest.TestCase):
    """Where a name leads decides whether the authority is asked."""

    CONFIG = {"mode": "dns", "names": ["*.example.org"], "resolvers": [], "directory": None}

    def problem(self, found, **settings):
        module, asked = program(), []

        def look_up(name, _resolvers):
            asked.append(name)
            return found

        module.public_addresses = look_up
        config = {**self.CONFIG, **settings}
        problem = module.name_problem(config["names"][0], {"198.18.0.7"}, config)
        return asked, problem

    def test_a_wildcard_is_looked_up_as_some_name_below_it(self):
        asked, problem = self.problem(set())
        self.assertEqual(asked, ["labctl-any.example.org"])
        self.assertEqual(problem, "`*.example.org` does not resolve yet")

    def test_the_seller_of_a_domain_is_told_from_a_network_of_ones_own(self):
        self.assertIsNone(self.problem({"10.0.0.5"})[1])
        self.assertIn("resolves to 8.8.8.8", self.problem({"8.8.8.8"})[1])
        self.assertIn("resolves to 10.0.0.5", self.problem({"10.0.0.5"}, mode="lets-encrypt")[1])


class Own(unittest.TestCase):
    """Where this server is, is asked of EC2 each time, and written down nowhere."""

    def own(self, answers):
        module = program()

        def ask(path, method, headers):
            self.assertEqual(method, "PUT" if path == "api/token" else "GET")
            if path != "api/token":
                self.assertEqual(headers, {"X-aws-ec2-metadata-token": "secret"})
            answer = answers.get(path.removeprefix("meta-data/"), OSError("404"))
            if isinstance(answer, Exception):
                raise answer
            return answer

        module.ask_metadata = ask
        return module.own_addresses()

    def test_the_addresses_are_those_that_ec2_tells(self):
        self.assertEqual(self.own({"api/token": "secret", "public-ipv4": "198.18.0.7"}), {"198.18.0.7"})
        both = {"api/token": "secret", "public-ipv4": "198.18.0.7", "ipv6": "2001:DB8::7"}
        self.assertEqual(self.own(both), {"198.18.0.7", "2001:db8::7"})

    def test_nothing_is_known_where_nobody_tells_or_what_is_told_is_no_address(self):
        self.assertEqual(self.own({}), set())
        self.assertEqual(self.own({"api/token": "secret", "public-ipv4": "<html>"}), set())

    def test_a_certificate_without_names_does_not_name_the_address(self):
        module = program()
        with tempfile.TemporaryDirectory() as folder:
            module.SELF_SIGNED = Path(folder) / "self-signed"
            module.ensure_self_signed({**CONFIG, "names": []})
            self.assertEqual(module.read_certificate(module.SELF_SIGNED).names, {"localhost"})


class Source(unittest.TestCase):
    """A certificate whose renewals go another way than the plan's is asked for anew."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program = program()
        self.program.LETS_ENCRYPT = Path(folder.name)
        (Path(folder.name) / "renewal").mkdir()
        self.config = {**CONFIG, "mode": "dns", "certificate_name": "lab", "names": ["lab.example.org"]}
        now = time.time()
        self.live = self.program.Certificate(frozenset(self.config["names"]), now - DAY, now + DAY)

    def renewed_by(self, authenticator):
        text = f"[renewalparams]\nserver = {self.program.PUBLIC_DIRECTORY}\nauthenticator = {authenticator}\n"
        (self.program.LETS_ENCRYPT / "renewal/lab.conf").write_text(text)

    def test_the_way_of_the_renewals_counts(self):
        self.assertFalse(self.program.holds(self.live, self.config))
        self.renewed_by("webroot")
        self.assertFalse(self.program.holds(self.live, self.config))
        self.assertTrue(self.program.holds(self.live, {**self.config, "mode": "lets-encrypt"}))
        self.renewed_by("dns-route53")
        self.assertTrue(self.program.holds(self.live, self.config))

    def test_certbot_is_told_to_replace_what_goes_another_way(self):
        commands = []

        def run(command, seconds):
            commands.append(command)
            return mock.Mock(returncode=0, stdout="", stderr="")

        self.program.run = run
        for authenticator, word in (("webroot", "--force-renewal"), ("dns-route53", "--keep-until-expiring")):
            self.renewed_by(authenticator)
            self.program.call_certbot(self.config)
            self.assertIn(word, commands[-1])
            self.assertIn("--dns-route53", commands[-1])
            self.assertNotIn("--webroot", commands[-1])


if __name__ == "__main__":
    unittest.main()
