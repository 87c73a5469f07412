"""The tools that `kills.py` kills: how each is run, and how its lab is judged."""

import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from outside import EXPECTED_MARKS, ONE_EACH, counts, differences, expected_facts, facts, lab_of, marks

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 600


@dataclass
class Ended:
    code: int
    output: str

    def tail(self, length):
        return self.output[-length:].strip()


class Tool:
    """A tool in a folder of its own: its input, its home, and what it notes down for itself."""

    def __init__(self, options, folder):
        self.binary = str(Path(shutil.which(options.binary) or options.binary).resolve())
        self.folder = folder / self.name
        (self.folder / "home/.ssh").mkdir(parents=True)
        # a key of which nobody knows the private half
        self.public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfVvvSp+vjveB+joCr3b9hXgAQZLoOL0Wg7g8pCsgOr kills\n"
        (self.folder / "home/.ssh/id_ed25519.pub").write_text(self.public_key)

    @contextmanager
    def copied(self):
        """The same in a copy of its folder."""
        own = copy(self)
        with tempfile.TemporaryDirectory(prefix="labctl-kill-") as name:
            own.folder = Path(name) / "copy"
            shutil.copytree(self.folder, own.folder, symlinks=True)
            yield own

    @property
    def pid_file(self):
        return self.folder / "pid"

    def environment(self, url):
        """Nobody's credentials, and nothing that steers a tool."""
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR")}
        return kept | {"HOME": str(self.folder / "home"), "NO_COLOR": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def run(self, command, url):
        """Runs a command to its end in a process group of its own, whose leader is noted before it begins."""
        with open(self.folder / "out", "w+") as out:
            noted = ["sh", "-c", 'echo $$ >pid.part && mv pid.part pid && exec "$@"', "sh", *map(str, command)]
            process = subprocess.Popen(noted, cwd=self.folder, env=self.environment(url), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
            code = process.wait(timeout=PATIENCE_SECONDS)
            out.seek(0)
            return Ended(code, out.read())

    def wrong(self, account, inventory, foreign, step):
        """What of the lab is not as the step has to leave it."""
        lab = lab_of(inventory, foreign)
        there = step != "destroy"
        wrong = differences({kind: int(there and kind in ONE_EACH) for kind in lab}, counts(lab))
        if wrong or not there:
            return wrong
        return self.judge(account, lab, "t3.small" if step == "resize" else "t3.micro")


class Labctl(Tool):
    name, bucket = "labctl", "do4ds-lab-penguins"

    def __init__(self, options, folder):
        super().__init__(options, folder)
        # Without the server's half, which names folders beside the plan.
        plan = re.sub(r"(?m)^workbench:.*\n(?:(?:[ \t#].*)?\n)*", "", (ROOT / "plans/do4ds-lab.yaml").read_text())
        (self.folder / "lab.yaml").write_text(plan)

    def environment(self, url):
        return super().environment(url) | {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true", "LABCTL_MY_IP": "203.0.113.7",
        }

    def prepare(self, step):
        if step == "resize":
            plan = self.folder / "lab.yaml"
            plan.write_text(re.sub(r"(?m)^(\s+instance_type:\s*)\S+", r"\g<1>t3.small", plan.read_text()))

    def command(self, step):
        if step == "destroy":
            return [self.binary, "destroy", "--yes", "--delete-zone"]
        return [self.binary, "apply", "--yes", "--only", "cloud"]

    def settled(self):
        """Ends with 0 where nothing is left to do."""
        return [self.binary, "plan", "--only", "cloud", "--detailed-exitcode"]

    def judge(self, account, lab, instance_type):
        found = facts(account, lab) | marks(account, lab)
        return differences(expected_facts(self.bucket, instance_type) | EXPECTED_MARKS, found)


class Terraform(Tool):
    name, bucket = "terraform", "do4ds-lab-terraform"

    def __init__(self, options, folder):
        super().__init__(options, folder)
        for file in options.configuration.glob("*.tf"):
            shutil.copy(file, self.folder)
        mirror = f'provider_installation {{\n  filesystem_mirror {{ path = "{options.mirror}" }}\n}}\n'
        (self.folder / "terraform.rc").write_text(mirror)
        self.instance_type = "t3.micro"
        ended = self.run([self.binary, "init", "-input=false"], "http://127.0.0.1:1")
        assert ended.code == 0, ended.output

    def environment(self, url):
        return super().environment(url) | {
            "TF_CLI_CONFIG_FILE": str(self.folder / "terraform.rc"), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
            "TF_VAR_endpoint": url, "TF_VAR_public_key": self.public_key, "TF_VAR_instance_type": self.instance_type,
        }

    def prepare(self, step):
        if step == "resize":
            self.instance_type = "t3.small"

    def command(self, step):
        return [self.binary, "destroy" if step == "destroy" else "apply", "-input=false", "-no-color", "-auto-approve"]

    def settled(self):
        return [self.binary, "plan", "-input=false", "-no-color", "-detailed-exitcode"]

    def judge(self, account, lab, instance_type):
        return differences(expected_facts(self.bucket, instance_type), facts(account, lab))


TOOLS = {tool.name: tool for tool in (Labctl, Terraform)}
