"""The gate of the users' access to the bucket: who has it, reads there, and nobody else gets keys."""

from __future__ import annotations

import pwd
import subprocess
from typing import TYPE_CHECKING

from .gates_of_host import Refused

if TYPE_CHECKING:
    from .job import Job
    from .messages import BucketAccessGate

ASK = "/usr/local/lib/labctl/ask-credentials"
# What the profile leads users to, and nothing else of theirs.
ENVIRONMENT = {
    "AWS_CONFIG_FILE": "/run/labctl-credentials/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
}
PYTHON = "/opt/labctl-aws/bin/python"
# Run as the user in question.
LIST = """
import sys
import boto3
from botocore.exceptions import BotoCoreError, ClientError
try:
    boto3.client("s3").list_objects_v2(Bucket=sys.argv[1], MaxKeys=1)
except (BotoCoreError, ClientError) as problem:
    sys.exit(str(problem))
"""
SECONDS = 90
# What the service says to whom the plan gives nothing.
NO_ACCESS = "has no `bucket_access`"


def bucket_access(_job: Job, gate: BucketAccessGate) -> str:
    """One user lists the bucket by keys of their own; all others get keys, or are refused, as the plan has it."""
    for name in gate["others"]:
        code, said = _as_user(name, [ASK])
        if code == 0:
            raise Refused(f"user `{name}` gets keys for the bucket", is_final=True)
        if NO_ACCESS not in said:
            raise Refused(f"user `{name}` is not refused as the plan has it: {said}")
    for name in gate["users"]:
        code, said = _as_user(name, [ASK])
        if code != 0:
            raise Refused(f"user `{name}` gets no keys for the bucket: {said}")
    first = gate["users"][0]
    code, said = _as_user(first, [PYTHON, "-I", "-c", LIST, gate["bucket"]])
    if code != 0:
        raise Refused(f"user `{first}` cannot list the bucket `{gate['bucket']}`: {said}")
    return "of " + ", ".join(gate["users"])


def _as_user(name: str, command: list[str]) -> tuple[int, str]:
    """Runs a command as a user of the server; gives its exit code, and the last line that it complains with."""
    account = pwd.getpwnam(name)
    answer = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env={**ENVIRONMENT, "HOME": account.pw_dir},
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        timeout=SECONDS,
        check=False,
    )
    return answer.returncode, (answer.stderr.strip().splitlines() or [""])[-1]
