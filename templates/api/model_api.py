"""Gets what the model's API runs on: the model from the bucket, and the image. Written by labctl.

    model_api.py prepare [--context DIR]    fetches the model and makes the image; switches nothing
    model_api.py refresh                    by a timer: takes up a model that has come or changed since
    model_api.py check [URL]                asks the API as people do

`prepare` and `refresh` end with one line of JSON. A model that is not there (yet) is no failure: `waiting`. One with
which the API did not answer is `refused`: its files go, the one before serves on, and it is not tried again until the
bucket has another one or the plan another image.

The API and its model are somebody else's program, and what they answer is read by a process of its own
(`ask_api.py`), as `nobody`, with limits: whatever that ends, it is not this program.

The settings are in /etc/labctl/api.json. They name the account to which the bucket must belong: a model can run code
when it is loaded, and of a bucket that somebody else has made by this name, none is taken. Credentials are those of the
server's role, from the instance metadata, which only root reaches. What /etc/labctl/aws.env
says counts more, for a private endpoint of S3.
"""

import argparse
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

SETTINGS = "/etc/labctl/api.json"
AWS_ENVIRONMENT = Path("/etc/labctl/aws.env")
STATE = Path("/var/lib/labctl")
FOLDER = Path("/opt/labctl")
COMPLETE = ".labctl-complete"
UNIT = "model-api.service"
HERE = "http://127.0.0.1:485/"
ROOM = 300 << 20
CHECK_SECONDS = 90
PYTHON = "/usr/bin/python3"
ASK = "/usr/local/lib/labctl/ask-api"
# What one look at the API may take, however slowly it answers.
LOOK_SECONDS = 45
# As much of a reason is noted.
REASON = 1000
# A model during whose trial the server stopped so often is taken for the reason.
INTERRUPTIONS = 2
# What the server itself lacks when it cannot write a file.
OURS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)
OUR_MODEL = re.compile(r"model-[0-9a-f]{12}")
# Docker's names of processors, by the kernel's.
PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}


class Waiting(Exception):
    """The model is not there (yet); says why."""


class Broken(Exception):
    """Says what does not work, and the last lines of what was heard."""

    def __init__(self, what, lines=()):
        super().__init__(what)
        self.lines = list(lines)


class Refused(Broken):
    """The model itself is at fault; it is not tried again."""


def main():
    """Does one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prepare", "refresh", "check"])
    parser.add_argument("url", nargs="?", default=HERE)
    parser.add_argument("--settings", default=SETTINGS)
    parser.add_argument("--context")
    options = parser.parse_args()
    os.umask(0o022)
    try:
        if options.what == "check":
            answer = {"state": "ready", "detail": check(options.url)}
        else:
            settings = json.loads(Path(options.settings).read_text(encoding="utf-8"))
            if options.context and settings["build"]:
                settings["build"]["context"] = options.context
            answer = prepare(settings) if options.what == "prepare" else refresh(settings)
    except Broken as broken:
        for line in broken.lines:
            print(line)
        print(json.dumps({"state": "broken", "why": str(broken)}))
        sys.exit(1)
    print(json.dumps(answer))


def prepare(settings):
    """Fetches the model if it is there, and then makes the image."""
    end_trial(settings)
    try:
        return get_ready(settings)
    except Waiting as waiting:
        note(settings, "waiting", str(waiting))
        return {"state": "waiting", "why": str(waiting), "source": source(settings)}


def get_ready(settings):
    """The same for a model that is there. One that was refused is not fetched again: then the one before stays."""
    client, objects = found(settings)
    target = folder_of(settings, objects)
    before = current(settings)
    refusal = refusal_of(settings, target)
    if refusal and before is None:
        note(settings, "refused", refusal)
        why = f"the one that is there was refused: {refusal}"
        return {"state": "waiting", "why": why, "source": source(settings)}
    try:
        target = Path(before) if refusal else fetch(settings, client, objects)
        make_image(settings)
    except Refused as refused:
        refuse(settings, target, str(refused))
        raise
    except Broken as broken:
        # What runs with a model of before goes on.
        if before is None:
            note(settings, "broken", str(broken))
        raise
    answer = {"state": "ready", "target": str(target), "source": source(settings)}
    if refusal:
        note(settings, "refused", refusal)
        return {**answer, "refused": refusal}
    note(settings, "ready")
    return answer


def refresh(settings):
    """Takes up another model, unless an apply is at work; one with which the API does not answer is refused."""
    with open(STATE / "lock", "a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return {"state": "busy", "why": "an apply is running"}
        answer = prepare(settings)
        before = current(settings)
        if answer["state"] == "ready" and answer["target"] != before:
            answer["detail"] = take_up(settings, answer["target"], before)
        forget_others(settings)
        return answer


def take_up(settings, target, before):
    """Lets the API run with another model, and says how it answers; or puts the one before back, and refuses this one.

    A note says meanwhile that it is being tried, for the case that the server stops in the middle of it.
    """
    try:
        begin_trial(settings, target, before)
        point(Path(settings["link"]), target)
        restart()
        detail = wait_for_answer()
    except Broken as broken:
        lines = run(["journalctl", "-u", UNIT, "-n", "20", "--no-pager", "-o", "cat", "-q"]).splitlines()
        refuse(settings, target, str(broken))
        lead_back(settings, before)
        forget_others(settings)
        raise Refused(f"the model is refused, and not tried again: {broken}", lines) from None
    trial_note().unlink()
    refusal_note().unlink(missing_ok=True)
    return detail


def lead_back(settings, before):
    """Lets the API run with the model before, if there is one."""
    link = Path(settings["link"])
    if before is None:
        link.unlink(missing_ok=True)
        run(["systemctl", "stop", UNIT])
    else:
        point(link, before)
        run(["systemctl", "restart", UNIT])
        with contextlib.suppress(Broken):
            wait_for_answer()
    trial_note().unlink(missing_ok=True)


def current(settings):
    """The folder of the model that the API runs with, if there is one."""
    link = Path(settings["link"])
    return os.readlink(link) if link.is_symlink() else None


def trial_note():
    """The note of the model that is being tried."""
    return STATE / "model-trial.json"


def refusal_note():
    """The note of the model that was refused."""
    return STATE / "model-refused.json"


def begin_trial(settings, target, before):
    """Notes that a model is being tried, and how often that was begun."""
    last = read(trial_note())
    times = last.get("times", 0) if last.get("target") == str(target) else 0
    write(trial_note(), {"target": str(target), "before": before, "is_running": True, "times": times + 1})


def end_trial(settings):
    """Puts the model before back after a trial in the middle of which the server, or this program, was stopped."""
    trial = read(trial_note())
    if not trial.get("is_running"):
        return
    before = trial["before"]
    lead_back(settings, before if before and Path(before, COMPLETE).exists() else None)
    if trial["times"] < INTERRUPTIONS:
        write(trial_note(), {**trial, "is_running": False})
    else:
        refuse(settings, trial["target"], f"the server stopped {INTERRUPTIONS} times while it was tried")


def refuse(settings, target, why):
    """Notes that the API does not answer with a model, and with which image."""
    write(refusal_note(), {"target": str(target), "image": settings["image"], "why": why[:REASON]})
    note(settings, "refused", why[:REASON])


def refusal_of(settings, target):
    """Why a model was refused with this image, if it was."""
    noted = read(refusal_note())
    is_it = (noted.get("target"), noted.get("image")) == (str(target), settings["image"])
    return str(noted.get("why")) if is_it else None


def forget_others(settings):
    """Removes the folders of all models but the one that the API runs with."""
    kept = current(settings)
    for folder in FOLDER.iterdir() if FOLDER.is_dir() else []:
        if OUR_MODEL.fullmatch(folder.name) and str(folder) != kept:
            shutil.rmtree(folder, ignore_errors=True)


def restart():
    """Starts the API on what lies there now."""
    done = subprocess.run(["systemctl", "restart", UNIT], stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Refused("the API does not start with it")


def wait_for_answer():
    """Asks until the API answers, or has had its time."""
    deadline = time.monotonic() + CHECK_SECONDS
    while True:
        try:
            return check(HERE)
        except Broken:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def source(settings):
    """Where the model is, as people write it."""
    return f"s3://{settings['model']['bucket']}/{settings['model']['key']}"


def note(settings, state, why=""):
    """Notes for the next look at this server whether the plan's model has come, and why the API does not run with it."""
    write(STATE / "model.json", {"source": source(settings), "state": state, "why": why})


def write(place, content):
    """Writes a note as a whole or not at all."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    beside = place.with_name(f".{place.name}.new")
    beside.write_text(json.dumps(content), encoding="utf-8")
    os.replace(beside, place)


def read(place):
    """Reads a note; an empty one where there is none, or one that cannot be read."""
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def found(settings):
    """Looks for the model in the bucket; gives who asked, and its objects."""
    if not settings["model"].get("account"):
        raise Broken("the settings do not say to which account the bucket must belong; `labctl apply` writes it there")
    client = connect(settings["model"])
    return client, listed(client, settings["model"])


def folder_of(settings, objects):
    """Names the folder of a model after what is in the bucket."""
    words = [source(settings)] + [f"{path} {tag} {size}" for path, _, tag, size in objects]
    name = hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]
    return FOLDER / f"model-{name}"


def fetch(settings, client, objects):
    """Brings the model into a folder of its own; gives the folder."""
    target = folder_of(settings, objects)
    if (target / COMPLETE).exists():
        return target
    size = sum(entry[3] for entry in objects)
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    free = shutil.disk_usage(FOLDER).free
    if free < size + ROOM:
        raise Broken(f"the model has {size >> 20} MiB, and the server's disk {free >> 20} MiB free")
    print(f"fetching {len(objects)} files, {size / (1 << 20):.1f} MiB, from {source(settings)}", flush=True)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    try:
        download(client, settings["model"], objects, target)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, OSError):
            # Names that no file system takes are the model's fault.
            kind = Broken if error.errno in OURS else Refused
            raise kind(f"the model's files cannot be written: {error.strerror or error}") from None
        raise
    os.sync()
    (target / COMPLETE).touch()
    return target


def download(client, model, objects, target):
    """Downloads each object to its place below the folder."""
    import botocore.exceptions

    owner = {"ExpectedBucketOwner": model["account"]}
    for path, key, _, _ in objects:
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            client.download_file(model["bucket"], key, str(place), ExtraArgs=owner)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise Waiting(f"`{key}` cannot be read: {error}") from None
        place.chmod(0o644)


def connect(model):
    """Makes a client of S3. Whatever this server's role is to read needs no keys."""
    import boto3
    import botocore.config

    if AWS_ENVIRONMENT.exists():
        for line in AWS_ENVIRONMENT.read_text(encoding="utf-8").splitlines():
            name, found, value = line.strip().partition("=")
            if found and not name.startswith("#"):
                os.environ[name] = value
    config = botocore.config.Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 3})
    return boto3.Session().client("s3", region_name=model["region"], config=config)


def listed(client, model):
    """Lists the model's objects as (path, key, tag, size). The last part of the key stays in the paths, because boards
    of models look for a model below its name."""
    import botocore.exceptions

    key = model["key"]
    above = len(key) - len(key.rsplit("/", 1)[-1])
    found = []
    try:
        pages = client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=model["bucket"], Prefix=key, ExpectedBucketOwner=model["account"]):
            for entry in page.get("Contents", []):
                name = entry["Key"]
                if (name == key or name.startswith(key + "/")) and not name.endswith("/"):
                    found.append((safe(name[above:]), name, entry["ETag"], entry["Size"]))
    except botocore.exceptions.NoCredentialsError:
        raise Waiting("the server has no role yet by which it could read the bucket") from None
    except botocore.exceptions.ClientError as error:
        told = error.response.get("Error", {})
        raise Waiting(why_closed(model, told.get("Code"), told.get("Message"))) from None
    except botocore.exceptions.BotoCoreError as error:
        raise Waiting(str(error)) from None
    found = [entry for entry in found if entry[0].rsplit("/", 1)[-1] != COMPLETE]
    if not found:
        raise Waiting(f"there is nothing at s3://{model['bucket']}/{key} yet")
    return sorted(found)


def why_closed(model, code, message):
    """Makes a sentence of what S3 says when it does not list a bucket. To S3 another account's bucket and a missing
    permission are the same."""
    if code == "AccessDenied":
        bucket, account = model["bucket"], model["account"]
        return f"`{bucket}` is not a bucket of account {account}, or the server's role may not read it yet"
    return f"S3 says `{code}`: {message}"


def safe(path):
    """Refuses keys that would become paths to somewhere else."""
    if path.startswith("/") or "\0" in path or {"", ".", ".."} & set(path.split("/")):
        raise Broken(f"the object `{path}` of the model has a name that cannot be a file's")
    return path


def make_image(settings):
    """Builds or pulls the image, unless it is there."""
    image, build = settings["image"], settings["build"]
    if is_there(image):
        return
    if build is None:
        pull(settings["pull"], image)
        return
    command = ["docker", "build", "--force-rm", "--tag", image]
    for name, value in build["arguments"].items():
        command += ["--build-arg", f"{name}={value}"]
    code, _ = told([*command, build["context"]])
    if code != 0:
        raise Broken("the API's image cannot be built")


def pull(source, image):
    """Pulls an image of a registry, and gives it the name by which the unit runs it. The name of the registry goes
    again, unless somebody had it before: then nothing is in the way when another image takes this one's place."""
    was_there = is_there(source)
    if not was_there:
        code, said = told(["docker", "pull", source])
        if code != 0:
            raise Broken(why_not(source, said))
    try:
        made_for = run(["docker", "image", "inspect", "--format", "{{.Architecture}}", source]).strip()
        here = platform.machine()
        if made_for != PROCESSORS.get(here, here):
            raise Broken(f"the image `{source}` is made for another processor: for {made_for}, and this is {here}")
        code, said = told(["docker", "tag", source, image])
        if code != 0:
            raise Broken(f"Docker cannot name the image `{source}` as labctl's `{image}`: {said}")
    finally:
        if not was_there:
            run(["docker", "image", "rm", source])


def why_not(source, said):
    """Makes a sentence of what Docker says when it cannot pull; its words are those of Docker 20.10."""
    registry, slash, _ = source.partition("/")
    is_named = slash and (any(mark in registry for mark in ".:") or registry == "localhost")
    login = f"sudo docker login {registry}" if is_named else "sudo docker login"
    for words, sentence in [
        (["no matching manifest"], f"the image `{source}` is not made for this processor, {platform.machine()}"),
        (["toomanyrequests"], f"the registry has had too many requests from here: log in with `{login}`, or wait"),
        (
            ["no basic auth credentials", "denied", "unauthorized", "authentication required"],
            f"the registry does not give `{source}` to everybody: look at its name, or log in with `{login}`",
        ),
        (["manifest unknown", "not found", "name unknown"], f"the registry has no image `{source}`"),
        (["no space left"], "the server's disk is full"),
        (
            ["dial tcp", "no such host", "timeout", "deadline exceeded", "EOF"],
            f"the registry of `{source}` cannot be reached from the server",
        ),
    ]:
        if any(word in said for word in words):
            return sentence
    return f"the image `{source}` cannot be downloaded"


def is_there(image):
    """Has Docker this image?"""
    asked = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    return asked.returncode == 0


def told(command):
    """Runs a program and prints what it says; gives its exit code and its last line."""
    # The old builder is part of Docker itself, takes local images as a base, and needs no other package.
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    said = ""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", env=environment,
    ) as process:
        for line in process.stdout:
            said = line.rstrip()
            print(said, flush=True)
    return process.returncode, said


def point(link, target):
    """Points a link at a folder; there is no moment without it."""
    beside = link.with_name(f".{link.name}.labctl")
    beside.unlink(missing_ok=True)
    os.symlink(target, beside)
    os.replace(beside, link)


def run(command):
    """Runs a program and gives what it printed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout


def check(url):
    """Says how the API answers; whatever it answers, and however long that is, ends here and is its own fault."""
    command = [PYTHON, "-I", "-", url]
    # Only root can become somebody else.
    user, group, groups = ("nobody", "nogroup", ()) if os.geteuid() == 0 else (None, None, None)
    try:
        with open(ASK, "rb") as program:
            done = subprocess.run(
                command, stdin=program, capture_output=True, cwd="/", env={}, timeout=LOOK_SECONDS, check=False,
                user=user, group=group, extra_groups=groups,
            )
    except subprocess.TimeoutExpired:
        raise Refused(f"the API has not answered as a whole within {LOOK_SECONDS} seconds") from None
    try:
        said = json.loads(done.stdout.splitlines()[-1])
        if done.returncode == 0:
            return str(said["detail"])
        why = str(said["why"])
    except (ValueError, IndexError, KeyError, TypeError):
        why = f"what the API answers ended the program that reads it (exit code {done.returncode})"
    raise Refused(why)


if __name__ == "__main__":
    main()
