"""Tests of the sandbox's process, from outside: boto3, ssh and docker. Run by scripts/test, as root."""

import base64
import datetime
import functools
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from unittest import mock

import boto3
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from support import ROOT, Sandbox, answered, docker, is_alive, wait_until

sys.path.insert(0, str(ROOT / "python/sandbox"))

from sandbox import authority, engine, files, servers, state, storage, strict  # before moto, whose settings it makes
from moto.backends import get_backend

TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


@functools.cache
def image():
    """The image of the servers, made when it is first asked for: it takes minutes."""
    return subprocess.check_output([ROOT / "tests/host/image"], text=True).strip()


class WithoutServersTest(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox().up()
        self.addCleanup(self.sandbox.end)

    def test_everything_is_there_again_after_a_kill(self):
        box = self.sandbox
        s3, dns, iam = box.client("s3"), box.client("route53"), box.client("iam")
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        first = s3.put_object(Bucket="kept", Key="a", Body=b"first")["VersionId"]
        s3.put_object(Bucket="kept", Key="a", Body=b"second")
        zone = dns.create_hosted_zone(Name="example.org", CallerReference="1")["HostedZone"]["Id"]
        change_records(dns, zone, ("CREATE", "lab.example.org", "A", "198.18.0.1"))
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])
        box.client("ec2").create_key_pair(KeyName="k")
        box.client("ssm").put_parameter(Name="p", Value="v", Type="String")
        instance = box.run_instance(ClientToken="once", KeyName="k")
        port = box.known["port"]
        # On a busy machine the last change is saved a moment later.
        wait_until("the state", lambda: b"once" in (box.folder / "aws.pickle").read_bytes())
        box.kill()
        box.up()
        self.assertEqual(box.known["port"], port)
        s3, dns, iam = box.client("s3"), box.client("route53"), box.client("iam")
        self.assertEqual(s3.get_object(Bucket="kept", Key="a")["Body"].read(), b"second")
        self.assertEqual(s3.get_object(Bucket="kept", Key="a", VersionId=first)["Body"].read(), b"first")
        names = [record["Name"] for record in dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]]
        self.assertIn("lab.example.org.", names)
        self.assertEqual(iam.get_role(RoleName="reader")["Role"]["Tags"], [{"Key": "a", "Value": "b"}])
        self.assertEqual(box.client("ec2").describe_key_pairs()["KeyPairs"][0]["KeyName"], "k")
        self.assertEqual(box.client("ssm").get_parameter(Name="p")["Parameter"]["Value"], "v")
        self.assertEqual(box.run_instance(ClientToken="once", KeyName="k"), instance)
        with self.assertRaises(ClientError):
            dns.create_hosted_zone(Name="example.org", CallerReference="1")
        self.assertEqual(box.client("sts").get_caller_identity()["Account"], "123456789012")

    def test_states_move_at_once(self):
        ec2, instance = self.sandbox.client("ec2"), self.sandbox.run_instance()
        self.assertEqual(self.sandbox.state(instance), "running")
        ec2.stop_instances(InstanceIds=[instance])
        self.assertEqual(self.sandbox.state(instance), "stopped")
        ec2.terminate_instances(InstanceIds=[instance])
        self.assertEqual(self.sandbox.state(instance), "terminated")
        status = self.sandbox.ask("repair", {})
        self.assertEqual((status["engine"], status["engine_problem"], status["machines"]), (None, None, []))

    def test_web_pages_and_strangers_are_refused(self):
        box = self.sandbox
        for path in ("health", "status"):
            self.assertEqual(box.code(f"/labctl-sandbox/{path}"), 403)
        self.assertEqual(box.code("/labctl-sandbox/shutdown", "POST", **{"X-Labctl-Sandbox": "guessed"}), 403)
        token = {"X-Labctl-Sandbox": box.known["token"]}
        self.assertEqual(box.code("/labctl-sandbox/status", **token), 200)
        for sign in ({"Origin": "https://example.org"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "example.org"}):
            self.assertEqual(box.code("/labctl-sandbox/status", **token, **sign), 403)
            self.assertEqual(box.code("/", **sign), 403)

    def test_keys_stay_with_the_account(self):
        box = self.sandbox
        keys = box.known["access_key"], box.known["secret_key"]
        self.assertRegex(keys[0], "^AKIA[A-Z2-7]{16}$")
        self.assertGreaterEqual(len(keys[1]), 40)
        box.kill()
        box.up()
        self.assertEqual((box.known["access_key"], box.known["secret_key"]), keys)
        settings = {"AWS_ENDPOINT_URL": box.url, "AWS_SHARED_CREDENTIALS_FILE": str(box.folder / "aws-credentials"), "AWS_DEFAULT_REGION": "us-east-1"}
        program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
        self.assertEqual(subprocess.check_output([sys.executable, "-c", program], env=settings, text=True), "123456789012\n")
        other = Sandbox().up()
        self.addCleanup(other.end)
        self.assertNotEqual(other.known["secret_key"], keys[1])
        self.assertEqual(refused(other, "sts", aws_access_key_id=keys[0], aws_secret_access_key=keys[1]), "InvalidClientTokenId")

    def test_a_broken_state_is_set_aside(self):
        box = self.sandbox
        box.client("s3").create_bucket(Bucket="lost")
        box.kill()
        (box.folder / "aws.pickle").write_bytes(b"not a pickle")
        box.up()
        self.assertEqual(box.client("s3").list_buckets()["Buckets"], [])
        (problem,) = box.ask("status")["problems"]
        self.assertIn("aws.pickle.broken", problem)
        self.assertEqual((box.folder / "aws.pickle.broken").read_bytes(), b"not a pickle")

    def test_without_an_engine_the_instance_says_so(self):
        path = {**os.environ, "PATH": str(self.sandbox.folder)}
        box = Sandbox("podman", "some/image:1").up(env=path)
        self.addCleanup(box.end)
        identity = box.run_instance()
        box.wait_for(identity, "terminated")
        self.assertIn("cannot run podman", box.instance(identity)["StateReason"]["Message"])
        status = box.ask("repair", {})
        self.assertIn("cannot run podman", status["engine_problem"])
        self.assertIsNone(status["engine"])

    def test_a_state_that_cannot_be_written_is_told(self):
        box = self.sandbox
        (box.folder / "aws.pickle.part").mkdir()
        box.client("s3").create_bucket(Bucket="unkept")
        # On a busy machine a change is saved a moment later.
        (problem,) = wait_until("the problem", lambda: box.ask("status")["problems"])
        self.assertIn("could not be written", problem)
        (box.folder / "aws.pickle.part").rmdir()
        box.client("s3").create_bucket(Bucket="kept")
        wait_until("the state is written", lambda: not box.ask("status")["problems"])

    def test_there_is_one_for_each_lab(self):
        second = subprocess.run(self.sandbox.command("serve", "--program", "test"), capture_output=True, text=True, check=False)
        self.assertEqual((second.returncode, len(second.stderr.splitlines())), (3, 1))
        cleaning = subprocess.run(self.sandbox.command("clean"), capture_output=True, text=True, check=False)
        self.assertEqual(cleaning.returncode, 3)

    def test_files_are_the_owners_and_go_with_the_lab(self):
        box = self.sandbox
        box.run_instance()
        modes = {path.name: path.stat().st_mode & 0o777 for path in box.folder.iterdir() if path.name != "log"}
        self.assertEqual(modes, dict.fromkeys(("aws-credentials", "aws.pickle", "lock", "process.json", "settings.json"), 0o600))
        box.process.terminate()
        self.assertEqual(box.process.wait(timeout=20), 0)
        self.assertFalse((box.folder / "process.json").exists())
        box.clean("--forget")
        self.assertEqual([path.name for path in box.folder.iterdir()], ["log"])


class WithServersTest(unittest.TestCase):
    """One sandbox for all; each test has an instance of its own."""

    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox("docker", image()).up()
        cls.addClassCleanup(cls.box.end)
        cls.ec2 = cls.box.client("ec2")
        keys = tempfile.TemporaryDirectory()
        cls.addClassCleanup(keys.cleanup)
        cls.key = Path(keys.name, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", cls.key], check=True)
        cls.ec2.import_key_pair(KeyName="k", PublicKeyMaterial=cls.key.with_name("key.pub").read_bytes())
        cls.box.ask("settings", {"authority": True})

    def running(self, **more):
        identity = self.box.run_instance(KeyName="k", **more)
        self.assertEqual(self.box.state(identity), "pending")
        self.box.wait_for(identity, "running")
        return identity

    def ssh(self, identity, command):
        """Runs a command by ssh, trusting the keys of the console only."""
        place, hosts = self.box.machine(identity)["ssh"], self.key.with_name("known")
        console = self.ec2.get_console_output(InstanceId=identity)["Output"].splitlines()
        keys = console[console.index("-----BEGIN SSH HOST KEY KEYS-----") + 1 : console.index("-----END SSH HOST KEY KEYS-----")]
        hosts.write_text("".join(f"[{place['address']}]:{place['port']} {key}\n" for key in keys))
        options = ["-o", f"UserKnownHostsFile={hosts}", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]
        where = ["-i", self.key, "-p", str(place["port"]), f"ubuntu@{place['address']}"]
        return subprocess.check_output(["ssh", "-F", "none", *options, *where, command], text=True).strip()

    def test_a_server_follows_its_instance(self):
        identity = self.running()
        address = self.box.instance(identity)["PrivateIpAddress"].replace(".", "-")
        self.assertEqual(self.ssh(identity, "whoami; hostname"), f"ubuntu\nip-{address}")
        boot = self.started(identity)
        self.ec2.reboot_instances(InstanceIds=[identity])
        wait_until("the reboot", lambda: self.started(identity) != boot)
        self.box.ask("repair", {})
        self.assertEqual(self.box.state(identity), "running")
        site = {"names": ["lab.example.org"], "https": True, "by_authority": False}
        self.assertIsNone(self.box.machine(identity)["site"])
        self.box.ask("site", {"instance": identity, "site": site})
        self.ec2.stop_instances(InstanceIds=[identity])
        self.assertEqual(self.box.state(identity), "stopping")
        self.box.wait_for(identity, "stopped")
        self.assertFalse(self.is_running(identity))
        self.ec2.start_instances(InstanceIds=[identity])
        self.box.wait_for(identity, "running")
        self.assertEqual(self.ssh(identity, "whoami"), "ubuntu")
        self.assertEqual(self.box.machine(identity)["site"], site)
        self.ec2.terminate_instances(InstanceIds=[identity])
        self.assertEqual(self.box.state(identity), "shutting-down")
        self.box.wait_for(identity, "terminated")
        self.assertEqual(docker("ps", "--all", "--quiet", "--filter", f"name={self.box.container(identity)}"), "")
        for refused, code in (({"instance": identity, "site": site}, 404), ({"instance": identity}, 400), ([], 400)):
            with self.assertRaises(urllib.error.HTTPError) as problem:
                self.box.ask("site", refused)
            self.assertEqual(problem.exception.code, code)
            problem.exception.close()

    def test_a_server_that_ends_by_itself(self):
        killed, off, again = (self.box.run_instance(KeyName="k") for _ in range(3))
        for identity in (killed, off, again):
            self.box.wait_for(identity, "running")
        boots = {identity: self.started(identity) for identity in (killed, again)}
        time.sleep(2.5)  # the sandbox has seen them run
        docker("kill", self.box.container(killed))
        docker("exec", self.box.container(off), "systemctl", "--no-block", "poweroff")
        docker("exec", self.box.container(again), "systemctl", "--no-block", "reboot")
        self.box.wait_for(off, "stopped")
        for identity in (killed, again):
            wait_until("another start", lambda identity=identity: self.started(identity) != boots[identity])
        self.box.ask("repair", {})
        for identity in (killed, again):
            self.assertEqual((self.box.state(identity), self.ssh(identity, "whoami")), ("running", "ubuntu"))
        self.assertEqual(self.box.instance(off)["StateReason"]["Code"], "Client.InstanceInitiatedShutdown")
        self.ec2.start_instances(InstanceIds=[off])
        self.box.wait_for(off, "running")

    def test_a_server_whose_port_was_taken_gets_another_and_keeps_its_disk(self):
        identity = self.running()
        place = self.box.machine(identity)
        docker("exec", self.box.container(identity), "sh", "-c", "echo kept >/root/note")
        self.ec2.stop_instances(InstanceIds=[identity])
        self.box.wait_for(identity, "stopped")
        with self.assertRaises(ClientError):
            self.ec2.reboot_instances(InstanceIds=[identity])
        with socket.create_server((place["ssh"]["address"], place["ssh"]["port"])):
            self.ec2.start_instances(InstanceIds=[identity])
            self.box.wait_for(identity, "running")
        self.assertNotEqual(self.box.machine(identity)["ssh"], place["ssh"])
        self.assertEqual(self.box.machine(identity)["https"], place["https"])
        self.assertEqual(self.ssh(identity, "sudo cat /root/note"), "kept")

    def test_a_server_that_cannot_be_made(self):
        self.box.ask("settings", {"image": "labctl-sandbox-test/none:such"})
        self.addCleanup(self.box.ask, "settings", {"image": image()})
        identity = self.box.run_instance()
        self.box.wait_for(identity, "terminated")
        reason = self.box.instance(identity)["StateReason"]
        self.assertEqual(reason["Code"], "Server.InternalError")
        self.assertRegex(reason["Message"], "^Server.InternalError: .*labctl-sandbox-test/none")

    def test_an_authority_issues_for_the_names_of_the_lab(self):
        identity = self.running()
        address = self.ec2.allocate_address(Domain="vpc")
        self.ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=identity)
        dns = self.box.client("route53")
        zone = dns.create_hosted_zone(Name="example.org", CallerReference="1")["HostedZone"]["Id"]
        lab, www = ("CREATE", "lab.example.org", "A", address["PublicIp"]), ("CREATE", "www.example.org", "CNAME", "lab.example.org")
        change_records(dns, zone, lab, www, ("CREATE", "other.example.org", "A", "192.0.2.1"))
        status = self.box.ask("repair", {})
        self.assertEqual(status["names"], {"lab.example.org": identity, "www.example.org": identity})
        self.assertIsNone(status["authority_problem"])
        self.assertEqual(self.ssh(identity, "getent ahostsv4 www.example.org").split()[0], address["PublicIp"])
        get = "sudo certbot certonly --quiet --standalone --non-interactive --agree-tos --register-unsafely-without-email"
        install = "sudo DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends certbot >/dev/null 2>&1"
        server, name = status["authority"]["directory"], "-d lab.example.org -d www.example.org"
        self.ssh(identity, f"{install}; {get} --server {server} {name}")
        chain = self.ssh(identity, "sudo cat /etc/letsencrypt/live/lab.example.org/fullchain.pem")
        path = self.key.with_name("chain.pem")
        path.write_text(chain)
        subprocess.run(["openssl", "verify", "-CAfile", status["authority"]["root"], "-untrusted", path, path], check=True, stdout=subprocess.DEVNULL)

    def test_an_authority_of_which_a_part_ends_is_there_again_at_the_next_look(self):
        self.running()
        self.assertIsNotNone(self.box.ask("repair", {})["authority"])
        for _ in range(2):  # the second time soon after a start
            _, *children = self.box.processes()
            names = next(pid for pid in children if "pebble-challtestsrv" in Path(f"/proc/{pid}/cmdline").read_text())
            os.kill(names, signal.SIGKILL)
            wait_until("its end", lambda pid=names: not is_alive(pid))
            status = self.box.ask("repair", {})
            self.assertIsNotNone(status["authority"], status["authority_problem"])
            self.assertEqual([is_alive(pid) for pid in self.box.processes()], [True, True, True])

    def test_a_server_reaches_the_buckets_and_nothing_else(self):
        identity = self.running()
        self.box.client("s3").create_bucket(Bucket="penguins")
        self.box.client("s3").put_object(Bucket="penguins", Key="model/a", Body=b"of the laptop")
        self.assertEqual(self.asked_from(identity, "penguins/model/a"), "of the laptop 200")
        self.assertEqual(self.asked_from(identity, "penguins/b", "--request PUT --header content-type:text/plain --data-binary there"), "200")
        self.assertEqual(self.box.client("s3").get_object(Bucket="penguins", Key="b")["Body"].read(), b"there")
        for refused, service in (("?Action=RunInstances", "ec2"), ("moto-api/reset", "s3"), ("labctl-sandbox/status", "iam"), ("?Action=GetSessionToken", "sts")):
            said = self.asked_from(identity, refused, "--request POST", service)
            self.assertRegex(said, "reaches S3 and nothing else.* 403$", refused)
        for header in ("Origin: http://elsewhere.example", "Host: elsewhere.example"):
            said = self.asked_from(identity, "penguins/model/a", f"--header '{header}'")
            self.assertRegex(said, " 403$", header)
        for wrong, code in (("AWS_SESSION_TOKEN", "InvalidToken"), ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId")):
            said = self.asked_from(identity, "penguins/model/a", before=f"{wrong}=other; ")
            self.assertRegex(said, f"<Code>{code}</Code>.* 40[03]$", wrong)
        mode = docker("exec", self.box.container(identity), "stat", "-c", "%a %U", "/etc/labctl/aws.env")
        self.assertEqual(mode, "600 root")
        self.the_servers_key_is_for_s3_alone(identity)
        docker("exec", self.box.container(identity), "sh", "-c", "echo MINE=1 >/etc/labctl/aws.env")
        self.box.ask("repair", {})
        self.assertEqual(docker("exec", self.box.container(identity), "cat", "/etc/labctl/aws.env"), "MINE=1")

    def the_servers_key_is_for_s3_alone(self, identity):
        """What a server has opens nothing where the laptop's clients ask."""
        text = docker("exec", self.box.container(identity), "cat", "/etc/labctl/aws.env")
        key = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        key = {name: key[name.upper()] for name in names}
        self.assertEqual(refused(self.box, "ec2", **key), "AuthFailure")
        self.assertEqual(refused(self.box, "s3", **key), "InvalidAccessKeyId")

    def test_a_container_has_no_more_than_systemd_needs(self):
        identity = self.running()
        container = self.box.container(identity)
        # seccomp(2): 2 is a filter. A system call that it keeps from a server (userfaultfd(2)) fails.
        self.assertRegex(docker("exec", container, "cat", "/proc/1/status"), r"Seccomp:\s+2\n")
        number = {"x86_64": 323, "aarch64": 282}[os.uname().machine]
        program = f"import ctypes, errno; l = ctypes.CDLL(None, use_errno=True); print(l.syscall({number}, 0), errno.errorcode.get(ctypes.get_errno()))"
        self.assertEqual(docker("exec", container, "python3", "-c", program), "-1 EPERM")
        # It sees the cgroups of nobody else, and makes those of its own services.
        groups = docker("exec", container, "cat", "/proc/1/cgroup").splitlines()
        self.assertEqual({line.split(":", 2)[2].removesuffix("/init.scope") for line in groups} - {"", "/"}, set())
        # Of hierarchies that the machine itself does not use, docker makes no group for a container.
        used = [words[1] for words in map(str.split, Path("/proc/mounts").read_text().splitlines()) if words[2].startswith("cgroup")]
        found = docker("exec", container, "find", *used, "-name", "*docker*")
        self.assertEqual(found, "")
        limited = ["systemd-run", "--quiet", "--wait", "--pipe", "-p", "PrivateTmp=yes", "-p", "ProtectSystem=strict", "-p", "MemoryMax=200M", "cat", "/proc/self/cgroup"]
        self.assertIn(".service", docker("exec", container, *limited))

    def asked_from(self, identity, path, options="", service="s3", before=""):
        """What S3 answers to a server, and the status; signed as the server is told to."""
        signed = f'--aws-sigv4 aws:amz:us-east-1:{service} --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
        signed += ' --header "x-amz-security-token: $AWS_SESSION_TOKEN"'
        line = f'. /etc/labctl/aws.env; {before}curl --silent --write-out " %{{http_code}}" {signed} {options} "$AWS_ENDPOINT_URL_S3/{path}"'
        return docker("exec", self.box.container(identity), "bash", "-c", line).replace("\n", " ")

    def started(self, identity):
        return docker("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", self.box.container(identity))

    def is_running(self, identity):
        return self.started(identity).startswith("true")


class LivesTest(unittest.TestCase):
    def sandbox(self):
        box = Sandbox("docker", image()).up()
        self.addCleanup(box.end)
        return box

    def host_keys(self, box, identity):
        return box.client("ec2").get_console_output(InstanceId=identity)["Output"]

    def test_down_keeps_disks_and_forgetting_leaves_nothing(self):
        one, other = self.sandbox(), self.sandbox()
        identity, stopped, theirs = one.run_instance(), one.run_instance(), other.run_instance()
        for box, each in ((one, identity), (one, stopped), (other, theirs)):
            box.wait_for(each, "running")
        docker("exec", one.container(identity), "sh", "-c", "echo kept >/root/note")
        one.client("ec2").stop_instances(InstanceIds=[stopped])
        one.wait_for(stopped, "stopped")
        keys, machine = self.host_keys(one, identity), one.machine(identity)
        told = one.down()
        self.assertEqual(sorted(told["kept"]), sorted(f"labctl-sandbox/{one.name}:{each}" for each in (identity, stopped)))
        self.assertEqual(len(one.left()), 2)
        one.up()
        one.ask("repair", {})
        self.assertEqual((one.state(identity), one.state(stopped)), ("running", "stopped"))
        self.assertEqual(docker("exec", one.container(identity), "cat", "/root/note"), "kept")
        self.assertEqual(self.host_keys(one, identity), keys)
        self.assertEqual(one.machine(identity)["ssh"], machine["ssh"])
        one.client("ec2").terminate_instances(InstanceIds=[stopped])
        one.wait_for(stopped, "terminated")
        one.down()
        self.assertEqual(len(one.left()), 1)
        one.clean("--forget")
        self.assertEqual(one.left(), [])
        self.assertEqual([path.name for path in one.folder.iterdir()], ["log"])
        # all the while, the other lab was left alone
        self.assertEqual(other.state(theirs), "running")
        self.assertEqual(docker("inspect", "--format", "{{.State.Running}}", other.container(theirs)), "true")

    def test_a_killed_process_leaves_servers_that_are_found_again_or_cleaned(self):
        box = self.sandbox()
        box.ask("settings", {"authority": True})
        identity = box.run_instance()
        box.wait_for(identity, "running")
        processes = box.processes()
        self.assertEqual(len(processes), 3)
        box.kill()
        wait_until("the end of the children", lambda: not any(map(is_alive, processes)))
        docker("kill", box.container(identity))
        box.up()
        box.ask("repair", {})
        self.assertEqual(docker("inspect", "--format", "{{.State.Running}}", box.container(identity)), "true")
        box.kill()
        box.clean("--forget")
        self.assertEqual(box.left(), [])
        self.assertFalse(any(map(is_alive, processes)))


class StateTest(unittest.TestCase):
    """What is on the disk of a laptop."""

    def test_a_state_of_before_the_modules_were_a_package_is_read(self):
        strictness = strict.Strict()
        strictness.tokens["once"] = ({}, strict.Answer(200, [], b"kept"), [])
        get_backend("s3")["123456789012"]["aws"].create_bucket("kept", "us-east-1")
        get_backend("s3")["123456789012"]["aws"].put_object("kept", "a", b"text")
        with mock.patch.object(strict.Answer, "__module__", "strict"), mock.patch.object(state._fill_versions, "__module__", "state"):
            with mock.patch.dict(sys.modules, strict=strict, state=state):
                content = state.dump(strictness)
        for old, new in ((b"strict", b"sandbox.strict"), (b"state", b"sandbox.state")):
            self.assertIn(b"\x8c" + bytes([len(old)]) + old, content)
            self.assertNotIn(new, content)
        strictness.forget()
        state.load(content, strictness)
        self.assertEqual(strictness.tokens["once"][1].body, b"kept")


class AuthorityTest(unittest.TestCase):
    """Its start, where others are quicker."""

    def test_a_start_that_lost_a_port_is_made_again_at_once(self):
        with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as quicker:
            lost = [[quicker.getsockname()[1], *servers.free_ports(2)]]
            find = lambda count: lost.pop() if count == 3 and lost else servers.free_ports(count)
            settings = {"authority": True, "authority_port": servers.free_ports(1)[0]}
            subject = authority.Authority(folder, settings, threading.Lock())
            self.addCleanup(subject.end)
            engine = mock.Mock(network_needs_containers=False, make_network=lambda: "127.0.0.1")
            with mock.patch.object(authority, "free_ports", find):
                subject.tend(engine, {})
            self.assertEqual(lost, [])
            self.assertIsNotNone(subject.describe(), subject.problem)

    def test_where_it_will_be_is_told_before_it_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            subject = authority.Authority(folder, {"authority": True, "authority_port": servers.free_ports(1)[0]}, threading.Lock())
            self.addCleanup(subject.end)
            ill = mock.Mock(network_needs_containers=False, make_network=mock.Mock(side_effect=engine.EngineError("no network")))
            with mock.patch.object(authority, "PAUSE_SECONDS", 0):
                subject.tend(ill, {})
            self.assertIn("no network", subject.problem)
            told = subject.describe()
            self.assertIsNotNone(told)
            subject.tried = -authority.AGAIN_SECONDS
            subject.tend(mock.Mock(network_needs_containers=False, make_network=lambda: "127.0.0.1"), {})
            self.assertIsNone(subject.problem)
            self.assertEqual(subject.describe(), told)


class EngineTest(unittest.TestCase):
    """What the engine is asked while others are at work in it."""

    def test_a_container_that_goes_away_while_all_are_listed_hides_no_other(self):
        listed = ["one other", "one"]
        known = {"Name": "/one", "Config": {"Labels": {"labctl.instance": "i-1"}}, "NetworkSettings": {}}
        known["State"] = {"Running": True, "ExitCode": 0, "StartedAt": "now"}

        def ask(*words):
            if words[0] == "ps":
                return listed.pop(0)
            if "other" in words:
                raise engine.EngineError("No such container: other")
            return json.dumps([known])

        subject = engine.Engine("docker", "lab", "/nowhere")
        with mock.patch.object(subject, "ask", ask):
            self.assertEqual(list(subject.containers()), ["i-1"])
        self.assertEqual(listed, [])


class StorageTest(unittest.TestCase):
    """Where S3 cannot be answered for servers, as with an engine in a machine of its own."""

    def test_a_gateway_of_another_machine_is_told_and_servers_are_told_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            subject = storage.Storage(files.Settings(folder), None, None)
            # Kept for documents (RFC 5737): no machine has it.
            subject.tend(mock.Mock(network_needs_containers=False, make_network=lambda: "192.0.2.1"), {})
        self.assertRegex(subject.problem, "^servers reach no bucket: .*assign requested address")
        self.assertEqual((subject.hosts(), subject.environment()), ("", ""))


class SignaturesTest(unittest.TestCase):
    """Who has no secret, or spoils what was signed, is refused in the words of each service."""

    CALLS = {
        "ec2": lambda ec2: ec2.describe_vpcs(),
        "iam": lambda iam: iam.list_roles(),
        "sts": lambda sts: sts.get_caller_identity(),
        "s3": lambda s3: s3.list_buckets(),
        "route53": lambda dns: dns.list_hosted_zones(),
        "resourcegroupstaggingapi": lambda tagging: tagging.get_resources(),
        "ssm": lambda ssm: ssm.describe_parameters(),
    }
    # By EC2, S3, AWS's JSON protocol, and the others.
    CODES = {
        "unknown": ("AuthFailure", "InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId"),
        "wrong": ("AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch"),
        "token": ("AuthFailure", "InvalidToken", "UnrecognizedClientException", "InvalidClientTokenId"),
        "missing": ("AccessDenied",) * 4,
    }

    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox().up()
        cls.addClassCleanup(cls.box.end)
        cls.s3 = cls.box.client("s3")
        cls.s3.create_bucket(Bucket="penguins")

    def test_every_service_refuses_in_its_own_words(self):
        unsigned = {"config": Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})}
        cases = {
            "unknown": {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"},
            "wrong": {"aws_secret_access_key": "sandbox"},
            "token": {"aws_session_token": "guessed"},
        }
        for service, call in self.CALLS.items():
            call(self.box.client(service))
            which = {"ec2": 0, "s3": 1, "resourcegroupstaggingapi": 2, "ssm": 2}.get(service, 3)
            for case, key in cases.items():
                with self.subTest(service=service, case=case), self.assertRaises(ClientError) as problem:
                    call(self.box.client(service, **key))
                self.assertEqual(problem.exception.response["Error"]["Code"], self.CODES[case][which])
            with self.subTest(service=service), self.assertRaises(ClientError) as problem:
                call(boto3.client(service, endpoint_url=self.box.url, region_name="us-east-1", **unsigned))
            self.assertEqual(problem.exception.response["ResponseMetadata"]["HTTPStatusCode"], 403)

    def test_keys_that_were_made_in_the_account_count(self):
        iam, sts = self.box.client("iam"), self.box.client("sts")
        iam.create_user(UserName="u")
        key = iam.create_access_key(UserName="u")["AccessKey"]
        own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        self.assertTrue(self.box.client("sts", **own).get_caller_identity()["Arn"].endswith("user/u"))
        iam.update_access_key(UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
        self.assertEqual(refused(self.box, "sts", **own), "InvalidClientTokenId")
        key = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")["Credentials"]
        own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        self.assertEqual(refused(self.box, "sts", **own), "InvalidClientTokenId")
        self.assertTrue(self.box.client("sts", **own, aws_session_token=key["SessionToken"]).get_caller_identity()["Arn"].endswith("r/session"))

    def test_every_form_of_a_body_and_a_name_is_taken(self):
        name = "a b/ü+%~(x)!*'&=:@.txt"
        self.s3.put_object(Bucket="penguins", Key=name, Body=b"text", Metadata={"with_underscore": "two  spaces"})
        self.assertEqual(self.s3.get_object(Bucket="penguins", Key=name)["Body"].read(), b"text")
        self.assertEqual(self.s3.list_objects_v2(Bucket="penguins", Prefix="a b/")["Contents"][0]["Key"], name)
        url = self.s3.generate_presigned_url("get_object", Params={"Bucket": "penguins", "Key": name}, ExpiresIn=60)
        with urllib.request.urlopen(url) as answer:
            self.assertEqual(answer.read(), b"text")
        for spoilt in (url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), url.replace("penguins", "others")):
            self.assertEqual(answered(spoilt), 403)
        for more in ("unsigned", "chunked", "chunked with a trailer"):
            request = chunked(self.box, "/penguins/streamed", more)
            self.assertEqual(answered(request), 200, more)
            self.assertEqual(self.s3.get_object(Bucket="penguins", Key="streamed")["Body"].read(), CHUNK * 2, more)
        for spoil in (b"penguin", b"signature:"):
            request = chunked(self.box, "/penguins/spoilt", "chunked with a trailer")
            request.data = request.data.replace(spoil, spoil.swapcase(), 1) if spoil == b"penguin" else request.data.replace(spoil + request.data.rsplit(spoil, 1)[1][:8], spoil + b"00000000")
            self.assertEqual(answered(request), 403, spoil)

    def test_motos_own_paths_are_closed_to_every_key(self):
        for path in ("/moto-api/reset", "/moto-api/data.json", "/latest/meta-data/iam/security-credentials/"):
            self.assertEqual(answered(signed(self.box, "s3", "POST", path, b"")), 403, path)
        self.assertIn("penguins", [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]])

    def test_what_was_signed_must_arrive_as_it_was(self):
        spoils = {
            "nothing": lambda request: None,
            "body": lambda request: setattr(request, "data", b"Action=TerminateInstances"),
            "path": lambda request: setattr(request, "full_url", self.box.url + "/other"),
            "query": lambda request: setattr(request, "full_url", self.box.url + "/?Action=RunInstances"),
            "header": lambda request: request.add_header("Content-Type", "text/plain"),
            "added header": lambda request: request.add_header("X-Amz-Target", "Other"),
            "service": lambda request: request.add_header("Authorization", request.get_header("Authorization").replace("/ec2/", "/iam/")),
            "day": lambda request: request.add_header("X-amz-date", "20200101T000000Z"),
            "scheme": lambda request: request.add_header("Authorization", "AWS sandbox:c2lnbmF0dXJl"),
        }
        for name, spoil in spoils.items():
            request = signed(self.box, "ec2", "POST", "/", b"Action=DescribeVpcs&Version=2016-11-15")
            spoil(request)
            # What cannot be read as a signature names no service: it is taken for S3's.
            wanted = {"nothing": 200, "service": 403, "scheme": 400}.get(name, 401)
            self.assertEqual(answered(request), wanted, name)
        with mock.patch("botocore.auth.get_current_datetime", lambda *_: datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(minutes=16)):
            old = signed(self.box, "ec2", "POST", "/", b"Action=DescribeVpcs&Version=2016-11-15")
        self.assertEqual(answered(old), 400)


class OtherUsersTest(unittest.TestCase):
    """Another user of the laptop, who really is one."""

    def test_nobody_else_uses_a_sandbox_or_reads_of_it(self):
        box = Sandbox().up()
        self.addCleanup(box.end)
        box.client("s3").create_bucket(Bucket="mine")
        box.client("s3").put_object(Bucket="mine", Key="secret", Body=b"secret")
        for path in sorted(box.folder.rglob("*")):
            self.assertNotEqual(as_nobody("cat", path).returncode, 0, path)
        self.assertNotEqual(as_nobody("ls", box.folder).returncode, 0)
        self.assertNotEqual(as_nobody("touch", box.folder / "aws.pickle").returncode, 0)
        self.assertNotIn(box.known["secret_key"], as_nobody("cat", f"/proc/{box.process.pid}/cmdline").stdout)
        self.assertNotEqual(as_nobody("cat", f"/proc/{box.process.pid}/environ").returncode, 0)
        form = ["--data", "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1"]
        wrong = [["--user", f"{name}:sandbox", "--aws-sigv4", f"aws:amz:us-east-1:{service}"] for name in ("sandbox", box.known["access_key"]) for service in ("ec2", "iam", "s3", "route53")]
        asked = [("/", form), ("/", []), ("/mine/secret", []), ("/mine/secret?X-Amz-Signature=0", []), ("/2013-04-01/hostedzone", [])]
        asked += [("/", [*form, *each]) for each in wrong] + [("/mine/secret", each) for each in wrong]
        asked += [(path, ["--request", method]) for path in ("/moto-api/reset", "/moto-api/data.json", "/moto-api/config", "/latest/meta-data/iam/security-credentials/", "/latest/api/token") for method in ("GET", "POST", "PUT")]
        asked += [(f"/labctl-sandbox/{path}", []) for path in ("health", "status", "settings", "shutdown")]
        for path, options in asked:
            ran = as_nobody("curl", "--silent", "--noproxy", "*", "--write-out", " %{http_code}", *options, box.url + path)
            self.assertRegex(ran.stdout, " (400|401|403)$", (path, options))
            self.assertNotRegex(ran.stdout, r"^secret|<instanceId>|\"pid\"")
        self.assertEqual(box.client("s3").get_object(Bucket="mine", Key="secret")["Body"].read(), b"secret")
        self.assertEqual(box.client("ec2").describe_instances()["Reservations"], [])


CHUNK = b"penguin" * 10000


def as_nobody(*command):
    """Runs a program as another user of the machine."""
    return subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command], capture_output=True, text=True, errors="replace", check=False, cwd="/")


def refused(box, service, **key):
    """The code with which a service refuses a key."""
    try:
        SignaturesTest.CALLS[service](box.client(service, **key))
    except ClientError as problem:
        return problem.response["Error"]["Code"]
    raise AssertionError(f"{service} took the key")


def signed(box, service, method, path, body, **headers):
    """A request that botocore has signed."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    asked = AWSRequest(method, box.url + path, data=body, headers=headers)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    kind(Credentials(box.known["access_key"], box.known["secret_key"]), service, "us-east-1").add_auth(asked)
    return urllib.request.Request(asked.url, body, dict(asked.headers), method=method)


def chunked(box, path, form):
    """A request of S3 whose body comes in chunks, as SDKs send what they cannot read twice."""
    word = {"unsigned": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "chunked": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}.get(form, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
    headers = {"x-amz-content-sha256": word, "x-amz-decoded-content-length": str(2 * len(CHUNK)), "Content-Encoding": "aws-chunked", "Content-Type": "text/plain"}
    crc = "x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(CHUNK * 2).to_bytes(4, "big")).decode()
    if form != "chunked":
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    asked = AWSRequest("PUT", box.url + path, data=b"", headers=headers)
    auth = S3SigV4Auth(Credentials(box.known["access_key"], box.known["secret_key"]), "s3", "us-east-1")
    with mock.patch.object(auth, "payload", lambda _: word), mock.patch.object(auth, "_should_sha256_sign_payload", lambda _: False):
        auth.add_auth(asked)
    before, body = asked.headers["Authorization"].rsplit("=", 1)[1], b""
    digest = lambda data: hashlib.sha256(data).hexdigest()
    empty = digest(b"")
    for data in (CHUNK, CHUNK, b""):
        head = f"{len(data):x}"
        if form != "unsigned":
            before = chunk_signature(auth, asked, "PAYLOAD", f"{before}\n{empty}\n{digest(data)}")
            head += f";chunk-signature={before}"
        body += f"{head}\r\n".encode() + data + (b"\r\n" if data else b"")
    if form != "chunked":
        body += f"{crc}\r\n".encode()
    if form == "chunked with a trailer":
        told = digest(f"{crc}\n".encode())
        last = chunk_signature(auth, asked, "TRAILER", f"{before}\n{told}")
        body += f"x-amz-trailer-signature:{last}\r\n".encode()
    return urllib.request.Request(asked.url, body + b"\r\n", dict(asked.headers), method="PUT")


def chunk_signature(auth, asked, kind, text):
    """The signature of a part of a body (S3 API Reference, "Transferring Payload in Multiple Chunks")."""
    scope = asked.headers["Authorization"].split("Credential=")[1].split(",")[0].split("/", 1)[1]
    return auth.signature(f"AWS4-HMAC-SHA256-{kind}\n{asked.context['timestamp']}\n{scope}\n{text}", asked)


def change_records(dns, zone, *changes):
    """Changes records, each given as (action, name, type, value)."""
    batch = [{"Action": a, "ResourceRecordSet": {"Name": n, "Type": t, "TTL": 300, "ResourceRecords": [{"Value": v}]}} for a, n, t, v in changes]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})


if __name__ == "__main__":
    unittest.main()
