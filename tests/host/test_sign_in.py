"""Tests of how JupyterHub slows down who guesses passwords, by a clock that the tests turn."""

import importlib.util
import unittest
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "templates/jupyterhub/labctl_sign_in.py"
CLASSROOM = "192.0.2.7"
HOME = "198.51.100.1"


def program():
    spec = importlib.util.spec_from_file_location("labctl_sign_in", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Waiting(unittest.TestCase):
    """Who guesses waits longer and longer, and nobody else does."""

    def setUp(self):
        self.program = program()
        self.time = 1000.0
        self.failures = self.program.Failures(lambda: self.time)

    def fail(self, times, name="alice", address=CLASSROOM):
        """Guesses so often, each time as early as possible; gives the waits."""
        waits = []
        for _ in range(times):
            wait = self.failures.begin(name, address)
            waits.append(wait)
            self.time += wait
            if wait:
                self.assertEqual(self.failures.begin(name, address), 0)
        return waits

    def test_the_first_failures_are_free_and_the_next_ones_wait_twice_as_long_each(self):
        self.assertEqual(self.fail(13), [0, 0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 300, 300])

    def test_many_attempts_at_once_are_as_many_as_one_after_the_other(self):
        begun = [self.failures.begin("alice", CLASSROOM) for _ in range(50)]
        self.assertEqual(begun.count(0), self.program.FREE)

    def test_nobody_waits_for_failures_from_elsewhere_or_with_another_name(self):
        self.fail(20)
        self.assertEqual(self.failures.begin("alice", HOME), 0)
        for number in range(40):
            self.assertEqual(self.failures.begin(f"student{number}", CLASSROOM), 0)

    def test_a_right_password_and_an_hour_forget(self):
        self.fail(4)
        self.failures.succeed("alice", CLASSROOM)
        self.assertEqual(len(self.failures), 0)
        self.assertEqual(self.fail(5), [0] * 5)
        self.time += self.program.MEMORY + 1
        self.assertEqual(self.fail(6), [0, 0, 0, 0, 0, 5])

    def test_a_refused_attempt_does_not_make_the_wait_longer(self):
        self.fail(5)
        for _ in range(100):
            self.assertEqual(self.failures.begin("alice", CLASSROOM), 5)

    def test_memory_is_bounded_and_keeps_the_latest(self):
        for number in range(3 * self.program.PAIRS):
            self.failures.begin(f"name{number}" * 1000, CLASSROOM)
        self.assertEqual(len(self.failures), self.program.PAIRS)
        self.assertTrue(all(len(name) <= self.program.LETTERS for name, _ in self.failures._pairs))
        self.fail(5)
        self.assertEqual(self.failures.begin("alice", CLASSROOM), 5)

    def test_a_failure_without_end_has_a_wait(self):
        self.assertEqual(self.program.wait_after(10**9), self.program.LONGEST_WAIT)


class Networks(unittest.TestCase):
    """A customer's addresses count as one."""

    def test_of_ipv6_the_first_half_counts(self):
        network_of = program().network_of
        self.assertEqual(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:2:ffff::9"))
        self.assertNotEqual(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"))
        for same, of in ((CLASSROOM, CLASSROOM), (CLASSROOM, f"::ffff:{CLASSROOM}"), ("nonsense", "nonsense")):
            self.assertEqual(network_of(of), same)


if __name__ == "__main__":
    unittest.main()
