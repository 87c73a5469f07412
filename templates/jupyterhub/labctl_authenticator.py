"""Who signs in to JupyterHub, by PAM, written by labctl. Changes by hand are replaced by the next apply.

Every way to JupyterHub that takes a password comes through here: its form, and `POST hub/api/users/NAME/tokens`.
"""

import asyncio
import ctypes
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from pathlib import Path

import pamela
from jupyterhub.auth import PAMAuthenticator
from labctl_sign_in import Failures
from tornado import web
from traitlets import Integer, default

# Sign-ins that may wait for their check: those of a few classes, and a few seconds of work.
WAITING = 200
# Seconds after which a failed sign-in is answered, so that nobody sees by the time which names there are.
ANSWER = 1
# `PAM_FAIL_DELAY` of Linux-PAM's security/_pam_types.h, and the type of what it takes (pam_fail_delay(3)).
FAIL_DELAY = 10
# Of `/proc/net/tcp` (proc(5)): the state of a socket that listens.
LISTENS = "0A"
Delay = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


@Delay
def no_delay(_result, _microseconds, _data):
    """Does not sleep after a failure, as PAM would."""


set_item = ctypes.CDLL(find_library("pam")).pam_set_item
set_item.argtypes = [pamela.PamHandle, ctypes.c_int, Delay]
pam_start = pamela.pam_start


def start_without_delay(*arguments, **options):
    """Begins a transaction with PAM that does not sleep: in its sleep of about 3 s it would hold the only thread."""
    handle = pam_start(*arguments, **options)
    set_item(handle, FAIL_DELAY, no_delay)
    return handle


pamela.pam_start = start_without_delay


class ThrottledPAMAuthenticator(PAMAuthenticator):
    """PAM, one password at a time, and slower for who guesses. It takes passwords from the proxy alone."""

    proxy_port = Integer(config=True, help="The port at which JupyterHub's proxy listens, which only root can give it.")

    def __init__(self, **options):
        super().__init__(**options)
        self._failures = Failures()
        self._waiting = 0

    @default("executor")
    def _one_thread(self):
        # A check costs some 50 ms of a processor: guesses take one of them at most.
        return ThreadPoolExecutor(1)

    async def add_user(self, user):
        """Raises KeyError for who is not in the plan: the Hub forgets such a user when it starts."""
        if user.name not in self.allowed_users:
            raise KeyError(f"{user.name} is not in the plan")
        await super().add_user(user)

    async def authenticate(self, handler, data):
        """Gives the name whose password is right, or None. Raises 429 for who has to wait, 403 for who passes NGINX by."""
        # The Hub's own port is open to every program on this machine, for the users' servers; and whoever comes that way
        # writes as the own address what they like.
        if not came_through(self.proxy_port, handler.request.connection.stream.socket):
            raise web.HTTPError(403, "passwords are taken at the lab's own address only")
        name, address = data["username"], handler.request.remote_ip
        # PAM's names end at their first NUL, and so one name could be written, and counted, in many ways.
        if not isinstance(name, str) or "\0" in name:
            return None
        if self._waiting >= WAITING:
            raise refusal(503, "too many people sign in at this moment", 5)
        wait = self._failures.begin(name, address)
        if wait:
            raise refusal(429, "too many failed sign-ins with this name from your address", wait)
        end = time.monotonic() + ANSWER
        self._waiting += 1
        try:
            known = await super().authenticate(handler, data)
        finally:
            self._waiting -= 1
        if known is None:
            await asyncio.sleep(max(0, end - time.monotonic()))
        else:
            self._failures.succeed(name, address)
        return known


def came_through(port, connection):
    """Whether the far end of a connection belongs to whom the socket belongs to that listens on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    try:
        far = place(*connection.getpeername()), place(*connection.getsockname())
    except OSError:
        # Gone already.
        return False
    proxies = [row[7] for row in rows if row[1] == place("127.0.0.1", port) and row[3] == LISTENS]
    clients = [row[7] for row in rows if (row[1], row[2]) == far]
    return len(proxies) == 1 and clients == proxies


def place(address, port):
    """An address and a port as the kernel writes them: as words in the byte order of the machine."""
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"


def refusal(status, reason, seconds):
    """What the form shows; the API for tokens says 403 to all that is refused."""
    unit = "second" if seconds == 1 else "seconds"
    error = web.HTTPError(status, f"{reason}; wait {seconds} {unit} and try again")
    error.headers = {"Retry-After": str(seconds)}
    return error
