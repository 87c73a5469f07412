"""The program's size, and how long it takes to start: the targets are 20 MB and 5 ms."""

import argparse
import statistics
import subprocess
import time

from measuring import labctl_binary

RUNS = 100
COMMANDS = ["--version", "schema"]


def milliseconds(command):
    """How long each of the runs took, starting the process included."""
    spent = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        spent.append((time.perf_counter() - began) * 1000)
    return spent


def main(arguments):
    argparse.ArgumentParser(prog="scripts/bench start", description=__doc__).parse_args(arguments)
    binary = labctl_binary()
    print(f"| what | of {RUNS} runs: median | fastest |\n| --- | --- | --- |")
    for command in COMMANDS:
        spent = milliseconds([binary, command])
        print(f"| labctl {command} | {statistics.median(spent):.1f} ms | {min(spent):.1f} ms |")
    print(f"\n{binary.name} has {binary.stat().st_size / 1e6:.1f} MB")
    return 0
