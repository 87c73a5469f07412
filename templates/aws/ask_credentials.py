#!/usr/bin/python3 -I
"""Prints keys for the lab's bucket, as AWS's programs take them from a `credential_process`. Written by labctl.

It runs as the user who wants them. Who that is, labctl-credentials.service learns from the kernel.
"""

import json
import socket
import sys

PLACE = "/run/labctl-credentials/socket"
# AWS may take its time, and others may have asked before.
SECONDS = 60


def main():
    """Asks, and prints the answer or the reason why there is none."""
    parts = []
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(PLACE)
            while part := connection.recv(65536):
                parts.append(part)
        answer = json.loads(b"".join(parts))
    except (OSError, ValueError) as problem:
        sys.exit(f"nobody answers at {PLACE}: {problem}")
    if "error" in answer:
        sys.exit(answer["error"])
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
