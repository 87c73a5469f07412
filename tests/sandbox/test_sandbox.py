"""Tests of the sandbox's process, from outside: boto3, ssh and docker. Run by scripts/test, as root."""

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
from pathlib import Path
from unittest import mock

from botocore.exceptions import ClientError
from support import ROOT, Sandbox, docker, is_alive, wait_until

sys.path.insert(0, str(ROOT / "python/sandbox"))

from sandbox import authority, engine, files, servers, state, storage, strict  # before moto, whose settings it makes
from moto.backends import get_backend

IMAGE = None


def setUpModule():
    global IMAGE
    IMAGE = subprocess.check_output([ROOT / "tests/host/image"], text=True).strip()


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
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument="{}", Tags=[{"Key": "a", "Value": "b"}])
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
        self.assertEqual(box.code("/labctl-sandbox/health"), 200)
        self.assertEqual(box.code("/labctl-sandbox/status"), 403)
        self.assertEqual(box.code("/labctl-sandbox/shutdown", "POST", **{"X-Labctl-Sandbox": "guessed"}), 403)
        token = {"X-Labctl-Sandbox": box.known["token"]}
        self.assertEqual(box.code("/labctl-sandbox/status", **token), 200)
        for sign in ({"Origin": "https://example.org"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "example.org"}):
            self.assertEqual(box.code("/labctl-sandbox/status", **token, **sign), 403)
            self.assertEqual(box.code("/", **sign), 403)
        self.assertEqual(box.code("/"), 200)

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
        self.assertEqual(modes, dict.fromkeys(("aws.pickle", "lock", "process.json", "settings.json"), 0o600))
        box.process.terminate()
        self.assertEqual(box.process.wait(timeout=20), 0)
        self.assertFalse((box.folder / "process.json").exists())
        box.clean("--forget")
        self.assertEqual([path.name for path in box.folder.iterdir()], ["log"])


class WithServersTest(unittest.TestCase):
    """One sandbox for all; each test has an instance of its own."""

    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox("docker", IMAGE).up()
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
        self.addCleanup(self.box.ask, "settings", {"image": IMAGE})
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
        self.assertEqual(self.asked_from(identity, "penguins/b", "--upload-file - <<<there"), "200")
        self.assertEqual(self.box.client("s3").get_object(Bucket="penguins", Key="b")["Body"].read(), b"there\n")
        for refused, service in (("?Action=RunInstances", "ec2"), ("moto-api/reset", "s3"), ("labctl-sandbox/status", "iam"), ("?Action=GetSessionToken", "sts")):
            said = self.asked_from(identity, refused, "--request POST", service)
            self.assertRegex(said, "reaches S3 and nothing else.* 403$", refused)
        for header in ("Origin: http://elsewhere.example", "Host: elsewhere.example"):
            said = self.asked_from(identity, "penguins/model/a", f"--header '{header}'")
            self.assertRegex(said, " 403$", header)
        docker("exec", self.box.container(identity), "sh", "-c", "echo MINE=1 >/etc/labctl/aws.env")
        self.box.ask("repair", {})
        self.assertEqual(docker("exec", self.box.container(identity), "cat", "/etc/labctl/aws.env"), "MINE=1")

    def asked_from(self, identity, path, options="", service="s3"):
        """What S3 answers to a server, and the status; signed as the server is told to."""
        signed = f'--aws-sigv4 aws:amz:us-east-1:{service} --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
        line = f'. /etc/labctl/aws.env; curl --silent --write-out " %{{http_code}}" {signed} {options} "$AWS_ENDPOINT_URL_S3/{path}"'
        return docker("exec", self.box.container(identity), "bash", "-c", line).replace("\n", " ")

    def started(self, identity):
        return docker("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", self.box.container(identity))

    def is_running(self, identity):
        return self.started(identity).startswith("true")


class LivesTest(unittest.TestCase):
    def sandbox(self):
        box = Sandbox("docker", IMAGE).up()
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
            subject = storage.Storage(files.Settings(folder), None)
            # Kept for documents (RFC 5737): no machine has it.
            subject.tend(mock.Mock(network_needs_containers=False, make_network=lambda: "192.0.2.1"), {})
        self.assertRegex(subject.problem, "^servers reach no bucket: .*assign requested address")
        self.assertEqual((subject.hosts(), subject.environment()), ("", ""))


def change_records(dns, zone, *changes):
    """Changes records, each given as (action, name, type, value)."""
    batch = [{"Action": a, "ResourceRecordSet": {"Name": n, "Type": t, "TTL": 300, "ResourceRecords": [{"Value": v}]}} for a, n, t, v in changes]
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})


if __name__ == "__main__":
    unittest.main()
