"""Gets what the model's API runs on: the model from the bucket, and the image. Written by labctl.

    model_api.py prepare [--context DIR]    fetches the model and makes the image; switches nothing
    model_api.py refresh                    by a timer: takes up a model that has come or changed since
    model_api.py check [URL]                asks the API as people do

`prepare` and `refresh` end with one line of JSON. A model that is not there (yet) is no failure: `waiting`.

The settings are in /etc/labctl/api.json. They name the account to which the bucket must belong: a model can run code
when it is loaded, and of a bucket that somebody else has made by this name, none is taken. Credentials are those of the
server's role, from the instance metadata, which only root and those reach whom the plan lets. What /etc/labctl/aws.env
says counts more, for a private endpoint of S3.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
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
# Docker's names of processors, by the kernel's.
PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}


class Waiting(Exception):
    """The model is not there (yet); says why."""


class Broken(Exception):
    """Says what does not work, and the last lines of what was heard."""

    def __init__(self, what, lines=()):
        super().__init__(what)
        self.lines = list(lines)


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
    try:
        target = fetch(settings)
    except Waiting as waiting:
        note(settings, "waiting", str(waiting))
        return {"state": "waiting", "why": str(waiting), "source": source(settings)}
    try:
        make_image(settings)
    except Broken as broken:
        # What runs with a model of before goes on.
        if not Path(settings["link"]).is_symlink():
            note(settings, "broken", str(broken))
        raise
    note(settings, "ready")
    return {"state": "ready", "target": str(target), "source": source(settings)}


def refresh(settings):
    """Takes up another model, unless an apply is at work; one with which the API does not answer is taken back."""
    with open(STATE / "lock", "a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return {"state": "busy", "why": "an apply is running"}
        answer = prepare(settings)
        link = Path(settings["link"])
        before = os.readlink(link) if link.is_symlink() else None
        if answer["state"] != "ready" or answer["target"] == before:
            return answer
        point(link, answer["target"])
        try:
            restart()
            answer["detail"] = wait_for_answer()
        except Broken as broken:
            if before is None:
                link.unlink()
                run(["systemctl", "stop", UNIT])
            else:
                point(link, before)
                run(["systemctl", "restart", UNIT])
                with contextlib.suppress(Broken):
                    wait_for_answer()
            broken.lines += run(["journalctl", "-u", UNIT, "-n", "20", "--no-pager", "-o", "cat", "-q"]).splitlines()
            raise
        if before:
            shutil.rmtree(before, ignore_errors=True)
        return answer


def restart():
    """Starts the API on what lies there now."""
    done = subprocess.run(["systemctl", "restart", UNIT], stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Broken("the API does not start with the new model")


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
    text = json.dumps({"source": source(settings), "state": state, "why": why})
    beside = STATE / ".model.json.new"
    STATE.mkdir(mode=0o700, exist_ok=True)
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, STATE / "model.json")


def fetch(settings):
    """Brings the model into a folder of its own, named after what is in the bucket; gives the folder."""
    if not settings["model"].get("account"):
        raise Broken("the settings do not say to which account the bucket must belong; `labctl apply` writes it there")
    client = connect(settings["model"])
    objects = listed(client, settings["model"])
    words = [source(settings)] + [f"{path} {tag} {size}" for path, _, tag, size in objects]
    name = hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]
    target = FOLDER / f"model-{name}"
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
    download(client, settings["model"], objects, target)
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
    """Asks for `/ping`, and for the prediction of one row that the API's own description allows."""
    started = time.monotonic()
    ask(url + "ping")
    row = example(ask(url + "openapi.json"))
    answer = ask(url + "predict", [row])
    predicted = answer.get("predict") if isinstance(answer, dict) else None
    if not isinstance(predicted, list) or len(predicted) != 1 or not is_value(predicted[0]):
        raise Broken(f"/predict answers {json.dumps(answer)[:200]} instead of one value for one row")
    return f"/ping and /predict in {time.monotonic() - started:.1f} s"


def is_value(value):
    """Is this something that a model predicts: a finite number or a word, alone or in a list or an object?"""
    if isinstance(value, (list, dict)):
        inner = list(value.values()) if isinstance(value, dict) else value
        return bool(inner) and all(is_value(each) for each in inner)
    return isinstance(value, (str, bool)) or (isinstance(value, (int, float)) and math.isfinite(value))


def ask(url, body=None):
    """Gets or posts JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    path = url[len(url.rsplit("/", 1)[0]) :]
    try:
        # No proxy stands between this server and itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.loads(answer.read(1 << 22))
    except urllib.error.HTTPError as error:
        said = error.read(300).decode("utf-8", "replace")
        raise Broken(f"{path} answers {error.code} {said}".strip()) from None
    except ValueError:
        raise Broken(f"{path} does not answer with JSON") from None
    except OSError as error:
        raise Broken(f"{path} does not answer: {getattr(error, 'reason', error)}") from None


def example(description):
    """Makes a row from the API's description of /predict (OpenAPI 3.1, as FastAPI and vetiver write it)."""
    try:
        body = description["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        schema = resolved(body["schema"], description)
    except (KeyError, TypeError):
        raise Broken("/openapi.json does not say what /predict takes") from None
    for branch in schema.get("anyOf", []):
        if resolved(branch, description).get("type") == "array":
            schema = resolved(branch, description)
    if schema.get("type") == "array":
        schema = schema.get("items", {})
    return value_of(schema, description, 0)


def resolved(schema, description):
    """Follows a reference to another part of the description."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found = description
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def value_of(schema, description, depth):
    """Makes a value of a schema: its example, its default, its least, or simply 1."""
    schema = resolved(schema, description)
    if schema.get("examples"):
        return schema["examples"][0]
    for known in ("example", "default", "const"):
        if known in schema:
            return schema[known]
    for choice in ("enum", "anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            first = schema[choice][0]
            return first if choice == "enum" else value_of(first, description, depth + 1)
    kind = schema.get("type")
    if kind == "object" and depth < 5:
        return {name: value_of(inner, description, depth + 1) for name, inner in schema.get("properties", {}).items()}
    if kind == "array" and depth < 5:
        return [value_of(schema.get("items", {}), description, depth + 1)]
    limit = max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
    return {"string": "a", "boolean": True, "null": None}.get(kind, limit)


if __name__ == "__main__":
    main()
