"""Gets what the model's API runs on, before anything is switched: the model from the bucket, and the image.

The program that does it is one of the new files (`templates/api/model_api.py`); it is run from where it lies aside. The
model is switched to by a link, like the folders from the laptop. One that is not there yet is no failure: its unit
then stays as it is, and a timer looks again.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from .failure import Failure
from .gates_of_apps import last_line

if TYPE_CHECKING:
    from typing import Any, Literal

    from .job import Job
    from .messages import Model

INSTALL_SECONDS = 3600
SHOWN_LINES = 25
DOCKER = "docker.service"
IMAGES = "labctl-model-api"


def get_ready(job: Job, wish: Model) -> None:
    """Fetches the model and makes the image, as far as the model is there."""
    job.tools.run(
        ["systemctl", "start", DOCKER],
        "Docker does not start",
        f"the lines below are systemd's own; more with `sudo journalctl -u {DOCKER}` on the server",
    )
    command = [f"{_where(job, 'environments', wish['environment'])}/bin/python", "-I", _new(job, wish["program"])]
    command += ["prepare", "--settings", _new(job, wish["settings"])]
    if wish["context"]:
        command += ["--context", _where(job, "trees", wish["context"])]
    answer = job.tools.attempt(command, timeout=INSTALL_SECONDS)
    result = last_line(answer)
    if result.get("state") == "waiting":
        _wait(job, wish, result)
    elif answer.code == 0 and result.get("state") == "ready":
        if result.get("refused"):
            job.journal.warn(
                f"the API refused the model at {result['source']}, and answers with the one before: {result['refused']}",
                "put another model there; a timer on the server and the next `labctl apply` take it up",
            )
        _take_up(job, wish, result["target"])
    else:
        raise Failure(
            result.get("why") or "the API's model and image could not be got",
            "the lines below say why; what ran before goes on",
            [line for line in answer.lines if line != json.dumps(result)][-SHOWN_LINES:],
        )


def _wait(job: Job, wish: Model, result: dict[str, Any]) -> None:
    """Leaves the unit out of this run, unless it has a model of before to run with."""
    job.waiting_for_model = result["source"]
    has_model = job.at(wish["link"]).is_symlink()
    rest = "; until then it answers with the model of before" if has_model else ""
    job.journal.warn(
        f"the API is waiting for model {result['source']}: {result['why']}",
        f"put the model there; a timer on the server and the next `labctl apply` take it up{rest}",
    )
    if has_model and _has_image(job, wish):
        return
    request = job.request
    for unit in request["units"]:
        if unit["name"] == wish["unit"]:
            unit["action"] = "none" if unit["action"] != "stop" else "stop"
    request["gates"] = [gate for gate in request["gates"] if gate.get("unit") != wish["unit"]]


def _has_image(job: Job, wish: Model) -> bool:
    """Whether the image of the new settings is there: without a model none is made."""
    with open(_new(job, wish["settings"]), encoding="utf-8") as file:
        image = json.load(file)["image"]
    return job.tools.ask(["docker", "image", "inspect", "--format", "ok", image]).code == 0


def _take_up(job: Job, wish: Model, target: str) -> None:
    """Makes the model one of the links that this run switches, and restarts its unit if it is another one."""
    request, link = job.request, wish["link"]
    place = job.at(link)
    before = os.readlink(place) if place.is_symlink() else None
    if before == target:
        return
    if place.exists() and before is None:
        raise Failure(
            f"something that labctl did not make is in the way: `{link}`",
            "move it to another name on the server, then run `labctl apply` again",
        )
    request["trees"].append({"name": "model", "link": link, "target": target, "reader": None, "files": []})
    request["manifest"]["environments"][link] = target
    known = [unit for unit in request["units"] if unit["name"] == wish["unit"]]
    for unit in known:
        unit["action"] = "restart" if unit["action"] == "none" else unit["action"]
    if not known:
        request["units"].append({"name": wish["unit"], "action": "restart", "enable": True})


def _new(job: Job, path: str) -> str:
    """Where a file is that may come with this run."""
    staged = job.folder / "files" / path.lstrip("/")
    return str(staged if staged.is_file() else job.at(path))


def _where(job: Job, kind: Literal["environments", "trees"], link: str) -> str:
    """Where a link leads once this run has switched it."""
    targets = [each["target"] for each in job.request[kind] if each["link"] == link]
    return targets[0] if targets else link


def forget_old_images(job: Job) -> None:
    """Removes the images that were built for folders of before; those that are in use Docker keeps."""
    wish = job.request["model"]
    left = any(unit["action"] == "stop" and unit["name"] == "model-api.service" for unit in job.request["units"])
    if not wish and not left:
        return
    image = None
    if wish:
        with open(job.at(wish["settings"]), encoding="utf-8") as file:
            image = json.load(file)["image"]
    listed = job.tools.ask(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", IMAGES])
    for name in listed.lines if listed.code == 0 else []:
        if name.startswith(f"{IMAGES}:") and name != image:
            job.tools.ask(["docker", "image", "rm", name])
