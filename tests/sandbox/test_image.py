"""The image of the sandbox's servers, and the program that builds it; needs root, Docker and Debian.

`python3 tests/sandbox/test_image.py [CLASS[.test]]`. Builds the image if it is missing, which takes a minute or two.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python/sandbox"))

from sandbox.engine import COMMON_ARGUMENTS, DOCKER_ARGUMENTS, DOCKER_BOOT, Engine

PROGRAM = Path(__file__).resolve().parent.parent.parent / "src" / "sandbox" / "host" / "image"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
AUTHORITIES = Path("/usr/local/share/ca-certificates")
# What the program uses of a laptop besides bash and the engine; neither mmdebstrap nor debootstrap.
TOOLS = "awk cat chmod cp cut diff find flock grep mkdir mktemp rm sed sha256sum sleep sort tail touch"
# An engine without images. It appends what it is told to a file.
ENGINE = """#!/bin/bash
echo "$*" >>"${{0%/*}}/calls"
case "$1" in
    version) {version} ;;
    pull) {pull} ;;
    *) exit 1 ;;
esac
"""
SERVER = ["--label", "labctl-test", *COMMON_ARGUMENTS, *DOCKER_ARGUMENTS]


def image(*arguments, **options):
    """Runs the program."""
    return subprocess.run(
        ["bash", PROGRAM, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )


class Refusals(unittest.TestCase):
    """What cannot be done is said in a sentence."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for tool in ["bash", *TOOLS.split()]:
            (self.folder / tool).symlink_to(shutil.which(tool))

    def laptop(self, *arguments, version="exit 0", pull="exit 1"):
        """Runs the program where there is nothing but an engine that does as it is told."""
        engine = self.folder / "docker"
        engine.write_text(ENGINE.format(version=version, pull=pull))
        engine.chmod(0o755)
        (self.folder / "temporary").mkdir()
        environment = {"PATH": str(self.folder), "HOME": str(self.folder), "TMPDIR": str(self.folder / "temporary")}
        outcome = image(*arguments, env=environment)
        self.assertEqual(list((self.folder / "temporary").iterdir()), [], "temporary files were left behind")
        return outcome

    def refused(self, outcome, *sentences):
        self.assertEqual((outcome.stderr.splitlines(), outcome.stdout, outcome.returncode), ([*sentences], "", 1))

    def test_arguments(self):
        cases = {
            "--engine lxc": "the engine must be `docker` or `podman`, not `lxc`",
            "--release 24.04": "the engine must be `docker` or `podman`, not ``",
            "--engine docker --release 20.04": "there is no image of Ubuntu `20.04`: 22.04, 24.04 or 26.04",
            "--engine docker --from tape": "an image comes from `registry` or `debootstrap`, not `tape`",
            "--engine": "`--engine` takes a value",
            "--color red": "there is no option `--color`",
        }
        for arguments, sentence in cases.items():
            with self.subTest(arguments):
                self.refused(image(*arguments.split()), sentence)

    def test_no_engine(self):
        outcome = self.laptop("--engine", "podman")
        self.refused(outcome, "`podman` is not installed")

    def test_engine_that_does_not_answer(self):
        outcome = self.laptop("--engine", "docker", version="echo Cannot connect to the daemon. >&2; exit 1")
        self.refused(outcome, "`docker` does not answer: Cannot connect to the daemon")

    def test_neither_registry_nor_debootstrap(self):
        outcome = self.laptop("--engine", "docker", pull="echo Error response from daemon: no such host >&2; exit 1")
        self.refused(
            outcome,
            "downloading ubuntu:24.04",
            "docker.io does not give `ubuntu:24.04`: no such host",
            "please install `mmdebstrap` and `debian-archive-keyring`, which make servers without docker.io",
        )
        self.assertNotIn("build", (self.folder / "calls").read_text())

    def test_registry_that_does_not_answer(self):
        start = time.monotonic()
        outcome = self.laptop("--engine", "docker", "--from", "registry", pull="exec sleep 60")
        self.assertLess(time.monotonic() - start, 15)
        self.refused(outcome, "downloading ubuntu:24.04", "docker.io does not give `ubuntu:24.04`: no answer")


class Servers(unittest.TestCase):
    """Two servers of the image."""

    @classmethod
    def setUpClass(cls):
        outcome = image("--engine", "docker", "--from", "debootstrap")
        if outcome.returncode:
            raise AssertionError(outcome.stderr)
        cls.tag = outcome.stdout.strip()
        cls.servers = [cls.start(f"labctl-test-image-{os.getpid()}-{number}") for number in range(2)]
        for server in cls.servers:
            cls.wait_for(server)

    @classmethod
    def start(cls, name):
        cls.addClassCleanup(subprocess.run, ["docker", "rm", "--force", "--volumes", name], capture_output=True)
        subprocess.run(
            ["docker", "run", "--detach", "--name", name, *SERVER, cls.tag, "/bin/sh", "-c", DOCKER_BOOT], check=True, capture_output=True
        )
        return name

    @staticmethod
    def run_on(server, command, user="root"):
        return subprocess.run(
            ["docker", "exec", "--user", user, server, "sh", "-c", command], capture_output=True, text=True
        )

    def shell(self, server, command, user="root"):
        outcome = self.run_on(server, command, user)
        self.assertEqual(outcome.returncode, 0, outcome.stderr + outcome.stdout)
        return outcome.stdout.strip()

    @classmethod
    def wait_for(cls, server):
        """Waits until all that starts with the server has started."""
        deadline = time.monotonic() + 60
        while cls.run_on(server, "systemctl is-system-running").stdout.strip() not in ("running", "degraded"):
            if time.monotonic() > deadline:
                raise AssertionError(f"systemd in {server} did not come up")
            time.sleep(0.1)

    def test_a_second_run_is_quick_and_silent(self):
        self.assertRegex(self.tag, "^labctl-sandbox-host:[0-9a-f]{16}$")
        start = time.monotonic()
        outcome = image("--engine", "docker", "--from", "debootstrap")
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual((outcome.stdout, outcome.stderr), (f"{self.tag}\n", ""))

    def test_the_user(self):
        server = self.servers[0]
        self.assertEqual(self.shell(server, "sudo --non-interactive id -un", user="ubuntu"), "root")
        self.assertEqual(self.shell(server, "id -nG ubuntu"), "ubuntu adm sudo dip")
        self.assertEqual(self.shell(server, "stat -c '%a %U' /etc/sudoers.d/90-cloud-init-users"), "440 root")

    def test_host_keys_are_each_servers_own(self):
        keys = [self.shell(server, "cat /etc/ssh/ssh_host_ed25519_key.pub") for server in self.servers]
        self.assertNotEqual(*keys)
        listed = subprocess.run(
            ["docker", "run", "--rm", "--label", "labctl-test", self.tag]
            + ["sh", "-c", "ls /etc/ssh; cat /etc/machine-id"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertNotIn("ssh_host", listed.stdout)
        self.assertIsNone(re.search("^[0-9a-f]{32}$", listed.stdout, re.MULTILINE), "the image has a machine's name")

    def test_sshd_takes_keys(self):
        server = self.servers[0]
        self.shell(
            server,
            "cd; umask 077; mkdir -p .ssh; ssh-keygen -q -t ed25519 -N '' -f .ssh/key;"
            " cp .ssh/key.pub .ssh/authorized_keys",
            user="ubuntu",
        )
        login = "cd; ssh -o BatchMode=yes -o StrictHostKeyChecking=no -i .ssh/key localhost hostname"
        self.assertEqual(self.shell(server, login, user="ubuntu"), self.shell(server, "hostname"))

    def test_nothing_happens_by_itself(self):
        timers = self.shell(self.servers[0], "systemctl list-timers --all --no-legend")
        self.assertNotIn("apt-daily", timers)
        self.assertEqual(self.shell(self.servers[0], "cloud-init status || true"), "status: disabled")
        # Packages that are installed later start their services.
        self.assertNotEqual(self.run_on(self.servers[0], "test -e /usr/sbin/policy-rc.d").returncode, 0)

    def test_nothing_of_labctls_is_installed(self):
        for package in "nginx", "certbot", "nftables", "python3-venv", "unattended-upgrades":
            self.assertNotEqual(self.run_on(self.servers[0], f"dpkg -s {package}").returncode, 0, package)

    def verified(self, certificate):
        """Says whether a server trusts a certificate."""
        outcome = subprocess.run(
            ["docker", "exec", "--interactive", self.servers[0], "openssl", "verify", "-CAfile", BUNDLE],
            input=certificate,
            capture_output=True,
        )
        return outcome.returncode == 0

    def test_the_laptops_own_authorities_are_trusted(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
                + ["/CN=stranger", "-keyout", f"{folder}/key", "-out", f"{folder}/certificate"],
                check=True,
                capture_output=True,
            )
            self.assertFalse(self.verified(Path(folder, "certificate").read_bytes()))
        certificates = sorted(AUTHORITIES.rglob("*.crt"))
        if not certificates:
            self.skipTest("this machine has no authorities of its own")
        for certificate in certificates:
            self.assertTrue(self.verified(certificate.read_bytes()), certificate)


class Passwords(unittest.TestCase):
    """What the laptop's package managers know of passwords."""

    def test_no_image_has_them_and_servers_do(self):
        secret = f"s3cret-{os.getpid()}"
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / ".pip").mkdir()
        (folder / ".pip/pip.conf").write_text(f"[global]\nindex-url = https://me:{secret}@pypi.example/simple\nproxy = me:{secret}@p.example:1\n")
        (folder / ".npmrc").write_text(f"registry=https://me:{secret}@npm.example/\n")
        # The base is a server that is there already: an image of that name is Ubuntu's for who builds.
        base = image("--engine", "docker", "--from", "debootstrap").stdout.strip()
        stand_in = "docker.io/library/ubuntu:26.04"
        subprocess.run(["docker", "tag", base, stand_in], check=True)
        self.addCleanup(subprocess.run, ["docker", "image", "rm", stand_in], capture_output=True)
        environment = {**os.environ, "HOME": str(folder), "NPM_CONFIG_REGISTRY": f"https://me:{secret}%20@npm.example/"}
        options = ["--engine", "docker", "--from", "registry", "--release", "26.04", "--settings", folder / "settings"]
        outcome = image(*options, env=environment)
        tag = outcome.stdout.strip()
        self.assertRegex(tag, "^labctl-sandbox-host:", outcome.stderr)
        self.addCleanup(subprocess.run, ["docker", "image", "rm", "--force", tag], capture_output=True)
        self.no_trace(secret, tag)
        self.assertNotIn(secret, outcome.stderr)

        engine = Engine("docker", f"test-{os.getpid()}", folder)
        engine.settings = folder / "settings/root"
        self.addCleanup(engine.remove_network)
        self.addCleanup(engine.remove, engine.name("i-1"))
        engine.create("i-1", "server", tag, [])
        engine.start("i-1")
        self.assertEqual(engine.execute("i-1", "cat", "/etc/pip.conf").count(secret), 2)
        self.assertIn(secret, engine.execute("i-1", "cat", "/root/.npmrc"))
        self.assertIn(f"{secret}%20", engine.execute("i-1", "cat", "/etc/environment"))
        self.assertIn(f"{secret}%%20", engine.execute("i-1", "cat", "/etc/systemd/system.conf.d/laptop.conf"))
        engine.keep_disk("i-1")
        self.addCleanup(engine.remove_disk, "i-1")
        self.no_trace(secret, engine.image_of("i-1"))

        # Another password makes no other image, and comes to the files that are mounted.
        environment["NPM_CONFIG_REGISTRY"] = environment["NPM_CONFIG_REGISTRY"].replace(secret, "other")
        self.assertEqual(image(*options, env=environment).stdout.strip(), tag)
        self.assertIn("other%20", engine.execute("i-1", "cat", "/etc/environment"))
        self.assertEqual((folder / "settings").stat().st_mode & 0o777, 0o700)

    def no_trace(self, secret, tag):
        """Neither the history of an image, nor its configuration, nor any file of any layer has it."""
        for question in (["history", "--no-trunc", tag], ["image", "inspect", tag]):
            self.assertNotIn(secret, subprocess.check_output(["docker", *question], text=True))
        saved = subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE)
        found = subprocess.run(["grep", "--binary-files=text", "--count", secret], stdin=saved.stdout, capture_output=True, text=True)
        saved.stdout.close()
        self.assertEqual((saved.wait(), found.stdout), (0, "0\n"))


if __name__ == "__main__":
    unittest.main()
