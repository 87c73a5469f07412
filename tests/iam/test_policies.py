"""The policies of `labctl doctor --iam-policy`: that they suffice, that nothing can be left out, and that AWS knows
what they say. Judged by `evaluator.py`, on the requests of the real program to the emulator; real IAM is not asked.

    python tests/iam/test_policies.py LABCTL
"""

import copy
import importlib.util
import json
import re
import sys
import unittest
from pathlib import Path

import support
from botocore.exceptions import ClientError
from evaluator import holds, is_allowed, many, matches, names

BINARY = str(Path(sys.argv.pop()).resolve()) if len(sys.argv) > 1 else "labctl"
REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text())
EMULATOR, PORT = support.serve()
# The program that takes that role on for users.
SPEC = importlib.util.spec_from_file_location("credentials", support.ROOT / "templates/aws/credentials.py")
credentials = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(credentials)

BARE = """\
lab: bare
region: us-east-1
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: ~/.ssh/id_one.pub, root_volume: { size: 20 GiB, type: gp3 } }
security_group:
  ingress:
    - { port: 22, from: [my-ip], description: SSH }
"""
WIDE = BARE.replace("bare", "wide") + """\
tags: { project: penguins }
elastic_ip: true
bucket: { name: labctl-iam-wide, versioning: true, instance_access: read-write }
dns:
  zone: wide.example
  records:
    - { name: "@", type: A, value: elastic-ip }
    - { name: "*", type: A, value: elastic-ip }
    - { name: www, type: CNAME, value: "@" }
github_actions: { repository: octocat/penguins, branch: main, access: read }
"""
CHALLENGED = BARE.replace("bare", "challenged") + """\
    - { port: 443, from: [anywhere], description: HTTPS }
elastic_ip: true
dns:
  zone: challenged.example
  records:
    - { name: "@", type: A, value: elastic-ip }
    - { name: "*", type: A, value: elastic-ip }
workbench:
  domain: challenged.example
  https: { mode: dns }
"""
BOUNDARY = "arn:aws:iam::100000000009:policy/boundary"
BOUNDED = WIDE.replace("wide", "bounded") + f"permissions_boundary: {BOUNDARY}\n"
PEOPLED = BARE.replace("bare", "peopled") + """\
    - { port: 443, from: [anywhere] }
bucket: { name: labctl-iam-peopled, instance_access: read }
workbench:
  users:
    - { name: ada, bucket_access: read-write }
    - { name: bob, bucket_access: true }
  api: { image: "ours/model:1", model: s3://labctl-iam-peopled/flippers }
"""
# All that a plan can have at once.
CROWDED = BOUNDED.replace("description: SSH }\n", "description: SSH }\n    - { port: 443, from: [anywhere] }\n")
CROWDED += "workbench:\n  users:\n    - { name: ada, bucket_access: true }\n"
APART = BARE.replace("bare", "apart") + "network: dedicated\n"
# Asked for only to say in a message what is in the way, after minutes of waiting.
FOR_MESSAGES = {"ec2:DescribeNetworkInterfaces"}


def superfluous(policy, asked):
    """The actions that could be left out of a policy and all that was asked for would still be allowed."""
    left = []
    for action in sorted({action for statement in policy["Statement"] for action in statement["Action"]}):
        less = copy.deepcopy(policy)
        for statement in less["Statement"]:
            statement["Action"] = [other for other in statement["Action"] if other != action]
        fits = [one for one in asked if is_allowed(policy, one.action, one.resource, one.context)]
        if all(is_allowed(less, one.action, one.resource, one.context) for one in fits):
            left.append(action)
    return left


class Policies(unittest.TestCase):
    maxDiff = None

    def lab(self, account, plan):
        return support.Lab(EMULATOR, PORT, BINARY, account, plan)

    def assert_least(self, lab, command, policy, without=frozenset()):
        self.assertEqual(superfluous(policy, lab.records(command, policy)), sorted(without), command)

    def test_the_least_lab(self):
        lab = self.lab("100000000001", BARE)
        lab.run("plan")
        lab.run("apply", "--yes")
        for command in ("plan", "status", "stop", "start"):
            lab.run(command)
        for command in ("plan", "status", "stop", "start"):
            # An empty account is looked through for a lab of before, a lab that is there is not.
            self.assert_least(lab, command, lab.policy(command), ONLY_OF_EMPTY if command not in ("plan",) else ())
        lab.run("destroy", "--yes")

    def test_a_lab_of_everything_that_is_changed_in_every_way(self):
        lab = self.lab("100000000002", WIDE)
        EMULATOR.world(lab.account).strict.transition_ms = 200
        policy = [lab.policy("apply")]
        lab.run("plan")
        lab.run("apply", "--yes")
        EMULATOR.world(lab.account).strict.transition_ms = 0
        self.drift(lab)
        edits = [
            ("t3.micro", "t3.small"),
            ("{ project: penguins }", "{ course: penguins }"),
            ("20 GiB", "21 GiB"),
            ("from: [my-ip], description: SSH", "from: [my-ip], description: the shell"),
            ("[my-ip], description: the shell", "[203.0.113.0/24], description: the shell"),
            ("instance_access: read-write", "instance_access: read"),
            ("branch: main", "branch: trunk"),
            ("lab: wide", "protect: true\nlab: wide"),
            ("protect: true\n", ""),
            ("versioning: true", "versioning: false"),
            ("id_one", "id_other"),
            ("branch: trunk, access: read }", "branch: trunk, access: read-write }"),
        ]
        for old, new in edits:
            lab.edit(old, new)
            lab.run("apply", "--yes", policies=policy)
        self.take_away(lab, policy)
        lab.edit("ubuntu-24.04", "ubuntu-22.04")
        lab.run("apply", "--yes", "--replace", "instance", policies=policy)
        network = lab.policy("apply", lab.plan + "network: dedicated\n")
        lab.plan += "network: dedicated\n"
        lab.run("apply", "--yes", "--replace", "instance", policies=[*policy, network])
        self.assert_least(lab, "apply", policy[0], FOR_MESSAGES)
        self.destroy(lab)

    def test_the_server_answers_challenges_and_forges_nothing(self):
        lab = self.lab("100000000006", CHALLENGED)
        lab.run("apply", "--yes", "--only", "cloud")
        found = lab.client("iam").get_role_policy(RoleName="challenged-us-east-1", PolicyName="labctl")
        policy = found["PolicyDocument"]
        zone = lab.client("route53").list_hosted_zones()["HostedZones"][0]["Id"].rpartition("/")[2]

        def may_change(names, types, zone=zone):
            prefix = "route53:ChangeResourceRecordSets"
            context = {f"{prefix}NormalizedRecordNames": names, f"{prefix}RecordTypes": types}
            return is_allowed(policy, prefix, f"arn:aws:route53:::hostedzone/{zone}", context)

        challenge = "_acme-challenge.challenged.example"
        self.assertTrue(may_change([challenge], ["TXT"]))
        for asked, types in (
            (["labctl-a.challenged.example"], ["TXT"]),
            ([challenge, "challenged.example"], ["TXT", "TXT"]),
            ([challenge], ["CNAME"]),
            ([f"a.{challenge}"], ["TXT"]),
        ):
            self.assertFalse(may_change(asked, types), asked)
        self.assertFalse(may_change([challenge], ["TXT"], zone="ZOTHER"))
        self.assertTrue(is_allowed(policy, "route53:GetChange", "arn:aws:route53:::change/C1", {}))
        self.assertTrue(is_allowed(policy, "route53:ListHostedZones", "*", {}))
        for action in ("s3:GetObject", "route53:DeleteHostedZone", "route53:ListResourceRecordSets", "iam:PutRolePolicy"):
            self.assertFalse(is_allowed(policy, action, f"arn:aws:route53:::hostedzone/{zone}", {}), action)

    def test_users_reach_the_bucket_and_no_model(self):
        """The role that the server takes on for its users, with and without what narrows it for one who only reads."""
        lab = self.lab("100000000011", PEOPLED)
        lab.run("apply", "--yes", "--only", "cloud")
        lab.run("plan", "--only", "cloud")
        iam = lab.client("iam")
        role = iam.get_role(RoleName="peopled-us-east-1-users")["Role"]
        server = "arn:aws:iam::100000000011:role/peopled-us-east-1"
        principals = [one["Principal"] for one in many(role["AssumeRolePolicyDocument"]["Statement"])]
        self.assertEqual(principals, [{"AWS": server}], "only the server takes it on")
        policy = iam.get_role_policy(RoleName="peopled-us-east-1-users", PolicyName="labctl")["PolicyDocument"]
        narrowed = credentials.NARROWED["read"]
        ours = {"aws:ResourceAccount": "100000000011"}
        bucket = "arn:aws:s3:::labctl-iam-peopled"

        def may(action, key, context=ours, session=None):
            asked = (f"s3:{action}", f"{bucket}/{key}" if key else bucket, context)
            return is_allowed(policy, *asked) and (session is None or is_allowed(session, *asked))

        for key in ("ada/data.csv", "flippers.csv", "labctl-models.csv"):
            for action in ("GetObject", "PutObject", "DeleteObject"):
                self.assertTrue(may(action, key), (action, key))
            self.assertTrue(may("GetObject", key, session=narrowed), key)
            for action in ("PutObject", "DeleteObject"):
                self.assertFalse(may(action, key, session=narrowed), (action, key))
        self.assertTrue(may("ListBucket", "", session=narrowed))
        for key in ("labctl-models/0123/penguins/model.pkl", "flippers/model.json", "flippers"):
            for action in ("GetObject", "PutObject", "DeleteObject", "GetObjectVersion"):
                self.assertFalse(may(action, key), (action, key))
        # Of a bucket of this name in another account, and of all else, nothing.
        self.assertFalse(may("GetObject", "ada/data.csv", {"aws:ResourceAccount": "999999999999"}))
        for action, resource in [("s3:DeleteBucket", bucket), ("sts:AssumeRole", server), ("iam:GetRole", server), ("route53:ListHostedZones", "*")]:
            self.assertFalse(is_allowed(policy, action, resource, ours), action)
        # The server's own role takes on this one, and no other.
        own = iam.get_role_policy(RoleName="peopled-us-east-1", PolicyName="labctl")["PolicyDocument"]
        self.assertTrue(is_allowed(own, "sts:AssumeRole", role["Arn"], {}))
        self.assertFalse(is_allowed(own, "sts:AssumeRole", role["Arn"] + "-other", {}))
        self.assertFalse(is_allowed(own, "sts:AssumeRole", server, {}))
        lab.run("destroy", "--yes")

    def drift(self, lab):
        """Changes past labctl what the plan has no word for, so that apply has to put it right."""
        s3, ec2 = lab.client("s3"), lab.client("ec2")
        s3.delete_public_access_block(Bucket="labctl-iam-wide")
        s3.delete_bucket_encryption(Bucket="labctl-iam-wide")
        lab.client("iam").put_role_permissions_boundary(RoleName="wide-us-east-1", PermissionsBoundary=self.managed(lab))
        # Without the lab's own marks it would not be the lab's.
        tags = [tag for tag in s3.get_bucket_tagging(Bucket="labctl-iam-wide")["TagSet"] if tag["Key"].startswith("labctl:")]
        s3.put_bucket_tagging(Bucket="labctl-iam-wide", Tagging={"TagSet": tags})
        instance = ec2.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
        ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")

    def take_away(self, lab, policy):
        """Takes each section out of the plan, and puts it back."""
        for old, new in [
            ("instance_access: read", "instance_access: none"),
            ("elastic_ip: true\n", ""),
            ('    - { name: www, type: CNAME, value: "@" }\n', ""),
            ("github_actions: { repository: octocat/penguins, branch: trunk, access: read-write }\n", ""),
        ]:
            before = lab.plan
            if "elastic_ip" in old:
                lab.plan = lab.plan.replace("value: elastic-ip", "value: 192.0.2.1")
            lab.edit(old, new)
            if "instance_access" in old:
                lab.client("iam").attach_role_policy(RoleName="wide-us-east-1", PolicyArn=self.managed(lab))
                lab.run("apply", "--yes", policies=policy, code=1)
                lab.client("iam").detach_role_policy(RoleName="wide-us-east-1", PolicyArn=self.managed(lab))
            lab.run("apply", "--yes", policies=policy)
            lab.plan = before
            lab.run("apply", "--yes", policies=policy)

    def managed(self, lab):
        iam = lab.client("iam")
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}
        known = [one["Arn"] for one in iam.list_policies(Scope="Local")["Policies"]]
        return known[0] if known else iam.create_policy(PolicyName="other", PolicyDocument=json.dumps(document))["Policy"]["Arn"]

    def destroy(self, lab):
        s3 = lab.client("s3")
        s3.put_bucket_versioning(Bucket="labctl-iam-wide", VersioningConfiguration={"Status": "Enabled"})
        for body in (b"one", b"two"):
            s3.put_object(Bucket="labctl-iam-wide", Key="model", Body=body)
        s3.delete_object(Bucket="labctl-iam-wide", Key="model")
        policy = lab.policy("destroy")
        lab.run("destroy", "--yes", "--empty-bucket", "--delete-zone")
        self.assertEqual(lab.client("ec2").describe_key_pairs()["KeyPairs"], [])
        self.assert_least(lab, "destroy", policy, FOR_MESSAGES | {"iam:ListAttachedRolePolicies"})

    def test_a_network_of_its_own(self):
        lab = self.lab("100000000003", APART)
        policy = lab.policy("apply")
        lab.run("plan")
        lab.run("apply", "--yes")
        lab.run("status")
        self.assert_least(lab, "status", lab.policy("status"), ONLY_OF_EMPTY)
        lab.edit("network: dedicated\n", "")
        lab.run("apply", "--yes", "--replace", "instance", policies=[policy, lab.policy("apply")])
        asked = lab.records("apply", policy)
        # What other edits are for is shown on the lab of everything.
        network = {action for action in superfluous(policy, asked) if any(word in action for word in NETWORK_WORDS)}
        self.assertEqual(network, set())

    def test_what_is_adopted(self):
        lab = self.lab("100000000004", BARE.replace("bare", "taken") + "elastic_ip: true\nbucket: { name: labctl-iam-taken }\n")
        lab.run("apply", "--yes", policies=[lab.policy("apply", BARE.replace("bare", "taken")), lab.policy("apply")], code=0)
        other = self.lab("100000000004", BARE.replace("bare", "other") + "elastic_ip: true\nbucket: { name: labctl-iam-other }\n")
        other.client("s3").create_bucket(Bucket="labctl-iam-other")
        other.client("s3").put_object(Bucket="labctl-iam-other", Key="a", Body=b"a")
        address = other.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
        other.run("adopt", "elastic_ip", address, "--yes")
        other.run("adopt", "bucket", "labctl-iam-other", "--yes")

    def test_a_model_of_the_laptop_is_uploaded(self):
        bucket = "bucket: { name: labctl-iam-model, instance_access: read }\n"
        api = "workbench: { api: { image: ours/model:1, model: %s } }\n"
        web = "    - { port: 443, from: [anywhere] }\n"
        lab = self.lab("100000000008", BARE.replace("bare", "model") + web + bucket + api % "model")
        (lab.folder / "model").mkdir()
        (lab.folder / "model" / "model.json").write_text("{}")
        policy = lab.policy("apply")
        # The second time it is looked for in the bucket, which is there by then.
        for _ in range(2):
            lab.run("apply", "--yes", "--only", "cloud")
        left = superfluous(policy, lab.records("apply", policy))
        self.assertNotIn("s3:PutObject", left, "it is asked for and needed")
        self.assertNotIn("s3:ListBucketVersions", left, "it is asked for and needed")
        lab.edit("model: model", "model: s3://labctl-iam-model/model")
        there = [action for one in lab.policy("apply")["Statement"] for action in one["Action"]]
        self.assertNotIn("s3:PutObject", there, "a model that is in the bucket is not uploaded")

    def test_nothing_of_others_is_touched(self):
        """Under the policy of everything, another lab's resources stay out of reach."""
        lab = self.lab("100000000005", WIDE.replace("wide", "mine"))
        policy = lab.policy("apply")
        tags = lambda of, lab: {f"aws:{of}/labctl:lab": lab, f"aws:{of}/labctl:region": "us-east-1"}
        arn = "arn:aws:ec2:us-east-1:100000000005:"
        for action, resource in [("ec2:StopInstances", "instance/i-1"), ("ec2:TerminateInstances", "instance/i-1"),
                                 ("ec2:CreateTags", "instance/i-1"), ("ec2:DeleteSecurityGroup", "security-group/sg-1")]:
            ours, others = tags("ResourceTag", "mine"), tags("ResourceTag", "other")
            self.assertTrue(is_allowed(policy, action, arn + resource, ours), action)
            self.assertFalse(is_allowed(policy, action, arn + resource, others), action)
            self.assertFalse(is_allowed(policy, action, arn + resource, {}), action)
            elsewhere = (arn + resource).replace("us-east-1", "eu-west-1")
            self.assertFalse(is_allowed(policy, action, elsewhere, ours), action)
        self.assertFalse(is_allowed(policy, "ec2:RunInstances", arn + "instance/*", tags("RequestTag", "other")))
        role = "arn:aws:iam::100000000005:role/mine-us-east-1"
        passing = {"iam:PassedToService": "ec2.amazonaws.com"}
        self.assertTrue(is_allowed(policy, "iam:PassRole", role, passing))
        self.assertFalse(is_allowed(policy, "iam:PassRole", role, {"iam:PassedToService": "lambda.amazonaws.com"}))
        self.assertFalse(is_allowed(policy, "iam:PassRole", role, {}))
        self.assertFalse(is_allowed(policy, "iam:PassRole", role.replace("mine", "admin"), passing))
        self.assertFalse(is_allowed(policy, "s3:DeleteBucket", "arn:aws:s3:::other", {}))
        key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        zone = "arn:aws:route53:::hostedzone/Z1"
        change = "route53:ChangeResourceRecordSets"
        self.assertTrue(is_allowed(policy, change, zone, {key: ["mine.example", "www.mine.example", "\\052.mine.example"]}))
        self.assertFalse(is_allowed(policy, change, zone, {key: ["mine.example", "other.example"]}))
        self.assertFalse(is_allowed(policy, change, zone, {key: ["notmine.example"]}))

    def test_a_lab_of_before_is_put_within_the_boundary(self):
        unbounded = BOUNDED.replace(f"permissions_boundary: {BOUNDARY}\n", "")
        lab = self.lab("100000000009", unbounded)
        lab.run("apply", "--yes")
        # The boundary comes first, and then all else that only roles within it may be given.
        lab.plan = BOUNDED
        lab.edit("access: read }", "access: read-write }")
        lab.edit("branch: main", "branch: trunk")
        policy = lab.policy("apply")
        lab.run("apply", "--yes")
        for old, new in [("read-write }\ndns", "none }\ndns"), ("none }\ndns", "read-write }\ndns")]:
            lab.edit(old, new)
            lab.run("apply", "--yes", policies=[policy])
        iam = lab.client("iam")
        roles = [iam.get_role(RoleName=one["RoleName"])["Role"] for one in iam.list_roles()["Roles"]]
        self.assertEqual([one["PermissionsBoundary"]["PermissionsBoundaryArn"] for one in roles], [BOUNDARY] * 2)
        left = superfluous(policy, lab.records("apply", policy))
        self.assertEqual([one for one in GRANTING if one in left], [])
        lab.plan = unbounded
        lab.run("apply", "--yes")
        self.assertFalse(any("PermissionsBoundary" in iam.get_role(RoleName=one["RoleName"])["Role"] for one in roles))
        lab.run("destroy", "--yes", "--delete-zone")

    def test_the_holder_cannot_become_administrator_past_a_boundary(self):
        """Each way to more rights that is known of IAM, tried as the holder of the policy of all commands."""
        lab = self.lab("100000000009", BOUNDED.replace("lab: bounded", "lab: held"))
        lab.run("apply", "--yes")
        iam = lab.client("iam")
        # One that an administrator made, by the very name of the lab's; and no boundary.
        trust = json.dumps(iam.get_role(RoleName="held-us-east-1")["Role"]["AssumeRolePolicyDocument"])
        everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        iam.delete_role_permissions_boundary(RoleName="held-us-east-1-github")
        iam.delete_role_policy(RoleName="held-us-east-1-github", PolicyName="labctl")
        iam.delete_role(RoleName="held-us-east-1-github")
        tags = [{"Key": "labctl:lab", "Value": "held"}, {"Key": "labctl:region", "Value": "us-east-1"}]
        role, bounded = {"RoleName": "held-us-east-1-github"}, {"RoleName": "held-us-east-1"}
        new = {**role, "AssumeRolePolicyDocument": trust, "Tags": tags}
        policy = {"PolicyName": "labctl", "PolicyDocument": everything}
        attacks = [
            ("create_role", new, "iam:CreateRole"),
            ("create_role", {**new, "PermissionsBoundary": ADMINISTRATOR}, "iam:CreateRole"),
            ("delete_role_permissions_boundary", bounded, "iam:DeleteRolePermissionsBoundary"),
            ("put_role_permissions_boundary", {**bounded, "PermissionsBoundary": ADMINISTRATOR}, "iam:PutRolePermissionsBoundary"),
            ("attach_role_policy", {**bounded, "PolicyArn": ADMINISTRATOR}, "iam:AttachRolePolicy"),
        ]
        all_commands = lab.policy()
        self.attack(lab, all_commands, attacks)
        iam.create_role(**new)
        self.attack(lab, all_commands, [
            ("put_role_policy", {**role, **policy}, "iam:PutRolePolicy"),
            ("update_assume_role_policy", {**role, "PolicyDocument": trust}, "iam:UpdateAssumeRolePolicy"),
        ])
        for action, resource in [
            ("iam:CreatePolicyVersion", BOUNDARY), ("iam:SetDefaultPolicyVersion", BOUNDARY), ("iam:DeletePolicy", BOUNDARY),
            ("iam:CreatePolicy", BOUNDARY), ("iam:CreateUser", "*"), ("iam:CreateAccessKey", "*"), ("iam:PutUserPolicy", "*"),
            ("sts:AssumeRole", "arn:aws:iam::100000000009:role/held-us-east-1"),
        ]:
            self.assertFalse(is_allowed(all_commands, action, resource, {"iam:PermissionsBoundary": BOUNDARY}), action)

    def attack(self, lab, policy, calls):
        for name, arguments, action in calls:
            EMULATOR.policy, EMULATOR.denied = policy, []
            try:
                with self.assertRaises(ClientError) as refused:
                    getattr(lab.client("iam"), name)(**arguments)
            finally:
                EMULATOR.policy = None
            self.assertEqual(refused.exception.response["Error"]["Code"], "AccessDenied")
            self.assertEqual([one.action for one in EMULATOR.denied], [action])

    def test_nothing_that_gives_rights_is_without_the_boundary(self):
        lab = self.lab("100000000010", BOUNDED)
        for command in COMMANDS:
            for statement in lab.policy(command)["Statement"]:
                bound = statement.get("Condition", {}).get("StringEquals", {}).get("iam:PermissionsBoundary")
                for action in set(statement["Action"]) & GRANTING:
                    self.assertEqual(bound, BOUNDARY, action)
            ran = lab.labctl("doctor", "--iam-policy", *command)
            self.assertEqual(ran.stderr, "")
        # Without one, the policy is given away only with a word about what it is.
        lab.plan = BOUNDED.replace(f"permissions_boundary: {BOUNDARY}\n", "")
        for command in COMMANDS:
            ran = lab.labctl("doctor", "--iam-policy", *command)
            gives = any(set(statement["Action"]) & GRANTING for statement in json.loads(ran.stdout)["Statement"])
            self.assertEqual("can become administrator" in ran.stderr, gives, command)
            self.assertEqual(gives, command in ([], ["apply"]))

    def test_moto_lets_pass_whom_a_policy_allows_and_nobody_else(self):
        """moto judges actions alone: it refuses what has a condition, and most resources it does not know."""
        # A user's key leads to this account and no other.
        lab = self.lab("123456789012", WIDE.replace("wide", "judged"))
        for command, arguments in [("plan", []), ("apply", ["--yes"]), ("destroy", ["--yes", "--delete-zone"])]:
            policy = lab.policy(command)
            actions = sorted({action for statement in policy["Statement"] for action in statement["Action"]})
            with lab.user_of_moto([action for action in actions if action != JUDGED[command]]):
                refused = lab.labctl(command, *arguments)
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn(JUDGED[command], refused.stderr)
            with lab.user_of_moto(actions):
                ran = lab.labctl(command, *arguments)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertEqual(lab.client("ec2").describe_key_pairs()["KeyPairs"], [])

    def test_aws_knows_all_that_a_policy_says(self):
        for plan in (BARE, WIDE, BOUNDED, PEOPLED, APART):
            lab = self.lab("100000000006", plan)
            for command in ("plan", "apply", "destroy", "status", "start", "stop", "adopt", "ssh"):
                for statement in lab.policy(command)["Statement"]:
                    self.check(statement)

    def check(self, statement):
        """Each action takes one of the resources, each resource is taken, and each key belongs to the two."""
        keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
        taken = set()
        for action in statement["Action"]:
            known = REFERENCE["actions"][action]
            pairs = [(kind, one) for kind in known["resources"] for one in statement["Resource"] if is_of(action, kind, one)]
            taken.update(one for _, one in pairs)
            if statement["Resource"] == ["*"]:
                # Not even AWS can limit it.
                self.assertFalse([kind for kind, required in known["resources"].items() if required], action)
                taken.add("*")
            else:
                self.assertTrue(pairs, f"{action} on {statement['Resource']}")
            service = action.split(":")[0]
            for kind in {kind for kind, _ in pairs} or {None}:
                allowed = known["keys"] + REFERENCE["resources"].get(f"{service}:{kind}", {"keys": []})["keys"]
                for key in keys:
                    general = f"{key.split('/')[0]}/${{TagKey}}" if "/" in key else key
                    self.assertIn(general, allowed, f"{action} on {kind}")
        self.assertEqual(taken, set(statement["Resource"]))

    def test_policies_are_small_enough(self):
        for plan in (BARE, WIDE, BOUNDED, CROWDED, APART):
            for command in ("plan", "apply", "destroy"):
                text = json.dumps(self.lab("100000000007", plan).policy(command), separators=(",", ":"))
                # IAM User Guide, "IAM and AWS STS quotas": a managed policy.
                self.assertLessEqual(len(text), 6144, command)


def is_of(action, kind, resource):
    """Whether a resource of a policy is of a type that AWS names."""
    service = action.split(":")[0]
    form = REFERENCE["resources"].get(f"{service}:{kind}", {"arn": ""})["arn"]
    form = re.sub(r"\$\{\w+\}", "*", form)
    # `*` in a policy's own ARN stands for any account, or any name.
    return bool(form) and names(form, resource.replace("*/*", f"{kind}/*"))


# What gives a role rights, or gives it to somebody.
GRANTING = {
    "iam:CreateRole", "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy",
}
# An empty one stands for all of them.
COMMANDS = [[], *([command] for command in ("plan", "apply", "destroy", "status", "start", "stop", "adopt", "ssh"))]
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
# One action of each command, without which it cannot do its work.
JUDGED = {"plan": "ec2:DescribeInstances", "apply": "ec2:RunInstances", "destroy": "ec2:TerminateInstances"}
ONLY_OF_EMPTY = {"iam:GetOpenIDConnectProvider", "route53:ListHostedZonesByName"}
NETWORK_WORDS = ("Vpc", "Subnet", "Gateway", "Route")


class Evaluator(unittest.TestCase):
    def test_texts_match_as_in_iam(self):
        self.assertTrue(matches("a*c?", "abbcd"))
        self.assertFalse(matches("a*", "b"))
        self.assertTrue(names("arn:aws:ec2:us-east-1:*:instance/*", "arn:aws:ec2:us-east-1:1:instance/i-1"))
        self.assertFalse(names("arn:aws:ec2:*:instance/*", "arn:aws:ec2:us-east-1:1:instance/i-1"))
        self.assertTrue(names("arn:aws:s3:::a/*", "arn:aws:s3:::a/b/c:d"))

    def test_conditions_hold_as_in_iam(self):
        equal = {"StringEquals": {"aws:ResourceTag/a": "b"}}
        self.assertTrue(holds(equal, {"AWS:resourcetag/A": "b"}))
        self.assertFalse(holds(equal, {"aws:ResourceTag/a": "B"}))
        self.assertFalse(holds(equal, {}))
        every = {"ForAllValues:StringLike": {"k": ["x", "*.x"]}}
        self.assertTrue(holds(every, {"k": ["x", "y.x"]}))
        self.assertTrue(holds(every, {}))
        self.assertFalse(holds(every, {"k": ["x", "yx"]}))
        with self.assertRaises(ValueError):
            holds({"StringMaybe": {"k": "x"}}, {})

    def test_a_denial_goes_before_all_else(self):
        policy = {"Statement": [
            {"Effect": "Allow", "Action": "a:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "a:*", "Resource": "arn:aws:a:::x/*"},
        ]}
        self.assertTrue(is_allowed(policy, "a:One", "arn:aws:a:::x", {}))
        self.assertFalse(is_allowed(policy, "a:One", "arn:aws:a:::x/y", {}))

    def test_one_statement_has_to_allow_it_all(self):
        policy = {"Statement": [
            {"Effect": "Allow", "Action": "a:One", "Resource": "*", "Condition": {"StringEquals": {"k": "v"}}},
            {"Effect": "Allow", "Action": ["a:Two"], "Resource": "arn:aws:a:::x"},
        ]}
        self.assertTrue(is_allowed(policy, "a:one", "arn:aws:a:::y", {"k": "v"}))
        self.assertFalse(is_allowed(policy, "a:One", "arn:aws:a:::y", {}))
        self.assertFalse(is_allowed(policy, "a:Two", "arn:aws:a:::y", {"k": "v"}))


if __name__ == "__main__":
    # Folders of labs are removed with them.
    unittest.main(warnings="ignore")
