"""Tries gates to look at a server, and not to prove an apply: all of them, each once or twice, and nothing is changed."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from .failure import Failure
from .gates import KINDS, name_of, reason_of, unit_of
from .gates_of_host import Refused, Settling
from .job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .messages import GateSeen, Tried

# What takes minutes, or starts something for a while.
SLOW = ("kernel",)
PAUSE = 1.0


def gates(folder: str, deep: bool) -> Iterator[GateSeen]:
    """Gives what each gate showed, in order; `ok` is None for one that was left out."""
    job = Job(folder)
    wanted = job.request["gates"]
    settling = Settling(job)
    begun: dict[str, Tried] = {}
    for gate in wanted:
        if gate["kind"] == "active":
            begun[gate["unit"]] = _once(partial(settling.begin, gate["unit"]))
    for gate in wanted:
        if gate["kind"] == "active":
            seen = begun[gate["unit"]]
            seen = _once(partial(settling.end, gate["unit"])) if seen["ok"] else seen
        elif gate["kind"] in SLOW and not deep:
            seen = {"ok": None}
        elif gate["kind"] in KINDS:
            seen = _twice(partial(KINDS[gate["kind"]], job, gate))
        else:
            # The last apply may have been a newer labctl's.
            seen = {"ok": None, "detail": f"this version of labctl knows no gate of kind `{gate['kind']}`"}
        told: GateSeen = {"type": "gate", "gate": name_of(gate), "unit": unit_of(gate), "ok": seen["ok"]}
        if "detail" in seen:
            told["detail"] = seen["detail"]
        yield told


def _twice(check: Callable[[], str | None]) -> Tried:
    """A service that is busy for a moment is not ill."""
    seen = _once(check)
    if seen["ok"] or seen.get("final", False):
        return seen
    time.sleep(PAUSE)
    return _once(check)


def _once(check: Callable[[], str | None]) -> Tried:
    try:
        return {"ok": True, "detail": check() or ""}
    except Refused as refused:
        return {"ok": False, "detail": str(refused), "final": refused.is_final}
    except Failure as failure:
        return {"ok": False, "detail": failure.what}
    except Exception as error:  # one gate must not cost the others
        return {"ok": False, "detail": reason_of(error)}
