"""A sandbox's process for tests, as labctl runs it; with what the tests ask from outside."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "python/sandbox/sandbox"


def wait_until(what, condition, seconds=60):
    """Asks ten times a second until it is so."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come in {seconds} s")
        time.sleep(0.1)


def docker(*arguments):
    """What docker prints."""
    answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise AssertionError(f"docker {' '.join(arguments)}: {answer.stderr}")
    return answer.stdout.strip()


def answered(request):
    """The status with which a request is answered."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


class Sandbox:
    """A lab of its own, in a folder of its own; `end` leaves nothing of it."""

    def __init__(self, engine="none", image=None):
        self.folder = Path(tempfile.mkdtemp(prefix="labctl-sandbox-test."))
        self.lab = f"test-{os.getpid()}-{self.folder.suffix[1:].lower().replace('_', '0')}"
        self.name = f"{self.lab}-{hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:6]}"
        self.engine, self.image = engine, image
        self.process = None

    def command(self, name, *more):
        """The command line of a command."""
        return [sys.executable, "-I", "-B", PROGRAM, name, "--folder", self.folder, "--lab", self.lab, "--engine", self.engine, *more]

    def up(self, env=None):
        """Starts the process and waits until it is ready."""
        (self.folder / "process.json").unlink(missing_ok=True)
        image = ["--image", self.image] if self.image else []
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(self.command("serve", "--program", "test", *image), stderr=log, env=env)
        wait_until("process.json", (self.folder / "process.json").exists, 30)
        self.known = json.loads((self.folder / "process.json").read_text())
        self.url = f"http://127.0.0.1:{self.known['port']}"
        return self

    def kill(self):
        """Ends the process as hard as can be."""
        self.process.kill()
        self.process.wait()

    def down(self, *more):
        """Shuts the process down and cleans up, as labctl does."""
        if self.process and self.process.poll() is None:
            self.ask("shutdown", {})
            self.process.wait(timeout=30)
        return self.clean(*more)

    def clean(self, *more):
        """Runs `clean` and gives what it tells."""
        answer = subprocess.run(self.command("clean", *more), capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise AssertionError(f"clean: {answer.stderr}")
        return json.loads(answer.stdout)

    def end(self):
        """Leaves nothing behind."""
        if self.process and self.process.poll() is None:
            self.kill()
        self.clean("--forget")
        shutil.rmtree(self.folder)

    def ask(self, path, body=None, **headers):
        """Asks the control API."""
        headers = {"X-Labctl-Sandbox": self.known["token"], **headers}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/labctl-sandbox/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def code(self, path, method="GET", **headers):
        """The status with which a request is answered."""
        return answered(urllib.request.Request(self.url + path, method=method, headers=headers))

    def client(self, service, **other):
        """A client of the emulated AWS, with the sandbox's key unless another one is named."""
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, signature_version="v4" if service != "s3" else "s3v4")
        key = {"aws_access_key_id": self.known["access_key"], "aws_secret_access_key": self.known["secret_key"]}
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", config=config, **{**key, **other})

    def run_instance(self, **more):
        """Runs an instance and gives its id."""
        ec2 = self.client("ec2")
        image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
        return ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]

    def instance(self, identity):
        """An instance as AWS describes it."""
        return self.client("ec2").describe_instances(InstanceIds=[identity])["Reservations"][0]["Instances"][0]

    def state(self, identity):
        """The state of an instance."""
        return self.instance(identity)["State"]["Name"]

    def wait_for(self, identity, state):
        """Waits until an instance is in a state."""
        try:
            wait_until(f"`{state}` of {identity}", lambda: self.state(identity) == state)
        except AssertionError as problem:
            log = (self.folder / "log").read_text()
            raise AssertionError(f"{problem}: {self.ask('status')}\n{log}") from None

    def machine(self, identity):
        """What the sandbox tells of an instance's server."""
        return next((m for m in self.ask("status")["machines"] if m["id"] == identity), None)

    def container(self, identity):
        """The name of an instance's container."""
        return f"labctl-sandbox-{self.name}-{identity}"

    def left(self):
        """Everything that docker has of this lab."""
        ours = ["--filter", f"label=labctl.sandbox={self.name}", "--quiet"]
        return [*docker("ps", "--all", *ours).split(), *docker("network", "ls", *ours).split(), *docker("image", "ls", *ours).split()]

    def processes(self):
        """The process and its children, by id, as noted."""
        children = json.loads((self.folder / "children.json").read_text())
        return [self.process.pid, *(child["pid"] for child in children)]


def is_alive(pid):
    """Is there such a process that has not ended?"""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
