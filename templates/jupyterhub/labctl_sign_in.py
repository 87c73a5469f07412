"""How JupyterHub slows down who guesses passwords, written by labctl. Changes by hand are replaced by the next apply.

NGINX counts requests by address, and cannot see whether a password was right. This counts failures by name and
address together: who guesses the password of `alice` waits longer and longer, while `alice` signs in at once from
everywhere else, and so do all others from the guesser's address. All is in memory; a restart of the Hub forgets it.
"""

import ipaddress
import math
import time
from collections import OrderedDict

# Failures that cost no wait: people mistype.
FREE = 5
# Seconds to wait after the first failure that is not free; each further one doubles them.
FIRST_WAIT = 5
LONGEST_WAIT = 300
# Seconds after which a failure is forgotten, when no other followed.
MEMORY = 3600
# Pairs of name and address that are remembered; the one that has been still for longest is forgotten first.
PAIRS = 10_000
# Letters of a name that count. Linux allows 32 (useradd(8)), so that no two users share them.
LETTERS = 64


def network_of(address):
    """The part of an address that one customer has: of IPv6 the /64 (RFC 6177), else the whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


class Failures:
    """Failed sign-ins by name and network, and how long each pair has to wait. `now` gives seconds."""

    def __init__(self, now=time.monotonic):
        self._now = now
        # (name, network) → (failures, time from which the next attempt is allowed, time of the last one)
        self._pairs = OrderedDict()

    def __len__(self):
        return len(self._pairs)

    def begin(self, name, address):
        """Lets an attempt begin and gives 0, or gives the seconds that it has to wait.

        It counts as failed until `succeed` is called: of many attempts at once, only the free ones begin.
        """
        pair, now = self._pair(name, address), self._now()
        failures, allowed, last = self._pairs.get(pair, (0, now, now))
        if now < allowed:
            return math.ceil(allowed - now)
        if now - last > MEMORY:
            failures = 0
        failures += 1
        self._pairs[pair] = (failures, now + wait_after(failures), now)
        self._pairs.move_to_end(pair)
        if len(self._pairs) > PAIRS:
            self._pairs.popitem(last=False)
        return 0

    def succeed(self, name, address):
        """Forgets the failures of a pair whose password was right."""
        self._pairs.pop(self._pair(name, address), None)

    @staticmethod
    def _pair(name, address):
        return name[:LETTERS], network_of(address)


def wait_after(failures):
    """Seconds to wait after so many failures in a row."""
    if failures < FREE:
        return 0
    # No more doublings than are of use: a number of failures has no end.
    return min(FIRST_WAIT * 2 ** min(failures - FREE, 10), LONGEST_WAIT)
