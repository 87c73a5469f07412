"""What outlives the sandbox's process: moto's resources, with what the strictness remembers of calls."""

from __future__ import annotations

import copyreg
import io
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dill
from moto.backends import get_backend
from moto.s3.utils import _VersionedKeyStore
from moto.ssm.models import ParameterDict

from .files import write
from .strict import bucket_accounts

if TYPE_CHECKING:
    from typing import Any

    from .strict import Strict

# What labctl uses, and what moto asks for it.
SERVICES = ("ec2", "s3", "route53", "iam", "sts", "resourcegroupstaggingapi", "ssm")
OLD_MODULES = ("state", "strict")
# A save that takes longer than this is no longer waited for by each call.
QUICK_SECONDS = 0.1
DELAY_SECONDS = 0.3


def _reduce_parameters(parameters: ParameterDict) -> tuple[Any, ...]:
    """Takes SSM's parameters apart, because the class cannot be made from what `defaultdict` says of itself."""
    arguments = (parameters.account_id, parameters.region_name)
    return ParameterDict, arguments, vars(parameters), None, iter(parameters.items())


def _reduce_versions(store: _VersionedKeyStore) -> tuple[Any, ...]:
    """Takes a bucket's objects apart as lists of versions, which the class would take for single versions."""
    return _VersionedKeyStore, (), dict(dict.items(store)), None, None, _fill_versions


def _fill_versions(store: _VersionedKeyStore, versions: dict[str, list[Any]]) -> None:
    for key, listed in versions.items():
        store.setlist(key, listed)


copyreg.pickle(ParameterDict, _reduce_parameters)
copyreg.pickle(_VersionedKeyStore, _reduce_versions)


def dump(strict: Strict) -> bytes:
    """Packs the resources of all accounts, and what the strictness remembers."""
    resources = {
        service: {account: dict(regions) for account, regions in _backends(service).items()} for service in SERVICES
    }
    state = {
        "resources": resources,
        "buckets": bucket_accounts(),
        "tokens": strict.tokens,
        "references": strict.references,
    }
    content: bytes = dill.dumps(state)
    return content


def _backends(service: str) -> Any:
    """The resources of all accounts, which moto's types know only by the names of single services."""
    find: Any = get_backend
    return find(service)


def load(content: bytes, strict: Strict) -> None:
    """Puts back what `dump` packed."""
    state = _Unpickler(io.BytesIO(content)).load()
    for service, accounts in state["resources"].items():
        for account, regions in accounts.items():
            _backends(service)[account].update(regions)
    bucket_accounts().update(state["buckets"])
    strict.tokens, strict.references = state["tokens"], state["references"]


class _Unpickler(dill.Unpickler):  # type: ignore[misc]  # dill has no types
    """Reads also what was written before these modules were a package."""

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(f"{__package__}.{module}" if module in OLD_MODULES else module, name)


class Keeper:
    """Keeps the state on disk: at once while that is quick, else soon after the last change.

    `lock` is the emulator's: nothing changes while the state is packed.
    """

    def __init__(self, folder: str | Path, strict: Strict, lock: threading.RLock) -> None:
        self.path = Path(folder, "aws.pickle")
        self.strict, self.lock = strict, lock
        self.seconds = 0.0
        self.timer: threading.Timer | None = None
        self.problem: str | None = None

    def restore(self) -> str | None:
        """Loads the last state; what cannot be read is set aside, and told."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            load(content, self.strict)
            return None
        except Exception as problem:  # a damaged pickle fails in any way it likes
            broken = self.path.with_name(self.path.name + ".broken")
            self.path.replace(broken)
            told = (
                f"the sandbox's resources could not be read ({type(problem).__name__}: {problem}): it starts empty; "
                f"the old file is kept as {broken}, delete it when you do not need it"
            )
            print(told, file=sys.stderr, flush=True)
            return told

    def changed(self) -> None:
        """Saves the state, or sees to it that it is saved."""
        with self.lock:
            if self.seconds <= QUICK_SECONDS:
                self.save()
            elif self.timer is None:
                self.timer = threading.Timer(DELAY_SECONDS, self.save)
                self.timer.daemon = True
                self.timer.start()

    def save(self) -> None:
        """Saves the state now."""
        with self.lock:
            self.timer = None
            started = time.monotonic()
            try:
                write(self.path, dump(self.strict))
                self.problem = None
            except Exception as problem:  # a full disk, or what dill cannot take: the sandbox goes on without
                self.problem = (
                    f"the sandbox's resources could not be written to {self.path} ({type(problem).__name__}: {problem}): "
                    "they will be lost with its process; make room on the disk, and run labctl again"
                )
                print(self.problem, file=sys.stderr, flush=True)
            self.seconds = time.monotonic() - started
