"""Kills a tool at every one of its calls, runs it again, and looks from outside what is there.

    kills.py labctl target/debug/labctl [--steps apply,resize,destroy] [--points 10] [--ways before,after]
    kills.py terraform terraform --configuration FOLDER --mirror FOLDER --points 10

The lab is that of plans/do4ds-lab.yaml (its half in AWS); beside it in the account are things of
others. For k = 1 … number of calls of an apply, of a resize and of a destroy, `before`: the tool and
all its processes get SIGKILL when call k arrives, and it is not carried out; `after`: SIGKILL comes
after its effect and before its answer. Then the same command runs once more. With the way `lost`
nobody is killed: the answer to call k is lost after its effect, and the command runs to its end.

With `--writes` only calls that change something are counted. What a tool leaves when it is killed
at a call that only reads is what the write before has left, so that little is disturbed twice.

A point has converged when that command says that all went well, boto3 finds exactly one lab as it was
asked for, or none, nothing of others was touched, and the tool itself sees nothing left to do.
Exits 1 when a point has not; the numbers go to --json as well.

Each point has its own copy of the whole AWS: this process forks, moto and all.
"""

import argparse
import gc
import json
import os
import re
import select
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from emulator import DEFAULT_ACCOUNT, TestEmulator, listen  # before moto, whose settings it makes

import boto3
from botocore.config import Config
from faults import Fault
from kills_tools import TOOLS
from outside import Account, harmed
from strangers import plant

STEPS = ("apply", "resize", "destroy")
WAYS = {"before": {}, "after": {"after_effect": True}, "lost": {"after_effect": True, "drop": True}}


@dataclass
class Point:
    """One run that was disturbed, and what came of it."""

    step: str
    way: str
    call: int
    operation: str = ""  # that was disturbed; empty where the run had ended before
    first: int | None = None  # how the disturbed run ended; -9: killed
    again: int | None = None  # how the run after it ended
    wrong: list = field(default_factory=list)  # what is not as it has to be
    output: str = ""

    @property
    def converged(self):
        return not self.wrong

    @property
    def left(self):
        """What was left, in a few words: what there is too much or too little of, else how the last run ended."""
        found = [re.fullmatch(r"([\w ]+): expected (\d+), found (\d+)", wrong) for wrong in self.wrong]
        amounts = [f"{match[3]} {match[1]}" for match in found if match]
        error = re.search(r"Error: (.+)|✗ (.+)", self.output)
        ended = [f"exit {self.again}: {(error[1] or error[2]).strip()[:70]}"] if error and self.again else []
        return ", ".join(ended + amounts) or "".join(self.wrong)[:90]

    def __str__(self):
        ended = "converged" if self.converged else "; ".join(self.wrong)
        return f"{self.step}, {self.way} call {self.call} ({self.operation or 'not reached'}): {ended}"


class World:
    """The emulated AWS, of which each fork is a copy."""

    def __init__(self, session):
        self.session = session
        self.emulator = TestEmulator()
        self.emulator.warm_up()
        self.here = self.emulator.world(DEFAULT_ACCOUNT)
        self.foreign = {}

    def __enter__(self):
        """Serves it, on a port of its own."""
        self.server = listen(self.emulator)
        self.serving = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.serving.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.serving.join()
        self.server.server_close()

    def account(self):
        where = {"endpoint_url": self.url, "aws_access_key_id": DEFAULT_ACCOUNT, "aws_secret_access_key": "x"}
        return Account(self.session, config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}), **where)

    def disturb(self, fault):
        self.here.faults, self.here.log = [fault], []

    def calm(self):
        """Waits until everything that is on its way has arrived; no faults from now on."""
        while any(entry["end"] is None for entry in self.here.log):
            time.sleep(0.002)
        self.here.faults = []

    def disturbed(self):
        """The operation that the fault has hit."""
        return next((entry["operation"] for entry in self.here.log if entry["fault"]), "")


def look(world, tool, step):
    """What is wrong, as seen from outside and by the tool itself."""
    account = world.account()
    inventory = account.inventory()
    wrong = [f"not the lab's, but changed: {thing}" for thing in harmed(inventory, world.foreign)]
    wrong += tool.wrong(account, inventory, world.foreign, step)
    if not wrong and step != "destroy":
        ended = tool.run(tool.settled(), world.url)
        if ended.code != 0:
            wrong.append(f"there is still something to do (exit {ended.code}): {ended.tail(400)}")
    return wrong


def disturbed_run(world, tool, point, mutating):
    """Disturbs one run of a step at one call, and lets the next one pass."""
    fault = Fault(match="*", nth=point.call, mutating=mutating, **WAYS[point.way])
    if point.way != "lost":
        fault.kill = str(tool.pid_file)
    world.disturb(fault)
    tool.prepare(point.step)
    ended = tool.run(tool.command(point.step), world.url)
    point.first = ended.code
    world.calm()
    point.operation = world.disturbed()
    if point.way == "lost" or not point.operation:
        point.again = point.first
    else:
        ended = tool.run(tool.command(point.step), world.url)
        point.again = ended.code
    point.output = ended.tail(4000)
    if point.again != 0:
        point.wrong.append(f"exit {point.again}: {ended.tail(300)}")
    point.wrong += look(world, tool, point.step)


def forked(world, tool, point, mutating):
    """Starts a copy of this process for one point; gives its id, and where its result can be read."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    try:
        with tool.copied() as own, world:
            disturbed_run(world, own, point, mutating)
    except BaseException:  # whatever it is: it belongs into the result
        point.wrong.append(traceback.format_exc())
    with os.fdopen(writing, "w") as pipe:
        pipe.write(json.dumps(asdict(point)))
    os._exit(0)


def run_points(world, tool, points, options):
    """Runs points side by side; yields each as it ends."""
    gc.collect()
    gc.freeze()  # so that copies share what they do not change
    waiting, running = list(reversed(points)), {}
    while waiting or running:
        while waiting and len(running) < options.jobs:
            child, reading = forked(world, tool, waiting.pop(), options.mutating)
            running[reading] = (child, [])
        for reading in select.select(list(running), [], [])[0]:
            child, parts = running[reading]
            part = os.read(reading, 1 << 16)
            parts.append(part)
            if not part:
                os.close(reading)
                os.waitpid(child, 0)
                del running[reading]
                yield Point(**json.loads(b"".join(parts)))


def chosen(calls, wanted):
    """All calls, or as many as are wanted, evenly spread from the first to the last."""
    if not wanted or wanted >= calls:
        return list(range(1, calls + 1))
    return sorted({1 + round(i * (calls - 1) / max(1, wanted - 1)) for i in range(wanted)})


def count_calls(world, tool, step, mutating):
    """How many such calls a step makes that nobody disturbs; done in a copy, so that nothing changes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe, tool.copied() as own, world:
            world.here.log = []
            own.prepare(step)
            ended = own.run(own.command(step), world.url)
            calls = sum(mutating in (None, entry["mutating"]) for entry in world.here.log)
            wrong = look(world, own, step) if ended.code == 0 else [f"exit {ended.code}: {ended.tail(2000)}"]
            pipe.write(json.dumps({"calls": calls, "wrong": wrong}))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        counted = json.load(pipe)
    os.waitpid(child, 0)
    if counted["wrong"]:
        sys.exit(f"{tool.name} {step} does not even work undisturbed: {counted['wrong']}")
    return counted["calls"]


def run(options, folder):
    tool = TOOLS[options.tool](options, folder)
    session = boto3.Session()
    world = World(session)
    with world:
        plant(world.account())
        world.foreign = world.account().inventory()
    points = []
    for step in options.steps:
        if step == "resize" or step == "destroy" and "resize" not in options.steps:
            with world:  # from here on, each copy begins with a whole lab
                ended = tool.run(tool.command("apply"), world.url)
                assert ended.code == 0, ended.tail(2000)
        calls = count_calls(world, tool, step, options.mutating)
        calls_asked = chosen(calls, options.points)
        asked = [Point(step, way, call) for call in calls_asked for way in options.ways]
        began, done = time.monotonic(), []
        for point in run_points(world, tool, asked, options):
            done.append(point)
            if not point.converged or options.verbose:
                print(point, flush=True)
                if options.verbose and not point.converged:
                    print(point.output, flush=True)
        points += done
        print(row(tool.name, step, calls, done, time.monotonic() - began), flush=True)
    return points


def row(tool, step, calls, points, seconds):
    """One line of the table."""
    reached = sum(bool(point.operation) for point in points)
    converged = sum(point.converged for point in points)
    left = Counter(point.left for point in points if not point.converged)
    words = "; ".join(f"{count} × {what}" for what, count in left.most_common())
    return f"| {tool} | {step} | {calls} | {reached} | {converged} | {words or '–'} | {seconds:.0f} s |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda text: text.split(",")
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("binary")
    parser.add_argument("--steps", type=words, default=list(STEPS), help="of apply,resize,destroy; all unless given")
    parser.add_argument("--ways", type=words, default=["before", "after"], help="of before,after,lost (default: before,after)")
    parser.add_argument("--points", type=int, help="disturb only so many calls of each step, evenly spread (default: every call)")
    parser.add_argument("--writes", dest="mutating", action="store_const", const=True, help="disturb only calls that change something")
    parser.add_argument("--jobs", type=int, default=2 * os.cpu_count(), help="how many at a time; a run waits half of its time (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the points here")
    parser.add_argument("--verbose", action="store_true", help="show every point")
    parser.add_argument("--configuration", type=Path, help="Terraform's: the folder of the lab's configuration")
    parser.add_argument("--mirror", type=Path, help="Terraform's: the folder of its providers")
    options = parser.parse_args()
    print("| tool | step | calls | disturbed | converged | what was left | took |\n| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory(prefix="labctl-kills-") as folder:
        points = run(options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")
    unreached = [point for point in points if not point.operation]
    if unreached:
        print(f"the run had ended before {len(unreached)} of the calls: {unreached[0]}", file=sys.stderr)
    return 0 if points and not unreached and all(point.converged for point in points) else 1


if __name__ == "__main__":
    sys.exit(main())
