"""Gives users of this server keys for the lab's bucket, for an hour and in their own name. Written by labctl.

    credentials.py serve        answers at the socket that systemd hands over, until nobody has asked for a while
    credentials.py configure    writes the configuration that leads AWS's programs to ask-credentials

Nobody but root reaches the instance metadata, and with them the server's own role. Who connects is asked of the kernel,
and never of the other side; who has `bucket_access` in the plan gets keys of the role of the server's users, narrowed to
what the plan says. Nothing is read of a connection, so that nobody can hold others up.

What /etc/labctl/aws.env says counts more than what AWS's libraries find themselves, for private endpoints of S3 and STS.
"""

import argparse
import contextlib
import json
import os
import pwd
import socket
import struct
import sys
import time
from pathlib import Path

SETTINGS = Path("/etc/labctl/credentials.json")
AWS_ENVIRONMENT = Path("/etc/labctl/aws.env")
CONFIGURATION = Path("/run/labctl-credentials/config")
ASK = "/usr/local/lib/labctl/ask-credentials"
# What systemd hands over first (sd_listen_fds(3)).
LISTENER = 3
IDLE_SECONDS = 300
# The longest for a role that is taken on by way of another (IAM User Guide, "Role chaining").
KEY_SECONDS = 3600
# AWS's libraries ask again 15 minutes before keys end, and want others then.
REUSE_SECONDS = 1800
# Within what the role allows (IAM User Guide, "Session policies").
NARROWED = {
    "read": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}],
    },
    "read-write": None,
}


class Refused(Exception):
    """Says why there are no keys."""


class Broker:
    """Knows who may have keys, and gets them from AWS."""

    def __init__(self, settings, connect=None):
        self.settings, self.connect = settings, connect or connect_to_aws
        self.given = {}

    def answer(self, uid):
        """Gives keys as `credential_process` wants them, or the reason why there are none."""
        try:
            return self.keys(self.user(uid))
        except Refused as refused:
            return {"error": str(refused)}

    def user(self, uid):
        """The plan's user who asks."""
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            raise Refused("nobody on this server has your number") from None
        if name not in self.settings["users"]:
            raise Refused(f"`{name}` has no `bucket_access` in the lab's plan")
        return name

    def keys(self, name):
        """Keys in a user's name, those of before where they are good for long."""
        answer, until = self.given.get(name, (None, 0))
        if answer is None or time.monotonic() >= until:
            answer = self.ask(name)
            self.given[name] = answer, time.monotonic() + REUSE_SECONDS
        return answer

    def ask(self, name):
        """Takes the role on in a user's name, which AWS's records then show."""
        from botocore.exceptions import BotoCoreError, ClientError

        if not self.settings["role"]:
            raise Refused("labctl did not know the AWS account when it wrote this server's settings: run `labctl apply`")
        narrowed = NARROWED[self.settings["users"][name]]
        policy = {"Policy": json.dumps(narrowed)} if narrowed else {}
        try:
            found = self.connect(self.settings["region"]).assume_role(
                RoleArn=self.settings["role"],
                RoleSessionName=f"labctl-{name}",
                DurationSeconds=KEY_SECONDS,
                **policy,
            )["Credentials"]
        except (BotoCoreError, ClientError) as problem:
            print(f"no keys for {name}: {problem}", file=sys.stderr, flush=True)
            raise Refused(f"AWS gives no keys: {problem}") from None
        return {
            "Version": 1,
            "AccessKeyId": found["AccessKeyId"],
            "SecretAccessKey": found["SecretAccessKey"],
            "SessionToken": found["SessionToken"],
            "Expiration": found["Expiration"].isoformat(),
        }


def aws_environment():
    """What an administrator wrote about AWS."""
    if not AWS_ENVIRONMENT.exists():
        return {}
    lines = AWS_ENVIRONMENT.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def connect_to_aws(region):
    """A client of STS, with the keys of the server's role."""
    import boto3
    from botocore.config import Config

    os.environ.update(aws_environment())
    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    return boto3.Session().client("sts", region_name=region, config=config)


def serve(settings):
    """Answers one after the other, and ends when nobody has asked for a while."""
    broker = Broker(settings)
    with socket.socket(fileno=LISTENER) as listener:
        listener.settimeout(IDLE_SECONDS)
        while True:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                return
            with connection, contextlib.suppress(OSError):
                # It fits into the socket's buffer, so that nobody has to read it first.
                connection.settimeout(1)
                connection.sendall(json.dumps(broker.answer(uid_of(connection))).encode())


def uid_of(connection):
    """The number of the user at the other side; unix(7), `SO_PEERCRED`."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return uid


def configure(settings):
    """Writes the configuration for users, beside the socket."""
    endpoint = aws_environment().get("AWS_ENDPOINT_URL_S3")
    lines = ["[default]", f"region = {settings['region']}", f"credential_process = {ASK}"]
    if endpoint:
        lines += ["services = labctl", "[services labctl]", "s3 =", f"  endpoint_url = {endpoint}"]
    new = CONFIGURATION.with_suffix(".new")
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    new.chmod(0o644)
    new.replace(CONFIGURATION)


def main():
    """Does one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["serve", "configure"])
    what = parser.parse_args().what
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    serve(settings) if what == "serve" else configure(settings)


if __name__ == "__main__":
    main()
