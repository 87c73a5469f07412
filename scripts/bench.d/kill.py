"""Kills labctl and Terraform in the middle of their work, runs them again, and looks what is left.

    scripts/bench kill [--only labctl|terraform] [--points 5] [--steps apply,resize,destroy] [--jobs 2]

Both make the same lab on the emulator, as `scripts/bench` does. labctl is killed by SIGKILL before and
after every one of its calls; Terraform, whose runs take a minute, before and after --points calls of each
step, evenly spread over them (0: every call). What counts as converged: `tests/emulator/kills.py`. Terraform's state is
a file in the folder of its run, which survives the kill.
"""

import argparse
import subprocess
import sys

from measuring import ROOT, labctl_binary


def main(arguments, terraform_missing, mirror):
    parser = argparse.ArgumentParser(prog="scripts/bench kill", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["labctl", "terraform"], help="only this one")
    parser.add_argument("--points", type=int, default=5, help="before and after how many calls of each step Terraform is killed (default: %(default)s)")
    parser.add_argument("--steps", default="apply,resize,destroy", help="which steps (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default: %(default)s)")
    options = parser.parse_args(arguments)
    tools = [options.only] if options.only else ["labctl", "terraform"]
    missing = "terraform" in tools and terraform_missing()
    if missing:
        print(f"terraform is left out: {missing}", file=sys.stderr)
        tools.remove("terraform")
    python = subprocess.run([ROOT / "scripts/emulator-venv"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    own = {
        "labctl": [labctl_binary()],
        "terraform": ["terraform", "--points", str(options.points), "--configuration", ROOT / "scripts/bench.d", "--mirror", mirror],
    }
    codes = {}
    for tool in tools:
        command = [python, ROOT / "tests/emulator/kills.py", tool, *own[tool], "--steps", options.steps, "--jobs", str(options.jobs)]
        codes[tool] = subprocess.run(command, check=False).returncode
    # Terraform is measured, not judged.
    return codes.get("labctl", 0 if tools else 1)
