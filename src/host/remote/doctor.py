"""Looks at this server and tries the gates of an apply, and changes nothing; each finding is told as it comes.

The gates are the agent's own, which comes along as PAYLOAD, a tar archive. It is laid out in a folder of its own below
/run, which is gone when this ends.
"""

import shutil
import tarfile
import tempfile
import time


def free_memory():
    """Gives the memory that programs can still have, and the free swap."""
    sizes = dict(re.findall(r"^(MemAvailable|SwapFree): +(\d+) kB$", text("/proc/meminfo"), re.MULTILINE))
    return int(sizes["MemAvailable"]) * 1024, int(sizes["SwapFree"]) * 1024


def failed_units():
    """Names the units that systemd calls failed."""
    listed = answer_of("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager")
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def is_synchronized():
    """Says whether the clock follows others; None where nobody knows."""
    answer = answer_of("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    # A container has the clock of its host.
    return None if is_container() or answer not in ("yes", "no") else answer == "yes"


def awaited(wish):
    """Says for which model a unit waits that has none yet, or why it cannot be run with the one that is there."""
    if wish is None or os.path.islink(wish["link"]):
        return None
    noted = model()
    return {"unit": wish["unit"], **noted} if noted["state"] != "ready" else None


def condition(request):
    """Reads how the machine is."""
    total, _ = attempt(memory) or (0, 0)
    free, swap = attempt(free_memory) or (0, 0)
    room = attempt(disk) or {}
    return known(
        {
            "disk_bytes": room.get("total_bytes"),
            "disk_free_bytes": room.get("free_bytes"),
            "free_inodes": room.get("free_inodes"),
            "memory_bytes": total,
            "memory_free_bytes": free,
            "swap_free_bytes": swap,
            "failed_units": attempt(failed_units) or [],
            "clock": time.time(),
            "is_synchronized": attempt(is_synchronized),
            "wants_restart": os.path.exists("/run/reboot-required"),
            "awaits": attempt(awaited, request["model"]),
            "applying": applying((attempt(units, [APPLY_UNIT]) or {}).get(APPLY_UNIT, {})),
        }
    )


def try_gates(request, archive):
    """Lays the agent out, and lets it try the gates."""
    folder = tempfile.mkdtemp(prefix="labctl-doctor-", dir="/run")
    try:
        with tarfile.open(fileobj=archive, mode="r|") as tar:
            for member in tar:
                # Nothing but what labctl has packed: plain files below `agent/`.
                if not member.isfile() or not re.fullmatch(r"agent/[a-z_]+\.py", member.name):
                    raise ValueError(f"a strange file, {member.name!r}, came along")
                os.makedirs(f"{folder}/agent", exist_ok=True)
                with open(f"{folder}/{member.name}", "wb") as file:
                    file.write(tar.extractfile(member).read())
        with open(f"{folder}/request.json", "w", encoding="utf-8") as file:
            json.dump({"run": "doctor", "gates": request["gates"]}, file)
        sys.dont_write_bytecode = True
        sys.path.insert(0, folder)
        from agent import examine

        for seen in examine.gates(folder, request["deep"]):
            say({"type": "gate", **seen})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def look(request):
    """Tells all that there is to tell."""
    say({"type": "machine", **condition(request)})
    try:
        try_gates(request, PAYLOAD)
    except BrokenPipeError:
        raise
    except Exception as error:
        say({"type": "broken", "reason": f"{type(error).__name__}: {error}"})
    say({"type": "done"})


if "REQUEST" in globals():
    os.umask(0o077)
    look(REQUEST)
