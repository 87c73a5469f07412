"""An emulated account whose requests are recorded and, where there is a policy, judged by it; and a lab in it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:0] = [str(Path(__file__).parent), str(ROOT / "tests/emulator")]

import emulator as emulation  # before moto, whose settings it makes
from sandbox.strict import error

import authorization
import boto3
import evaluator
from moto import settings
from moto.iam.access_control import IAMRequestBase

KEYS = {
    "id_one.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfVvvSp+vjveB+joCr3b9hXgAQZLoOL0Wg7g8pCsgOr test\n",
    "id_other.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhrMXX3HLBhAAbqbZBYxgBNpQsJ+2GBbOPAJ9LVJZfl test\n",
}
# Where moto knows an action by another name than IAM does (`moto/s3/responses.py`, ACTION_MAP).
MOTO_NAMES = {
    "tag:GetResources": "tagging:GetResources",
    "s3:GetEncryptionConfiguration": "s3:ListBucket",
    "s3:GetBucketPublicAccessBlock": "s3:ListBucket",
    "s3:PutEncryptionConfiguration": "s3:CreateBucket",
    "s3:PutBucketPublicAccessBlock": "s3:CreateBucket",
}


class Guarded(emulation.TestEmulator):
    """Says no where the policy does, before anything is done."""

    def __init__(self):
        super().__init__()
        self.policy, self.record, self.denied = None, [], []

    def perform(self, strict, call):
        with self.lock:
            # Past the policy, tests ask for what labctl never does.
            asked = authorization.asked_of(call) if self.policy else []
            self.record += asked
            for one in asked:
                if not evaluator.is_allowed(self.policy, one.action, one.resource, one.context):
                    self.denied.append(one)
                    code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
                    return error(call, 403, code, f"not authorized to perform {one.action} on {one.resource}")
            return super().perform(strict, call)


def serve():
    """Starts the emulator in this process; gives it and its port."""
    emulator = Guarded()
    emulator.warm_up()
    server = emulation.ThreadedWSGIServer("127.0.0.1", 0, emulator, handler=emulation.Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return emulator, server.server_port


class Lab:
    """A folder with a plan, an account of its own, and labctl in it."""

    def __init__(self, emulator, port, binary, account, plan):
        self.emulator, self.binary, self.account, self.secret = emulator, binary, account, "secret"
        self.endpoint = f"http://127.0.0.1:{port}"
        self.scratch = tempfile.TemporaryDirectory(prefix="labctl-iam-")
        self.folder = Path(self.scratch.name)
        (self.folder / ".ssh").mkdir()
        for name, text in KEYS.items():
            (self.folder / ".ssh" / name).write_text(text)
        self.plan = plan
        self.runs = []

    def edit(self, old, new):
        assert old in self.plan, f"no `{old}` in the plan"
        self.plan = self.plan.replace(old, new)

    def labctl(self, *arguments):
        (self.folder / "lab.yaml").write_text(self.plan)
        environment = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "LABCTL_MY_IP": "203.0.113.7",
        }
        return subprocess.run(
            [self.binary, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def policy(self, command=(), plan=None):
        """The policy that labctl prints for a command, or for all of them."""
        command = [command] if isinstance(command, str) else command
        now, self.plan = self.plan, plan or self.plan
        ran = self.labctl("doctor", "--iam-policy", *command)
        self.plan = now
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def run(self, command, *arguments, policies=None, code=0):
        """Runs labctl as somebody who is allowed nothing but the policy of the command, or these policies."""
        policies = policies or [self.policy(command)]
        statements = [statement for policy in policies for statement in policy["Statement"]]
        self.emulator.record, self.emulator.denied = [], []
        self.emulator.policy = {"Version": "2012-10-17", "Statement": statements}
        try:
            ran = self.labctl(command, *arguments)
        finally:
            self.emulator.policy = None
        assert not self.emulator.denied, f"{command}: denied: {self.emulator.denied}\n{ran.stderr}"
        assert ran.returncode == code, f"{command}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        for policy in policies:
            self.runs.append((command, json.dumps(policy), list(self.emulator.record)))
        return ran

    @contextlib.contextmanager
    def user_of_moto(self, actions):
        """Until its end labctl is a user of IAM who may do this, and moto judges each request; not its signature, of
        which moto 5.2 computes another one for Route 53."""
        iam = self.client("iam")
        actions = [MOTO_NAMES.get(action, action) for action in actions]
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        name = f"user-{len(iam.list_users()['Users'])}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        before = self.account, self.secret
        self.account, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        judged = mock.patch.object(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
        unsigned = mock.patch.object(IAMRequestBase, "check_signature", lambda request: None)
        try:
            with judged, unsigned:
                yield
        finally:
            self.account, self.secret = before

    def client(self, service, region="us-east-1"):
        """boto3, past the policy."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=self.account,
            aws_secret_access_key="secret",
        )

    def records(self, command, policy):
        """What was asked for in all runs of a command under a policy."""
        text = json.dumps(policy)
        return [one for ran, under, asked in self.runs if ran == command and under == text for one in asked]
