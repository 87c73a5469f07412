"""What outlives the sandbox's process: moto's resources, and the sandbox's own choices, as files of one folder.

Each file is replaced in one step, so that a process that is killed leaves the old one or the new one, and only its
owner can read it: there are private keys and secrets in them.
"""

import copyreg
import json
import os
import sys
import threading
import time
from pathlib import Path

import dill
from moto.backends import get_backend
from moto.s3.utils import _VersionedKeyStore
from moto.ssm.models import ParameterDict

# What labctl uses, and what moto asks for it.
SERVICES = ("ec2", "s3", "route53", "iam", "sts", "resourcegroupstaggingapi", "ssm")
# A save that takes longer than this is no longer waited for by each call.
QUICK_SECONDS = 0.1
DELAY_SECONDS = 0.3


def write(path, content):
    """Writes a file for its owner only, in one step."""
    part = path.with_name(path.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)


def write_json(path, value):
    """Writes a value as JSON, see `write`."""
    write(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path):
    """Reads what `write_json` wrote; nothing where there is no whole file."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _reduce_parameters(parameters):
    """Takes SSM's parameters apart, because the class cannot be made from what `defaultdict` says of itself."""
    arguments = (parameters.account_id, parameters.region_name)
    return ParameterDict, arguments, vars(parameters), None, iter(parameters.items())


def _reduce_versions(store):
    """Takes a bucket's objects apart as lists of versions, which the class would take for single versions."""
    return _VersionedKeyStore, (), dict(store.items()), None, None, _fill_versions


def _fill_versions(store, versions):
    for key, listed in versions.items():
        store.setlist(key, listed)


copyreg.pickle(ParameterDict, _reduce_parameters)
copyreg.pickle(_VersionedKeyStore, _reduce_versions)


def dump(strict):
    """Packs the resources of all accounts, and what the strictness remembers."""
    resources = {
        service: {account: dict(regions) for account, regions in get_backend(service).items()} for service in SERVICES
    }
    state = {
        "resources": resources,
        "buckets": get_backend("s3").bucket_accounts,
        "tokens": strict.tokens,
        "references": strict.references,
    }
    return dill.dumps(state)


def load(content, strict):
    """Puts back what `dump` packed."""
    state = dill.loads(content)
    for service, accounts in state["resources"].items():
        for account, regions in accounts.items():
            get_backend(service)[account].update(regions)
    get_backend("s3").bucket_accounts.update(state["buckets"])
    strict.tokens, strict.references = state["tokens"], state["references"]


class Keeper:
    """Keeps the state on disk: at once while that is quick, else soon after the last change.

    `lock` is the emulator's: nothing changes while the state is packed.
    """

    def __init__(self, folder, strict, lock):
        self.path = Path(folder, "aws.pickle")
        self.strict, self.lock = strict, lock
        self.seconds = 0.0
        self.timer = None

    def restore(self):
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

    def changed(self):
        """Saves the state, or sees to it that it is saved."""
        with self.lock:
            if self.seconds <= QUICK_SECONDS:
                self.save()
            elif self.timer is None:
                self.timer = threading.Timer(DELAY_SECONDS, self.save)
                self.timer.daemon = True
                self.timer.start()

    def save(self):
        """Saves the state now."""
        with self.lock:
            self.timer = None
            started = time.monotonic()
            write(self.path, dump(self.strict))
            self.seconds = time.monotonic() - started


class Settings:
    """The sandbox's choices that stay: ports, the image, and what is known of each machine."""

    def __init__(self, folder):
        self.path = Path(folder, "settings.json")
        self.lock = threading.RLock()
        self.values = read_json(self.path)
        self.values.setdefault("machines", {})

    def get(self, name, default=None):
        """One choice."""
        return self.values.get(name, default)

    def set(self, **values):
        """Makes choices and keeps them."""
        with self.lock:
            self.values.update(values)
            write_json(self.path, self.values)

    def machine(self, identity):
        """What is known of a machine."""
        with self.lock:
            return dict(self.values["machines"].get(identity, {}))

    def set_machine(self, identity, **values):
        """Notes something about a machine."""
        with self.lock:
            self.values["machines"].setdefault(identity, {}).update(values)
            write_json(self.path, self.values)

    def forget_machine(self, identity):
        """Drops what is known of a machine."""
        with self.lock:
            if self.values["machines"].pop(identity, None) is not None:
                write_json(self.path, self.values)
