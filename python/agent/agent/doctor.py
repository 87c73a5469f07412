"""Looks at this server and tries the gates of its last apply, and changes nothing; each finding is told as it comes.

Which gates there are is in the manifest, where the last apply that succeeded has left them: what the laptop's plan would
have now may not be applied yet. So the facts are told too, for the laptop to compare with the plan.

The gates are tried as an apply tries them, in a folder of its own below /run, which is gone when this ends.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from typing import TYPE_CHECKING, cast

from . import examine
from .common import APPLY_UNIT, answer_of, applying, attempt, known, speaker, text, units
from .machine import disk, is_container, memory, model
from .probe import manifest, probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, BinaryIO, Literal

    from .common import Say
    from .messages import Awaited, Broken, Condition, DoctorRequest, Done, LastApply, Model, ProbeRequest


def free_memory() -> tuple[int, int]:
    """Gives the memory that programs can still have, and the free swap."""
    sizes = dict(re.findall(r"^(MemAvailable|SwapFree): +(\d+) kB$", text("/proc/meminfo"), re.MULTILINE))
    return int(sizes["MemAvailable"]) * 1024, int(sizes["SwapFree"]) * 1024


def failed_units() -> list[str]:
    """Names the units that systemd calls failed."""
    listed = answer_of("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager")
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def is_synchronized() -> bool | None:
    """Says whether the clock follows others; None where nobody knows."""
    answer = answer_of("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    # A container has the clock of its host.
    return None if is_container() or answer not in ("yes", "no") else answer == "yes"


def wants_restart() -> bool:
    """Says whether an update waits for a restart, as `reboot-if-due` does: by Ubuntu's mark, or a newer kernel."""
    if os.path.exists("/run/reboot-required"):
        return True
    running = os.uname().release
    flavour = re.sub(r"^[^-]*(-[0-9][^-]*)*-", "", running)
    kernels = [name.removeprefix("vmlinuz-") for name in os.listdir("/boot") if name.startswith("vmlinuz-")]

    def age(release: str) -> list[int]:
        return [int(number) for number in re.findall(r"[0-9]+", release)]

    return any(name.endswith(f"-{flavour}") and age(name) > age(running) for name in kernels)


def awaited(wish: Model | None) -> Awaited | None:
    """Says for which model a unit waits, or why it does not run with the one that is there."""
    if wish is None:
        return None
    noted = model()
    # One that was refused is told also where the one before serves on.
    lacks = noted["state"] == "refused" or (noted["state"] != "ready" and not os.path.islink(wish["link"]))
    return {"unit": wish["unit"], **noted} if lacks else None


def last_apply(noted: dict[str, Any] | None) -> tuple[Literal["recorded", "unrecorded", "none"], dict[str, Any]]:
    """Says how much is known of the last apply that succeeded, and what it has left."""
    if noted is None:
        return "none", {}
    if "applied" not in noted:
        return "unrecorded", {}
    applied = noted["applied"]
    # The manifest lies on the server: whatever form it has must not stop the look.
    is_whole = isinstance(applied, dict) and isinstance(applied.get("gates"), list)
    return ("recorded", applied) if is_whole else ("none", {})


def gates_to_try(
    state: str, applied: dict[str, Any], request: DoctorRequest, noted: dict[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Gives the gates of the last apply; where it did not record them, those of the plan that hold for it too."""
    if state == "recorded":
        gates: list[Any] = applied["gates"]
        return [gate for gate in gates if isinstance(gate, dict) and isinstance(gate.get("kind"), str)]
    if state == "none":
        return []
    if is_as_planned(request["probe"], noted):
        return request["gates"]
    noted_units = noted.get("units", {})
    return [gate for gate in request["gates"] if gate["kind"] == "active" and gate["unit"] in noted_units]


def is_as_planned(asked: ProbeRequest | None, noted: dict[str, Any]) -> bool:
    """Says whether the files that labctl has written here last are just those of the plan."""
    files = asked["files"] if asked else []
    # A secret has no sum on either side.
    planned = {file["path"]: file.get("sha256") or "" for file in files}
    return {path: note.get("sha256") or "" for path, note in noted.get("files", {}).items()} == planned


def wanted_model(state: str, applied: dict[str, Any], request: DoctorRequest) -> Model | None:
    """Gives the model that the last apply has asked for, if any."""
    wish = applied.get("model") if state == "recorded" else request["model"]
    return cast("Model", wish) if isinstance(wish, dict) and state != "none" else None


def condition(wish: Model | None) -> Condition:
    """Reads how the machine is."""
    total, _ = attempt(memory) or (0, 0)
    free, swap = attempt(free_memory) or (0, 0)
    room = attempt(disk)
    facts: Condition = {
        "type": "machine",
        "disk_bytes": room["total_bytes"] if room else None,
        "disk_free_bytes": room["free_bytes"] if room else None,
        "free_inodes": room["free_inodes"] if room else None,
        "memory_bytes": total,
        "memory_free_bytes": free,
        "swap_free_bytes": swap,
        "failed_units": attempt(failed_units) or [],
        "clock": time.time(),
        "is_synchronized": attempt(is_synchronized),
        "wants_restart": attempt(wants_restart) or False,
        "awaits": attempt(awaited, wish),
        "applying": applying((attempt(units, [APPLY_UNIT]) or {}).get(APPLY_UNIT)),
    }
    return known(facts)


def try_gates(gates: Sequence[Mapping[str, Any]], is_deep: bool, say: Say) -> None:
    """Lets the agent try the gates."""
    folder = tempfile.mkdtemp(prefix="labctl-doctor-", dir="/run")
    try:
        with open(f"{folder}/request.json", "w", encoding="utf-8") as file:
            json.dump({"run": "doctor", "gates": gates}, file)
        for seen in examine.gates(folder, is_deep):
            say(seen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def look(request: DoctorRequest, say: Say) -> None:
    """Tells all that there is to tell."""
    os.umask(0o077)
    noted = attempt(manifest)
    state, applied = last_apply(noted)
    say(condition(wanted_model(state, applied, request)))
    gates = attempt(gates_to_try, state, applied, request, noted or {}) or []
    left_out = len(request["gates"]) - len(gates) if state == "unrecorded" else 0
    told: LastApply = {"type": "applied", "state": state, "left_out": left_out}
    # As they were noted, if they were.
    say({**told, **{name: applied[name] for name in ("names", "https") if applied.get(name) is not None}})
    if request["probe"]:
        say({"type": "facts", "facts": attempt(probe, request["probe"])})
    try:
        try_gates(gates, request["deep"], say)
    except BrokenPipeError:
        raise
    except Exception as error:
        broken: Broken = {"type": "broken", "reason": f"{type(error).__name__}: {error}"}
        say(broken)
    done: Done = {"type": "done"}
    say(done)


def main(request: DoctorRequest, _payload: BinaryIO) -> None:
    """Looks, and tells."""
    look(request, speaker(request["nonce"]))
