"""Who signs in to JupyterHub, by PAM, written by labctl. Changes by hand are replaced by the next apply.

Every way to JupyterHub that takes a password comes through here: its form, and `POST hub/api/users/NAME/tokens`.
"""

import asyncio
import ctypes
import time
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library

import pamela
from jupyterhub.auth import PAMAuthenticator
from labctl_sign_in import Failures
from tornado import web
from traitlets import default

# Sign-ins that may wait for their check: those of a few classes, and a few seconds of work.
WAITING = 200
# Seconds after which a failed sign-in is answered, so that nobody sees by the time which names there are.
ANSWER = 1
# `PAM_FAIL_DELAY` of Linux-PAM's security/_pam_types.h, and the type of what it takes (pam_fail_delay(3)).
FAIL_DELAY = 10
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
    """PAM, one password at a time, and slower for who guesses."""

    def __init__(self, **options):
        super().__init__(**options)
        self._failures = Failures()
        self._waiting = 0

    @default("executor")
    def _one_thread(self):
        # A check costs some 50 ms of a processor: guesses take one of them at most.
        return ThreadPoolExecutor(1)

    async def authenticate(self, handler, data):
        """Gives the name whose password is right, or None. Raises 429 for who has to wait."""
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


def refusal(status, reason, seconds):
    """What the form shows; the API for tokens says 403 to all that is refused."""
    unit = "second" if seconds == 1 else "seconds"
    error = web.HTTPError(status, f"{reason}; wait {seconds} {unit} and try again")
    error.headers = {"Retry-After": str(seconds)}
    return error
