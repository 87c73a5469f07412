#!/usr/bin/python3.11 -I
"""Stands where a server's Python was, and does what a hostile server could: as `/srv/hostile` says."""

import json
import sys

STEER = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r\x00\x7f"
data = sys.stdin.buffer
_, length = data.readline().split()
data.read(int(length))
request = json.loads(data.read(int(data.readline())))
nonce = request["nonce"]
mode = open("/srv/hostile").read().strip()
out = sys.stdout.buffer


def say(answer):
    out.write(f"{nonce} {json.dumps(answer, ensure_ascii=False)}\n".encode())
    out.flush()


def flood(piece):
    try:
        while True:
            out.write(piece)
    except OSError:
        sys.exit(1)


if mode == "line":
    flood(b"x" * 65536)
elif mode == "lines":
    flood(b"noise\n" * 10000)
elif mode == "ours":
    flood(f"{nonce} {{\"format\": 1}}\n".encode() * 1000)
elif mode == "stderr":
    sys.stderr.write(f"sudo: {STEER}\n" + f"{STEER}\n" * 1000)
    sys.exit(1)
elif mode == "nested":
    out.write(f"{nonce} ".encode() + b"[" * (4 << 20) + b"\n")
elif mode == "wide":
    out.write(f"{nonce} ".encode() + b'{"format": 1, "files": {' + b",".join(b'"%d":{}' % n for n in range(900_000)) + b"}}\n")
elif "run" in request:
    # An apply: every text of every event steers.
    for event in (
        {"type": "step", "step": STEER, "title": STEER},
        {"type": "line", "text": STEER},
        {"type": "warning", "text": STEER, "help": STEER},
        {"type": "gate", "gate": STEER, "ok": False, "detail": STEER},
        {"type": "done", "step": STEER, "seconds": -1e308},
        {"type": STEER},
        {"type": "verdict", "ok": False, "run": STEER, "step": STEER, "what": STEER, "help": STEER, "log": [STEER] * 50},
    ):
        say(event)
else:
    # A probe: the same for facts.
    files = {file["path"]: {"kind": "file", "sha256": STEER, "mode": STEER, "owner": STEER, "group": STEER, "content": STEER} for file in request["files"]}
    files["../../../../etc/passwd"] = {"kind": "file", "content": STEER}
    say(
        {
            "format": 1,
            "os": {"id": "debian", "version": "12", "name": STEER},
            "architecture": "x86_64",
            "python": STEER,
            "clock": 1e308,
            "boot_id": STEER,
            "disk": {"total_bytes": 1 << 62, "free_bytes": 1 << 62, "free_inodes": 1 << 62},
            "cloud_init": "error",
            "dpkg": {"state": "locked", "holder": STEER},
            "files": files,
            "users": {user: {"uid": 1000, "groups": [STEER], "authorized_keys": [STEER]} for user in request["users"]},
            "links": {link: STEER for link in request["links"]},
            "manifest": {"format": 1, "lab": STEER, "files": {STEER: {"sha256": STEER, "original": "/etc/shadow"}}, "users": {STEER: {"created": True}}},
            "unfinished": {"run": STEER, "phase": STEER},
        }
    )
