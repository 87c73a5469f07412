"""Tests of the emulator itself: what the tests of labctl rely on. Run by scripts/test."""

import fcntl
import json
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError, ResponseStreamingError
from botocore.parsers import ResponseParserError

ACCOUNT = "222222222222"
TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


def causes(error):
    """The types of an error and of all that led to it."""
    found = []
    while error:
        found.append(type(error))
        error = error.__cause__ or error.__context__
    return found


class EmulatorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen([sys.executable, Path(__file__).with_name("emulator.py")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        cls.url = "http://" + cls.process.stdout.readline().removeprefix("listening on ").strip()

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait()
        cls.process.stdout.close()

    def setUp(self):
        self.control("reset", {})
        self.control("latency", {"ms": 0})
        self.control("strict", {})

    def control(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/labctl-test/{path}?account={ACCOUNT}", data) as answer:
            return json.load(answer)

    def client(self, service, account=ACCOUNT):
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="x", config=config)

    def refused(self, code, call, **parameters):
        with self.assertRaises(ClientError) as refusal:
            call(**parameters)
        self.assertEqual(refusal.exception.response["Error"]["Code"], code)

    def names(self):
        return [request["operation"] for request in self.control("requests")]

    def run_instance(self, **more):
        ec2 = self.client("ec2")
        (image, *_) = ec2.describe_images(Owners=["099720109477"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"]
        return ec2.run_instances(ImageId=image["ImageId"], InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]

    def state(self, instance):
        return self.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]

    def test_the_log_names_operations_of_every_protocol(self):
        self.client("sts").get_caller_identity()
        self.client("iam").list_roles()
        s3 = self.client("s3")
        s3.create_bucket(Bucket="named")
        s3.put_bucket_versioning(Bucket="named", VersioningConfiguration={"Status": "Enabled"})
        self.client("route53").list_hosted_zones_by_name()
        self.client("resourcegroupstaggingapi").get_resources()
        log = self.control("requests")
        expected = ["sts:GetCallerIdentity", "iam:ListRoles", "s3:CreateBucket", "s3:PutBucketVersioning", "route53:ListHostedZonesByName", "tagging:GetResources"]
        self.assertEqual([r["operation"] for r in log], expected)
        self.assertEqual([r["operation"] for r in log if r["mutating"]], expected[2:4])
        self.assertTrue(all(r["status"] == 200 and r["start"] < r["end"] for r in log))
        self.control("requests/clear", {})
        self.assertEqual(self.names(), [])

    def test_latency_runs_side_by_side(self):
        self.control("latency", {"ms": 300})
        clients = [self.client("sts") for _ in range(8)]
        threads = [threading.Thread(target=client.get_caller_identity) for client in clients]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreater(time.monotonic() - started, 0.3)
        self.assertLess(time.monotonic() - started, 1.5)
        self.assertEqual(len(self.names()), 8)

    def test_faults_speak_each_protocol_and_end(self):
        calls = {
            "ec2:DescribeVpcs": self.client("ec2").describe_vpcs,
            "iam:ListRoles": self.client("iam").list_roles,
            "sts:GetCallerIdentity": self.client("sts").get_caller_identity,
            "s3:ListBuckets": self.client("s3").list_buckets,
            "route53:ListHostedZones": self.client("route53").list_hosted_zones,
            "tagging:GetResources": self.client("resourcegroupstaggingapi").get_resources,
        }
        self.control("faults", {"rules": [{"match": name, "nth": 2, "status": 400, "code": "Throttling"} for name in calls]})
        for call in calls.values():
            call()
            self.refused("Throttling", call)
            call()

    def test_a_lost_answer_leaves_its_effect_and_a_drop_leaves_none(self):
        s3 = self.client("s3")
        self.control("faults", {"rules": [{"match": "s3:CreateBucket", "after_effect": True}, {"match": "s3:DeleteBucket", "drop": True}]})
        with self.assertRaises(ConnectionClosedError):
            s3.create_bucket(Bucket="lost")
        with self.assertRaises(ConnectionClosedError):
            s3.delete_bucket(Bucket="lost")
        self.assertEqual([b["Name"] for b in s3.list_buckets()["Buckets"]], ["lost"])
        self.assertEqual([r["status"] for r in self.control("requests")], [None, None, 200])

    def test_throttling_speaks_with_the_words_of_each_service(self):
        self.control("faults", {"rules": [{"throttle": True, "count": 0}]})
        words = {
            "RequestLimitExceeded": self.client("ec2").describe_vpcs,
            "Throttling": self.client("iam").list_roles,
            "SlowDown": self.client("s3").list_buckets,
            "ThrottlingException": self.client("resourcegroupstaggingapi").get_resources,
        }
        for code, call in words.items():
            self.refused(code, call)
        self.refused("Throttling", self.client("route53").list_hosted_zones)
        self.assertEqual(self.control("faults"), [{"match": "*", "seen": 5, "hits": 5}])

    def test_answers_go_wrong_on_their_way(self):
        """Each by what a client sees of it, and each after its effect but a reset, which can be before."""
        ec2 = lambda: self.client("ec2")
        cut = (ResponseParserError, ResponseStreamingError)
        ways = (({"manner": "reset"}, ConnectionClosedError, 0), ({"manner": "reset", "after_effect": True}, ConnectionClosedError, 1), ({"manner": "truncate"}, cut, 2))
        for rule, kind, made in ways:
            self.control("faults", {"rules": [{"match": "ec2:AllocateAddress"} | rule]})
            with self.assertRaises(kind) as broken:
                ec2().allocate_address(Domain="vpc")
            self.assertEqual(ConnectionResetError in causes(broken.exception), rule["manner"] == "reset")
            self.assertEqual(len(ec2().describe_addresses()["Addresses"]), made)
        for manner in ("late", "slow"):
            self.control("faults", {"rules": [{"match": "ec2:DescribeAddresses", "manner": manner, "ms": 500}]})
            started = time.monotonic()
            self.assertEqual(len(ec2().describe_addresses()["Addresses"]), 2)
            self.assertGreater(time.monotonic() - started, 0.4, manner)

    def test_a_late_answer_can_be_too_late(self):
        self.control("faults", {"rules": [{"match": "ec2:AllocateAddress", "manner": "late", "ms": 1500}]})
        config = Config(retries={"total_max_attempts": 1}, read_timeout=0.5)
        hasty = boto3.client("ec2", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=ACCOUNT, aws_secret_access_key="x", config=config)
        with self.assertRaises(ReadTimeoutError):
            hasty.allocate_address(Domain="vpc")
        self.assertEqual(len(self.client("ec2").describe_addresses()["Addresses"]), 1)

    def test_who_calls_can_be_killed_before_and_after_the_effect(self):
        program = "import boto3, os, sys\nopen(sys.argv[1], 'w').write(str(os.getpid()))\nboto3.client('ec2').allocate_address(Domain='vpc')\nprint('answered')"
        environment = {"AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "x", "HOME": "/nonexistent"}
        with tempfile.TemporaryDirectory() as folder:
            for after_effect, made in ((False, 0), (True, 1)):
                self.control("faults", {"rules": [{"match": "ec2:AllocateAddress", "kill": f"{folder}/pid", "after_effect": after_effect}]})
                ended = subprocess.run([sys.executable, "-c", program, f"{folder}/pid"], env=environment, capture_output=True, start_new_session=True, check=False)
                self.assertEqual((ended.returncode, ended.stdout), (-9, b""))
                self.assertEqual(len(self.client("ec2").describe_addresses()["Addresses"]), made)

    def test_a_group_that_an_interface_or_another_group_uses_stays(self):
        ec2 = self.client("ec2")
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        group, other = (ec2.create_security_group(GroupName=name, Description="g")["GroupId"] for name in ("g", "h"))
        interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        ec2.delete_network_interface(NetworkInterfaceId=interface)
        rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": group}]}]
        ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=rule)
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=rule)
        ec2.delete_security_group(GroupId=group)

    def test_a_new_profile_is_not_known_at_once(self):
        iam = self.client("iam")
        self.control("strict", {"profile_ms": 60_000})
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
        arn = iam.create_instance_profile(InstanceProfileName="p")["InstanceProfile"]["Arn"]
        self.refused("InvalidParameterValue", self.run_instance, IamInstanceProfile={"Arn": arn})
        iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
        self.refused("InvalidParameterValue", self.run_instance, IamInstanceProfile={"Arn": arn})
        self.control("strict", {})
        self.run_instance(IamInstanceProfile={"Arn": arn})
        iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="r")
        self.refused("NoSuchEntity", iam.remove_role_from_instance_profile, InstanceProfileName="p", RoleName="r")

    def test_faults_can_hit_only_writes(self):
        s3 = self.client("s3")
        self.control("faults", {"rules": [{"match": "*", "mutating": True, "count": 0, "code": "SlowDown", "status": 503}]})
        s3.list_buckets()
        self.refused("SlowDown", s3.create_bucket, Bucket="never")
        self.refused("SlowDown", s3.create_bucket, Bucket="never")

    def test_accounts_do_not_meet(self):
        self.run_instance()
        other = self.client("ec2", "333333333333")
        self.assertEqual(other.describe_instances()["Reservations"], [])
        self.assertEqual(self.client("sts", "333333333333").get_caller_identity()["Account"], "333333333333")
        self.assertNotIn("sts:GetCallerIdentity", self.names())

    def test_a_client_token_makes_one_instance(self):
        ec2 = self.client("ec2")
        first = self.run_instance(ClientToken="one")
        self.assertEqual(self.run_instance(ClientToken="one"), first)
        self.refused("IdempotentParameterMismatch", self.run_instance, ClientToken="one", KeyName="other")
        self.assertNotEqual(self.run_instance(ClientToken="two"), first)
        (found,) = self.client("ec2").describe_instances(Filters=[{"Name": "client-token", "Values": ["one"]}])["Reservations"]
        self.assertEqual([i["InstanceId"] for i in found["Instances"]], [first])
        ec2.terminate_instances(InstanceIds=[first])
        self.refused("IdempotentInstanceTerminated", self.run_instance, ClientToken="one")

    def test_states_last_and_forbid(self):
        ec2 = self.client("ec2")
        self.control("strict", {"transition_ms": 60_000})
        instance = self.run_instance(DisableApiTermination=True)
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.assertEqual(self.state(instance), "pending")
        self.refused("InvalidInstanceID", ec2.associate_address, AllocationId=address, InstanceId=instance)
        self.control("strict", {})  # nothing lasts any longer
        self.assertEqual(self.state(instance), "running")
        ec2.associate_address(AllocationId=address, InstanceId=instance)
        self.refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
        self.refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[instance])
        self.control("strict", {"transition_ms": 60_000})
        ec2.stop_instances(InstanceIds=[instance])
        self.refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=instance, InstanceType={"Value": "t3.small"})
        self.control("strict", {})  # nothing lasts any longer
        ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "t3.small"})
        self.assertEqual(self.state(instance), "stopped")

    def test_metadata_options_that_are_not_named_stay(self):
        ec2 = self.client("ec2")
        instance = self.run_instance(MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2})
        ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")
        options = ec2.describe_instances()["Reservations"][0]["Instances"][0]["MetadataOptions"]
        self.assertEqual((options["HttpTokens"], options["HttpPutResponseHopLimit"], options["HttpEndpoint"]), ("optional", 2, "enabled"))

    def test_a_group_in_use_stays(self):
        ec2 = self.client("ec2")
        group = ec2.create_security_group(GroupName="g", Description="g")["GroupId"]
        instance = self.run_instance(SecurityGroupIds=[group])
        self.refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
        ec2.terminate_instances(InstanceIds=[instance])
        ec2.terminate_instances(InstanceIds=[instance])  # once more, as who has lost the answer does
        self.assertEqual(ec2.describe_network_interfaces()["NetworkInterfaces"], [])
        ec2.delete_security_group(GroupId=group)

    def test_a_new_bucket_is_tagged_encrypted_and_closed(self):
        s3 = self.client("s3")
        s3.create_bucket(Bucket="born", CreateBucketConfiguration={"Tags": [{"Key": "a&b", "Value": "<1>"}]})
        self.assertEqual(s3.get_bucket_tagging(Bucket="born")["TagSet"], [{"Key": "a&b", "Value": "<1>"}])
        self.assertEqual(set(s3.get_public_access_block(Bucket="born")["PublicAccessBlockConfiguration"].values()), {True})
        s3.get_bucket_encryption(Bucket="born")
        self.refused("BucketAlreadyExists", self.client("s3", "333333333333").create_bucket, Bucket="born")

    def test_a_bucket_is_checked_for_its_account(self):
        s3, theirs = self.client("s3"), self.client("s3", "333333333333")
        theirs.create_bucket(Bucket="theirs", CreateBucketConfiguration={"Tags": [{"Key": "labctl:lab", "Value": "ours"}]})
        self.refused("AccessDenied", s3.get_bucket_tagging, Bucket="theirs")
        self.refused("AccessDenied", s3.list_objects_v2, Bucket="theirs")
        theirs.delete_public_access_block(Bucket="theirs")
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::theirs", "arn:aws:s3:::theirs/*"]}
        theirs.put_bucket_policy(Bucket="theirs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody]}))
        self.assertEqual(s3.get_bucket_tagging(Bucket="theirs", ExpectedBucketOwner="333333333333")["TagSet"][0]["Value"], "ours")
        s3.put_object(Bucket="theirs", Key="data", Body=b"x")
        self.assertEqual(s3.get_object(Bucket="theirs", Key="data")["Body"].read(), b"x")
        for call, more in [
            (s3.get_bucket_tagging, {}),
            (s3.get_public_access_block, {}),
            (s3.list_objects_v2, {}),
            (s3.get_object, {"Key": "data"}),
            (s3.put_object, {"Key": "data", "Body": b"y"}),
            (s3.delete_objects, {"Delete": {"Objects": [{"Key": "data"}]}}),
            (s3.delete_bucket, {}),
        ]:
            with self.subTest(call.__name__):
                self.refused("AccessDenied", call, Bucket="theirs", ExpectedBucketOwner=ACCOUNT, **more)
        self.refused("InvalidBucketOwnerAWSAccountID", s3.get_bucket_tagging, Bucket="theirs", ExpectedBucketOwner="me")
        self.refused("NoSuchBucket", s3.get_bucket_versioning, Bucket="nobodys", ExpectedBucketOwner=ACCOUNT)
        self.assertEqual(theirs.get_object(Bucket="theirs", Key="data")["Body"].read(), b"x")
        expected = [request["expected_owner"] for request in self.control("requests")]
        self.assertEqual(expected[:3], [None, None, "333333333333"])

    def test_zones_and_records_are_checked_as_route_53_does(self):
        dns = self.client("route53")
        zone = dns.create_hosted_zone(Name="x.test", CallerReference="1")["HostedZone"]["Id"]

        def change(*changes):
            batch = [{"Action": a, "ResourceRecordSet": {"Name": n, "Type": t, "TTL": 300, "ResourceRecords": [{"Value": v}]}} for a, n, t, v in changes]
            return dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})["ChangeInfo"]

        def refuse(*changes):
            self.refused("InvalidChangeBatch", lambda: change(*changes))

        change(("CREATE", "*.x.test", "A", "198.18.0.1"), ("CREATE", "www.x.test", "CNAME", "x.test"))
        names = [r["Name"] for r in dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]]
        self.assertIn("\\052.x.test.", names)
        refuse(("CREATE", "www.x.test.", "CNAME", "y.test"))
        refuse(("CREATE", "new.x.test", "A", "198.18.0.1"), ("DELETE", "*.x.test", "A", "198.18.0.2"))
        refuse(("CREATE", "www.x.test", "A", "198.18.0.1"))
        refuse(("UPSERT", "x.test", "CNAME", "y.test"))
        refuse(("UPSERT", "elsewhere.test", "A", "198.18.0.1"))
        self.assertEqual([r["Name"] for r in dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]], names)
        change(("DELETE", "www.x.test", "CNAME", "x.test"), ("CREATE", "www.x.test", "A", "198.18.0.1"))
        self.control("strict", {"transition_ms": 60_000})
        pending = change(("DELETE", "\\052.x.test", "A", "198.18.0.1"), ("DELETE", "www.x.test", "A", "198.18.0.1"))
        self.assertEqual(pending["Status"], "PENDING")
        self.control("strict", {})
        self.assertEqual(dns.get_change(Id=pending["Id"])["ChangeInfo"]["Status"], "INSYNC")
        dns.delete_hosted_zone(Id=zone)
        self.refused("HostedZoneAlreadyExists", dns.create_hosted_zone, Name="x.test", CallerReference="1")


class SharedTest(unittest.TestCase):
    def test_it_stays_while_it_is_used_and_then_leaves(self):
        with tempfile.TemporaryDirectory() as folder:
            port = Path(folder, "port")
            with open(Path(folder, "used"), "a") as used:
                fcntl.flock(used, fcntl.LOCK_SH)
                process = subprocess.Popen([sys.executable, Path(__file__).with_name("emulator.py"), "--shared", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                while not port.exists():
                    time.sleep(0.1)
                with self.assertRaises(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
            self.assertEqual(process.wait(timeout=20), 0)
            self.assertFalse(port.exists())


if __name__ == "__main__":
    unittest.main()
