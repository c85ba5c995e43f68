"""The processes of Linux, as /proc tells of them (proc(5))."""

import contextlib


def _machine() -> str:
    """Return what tells this boot of the machine from every other."""
    with open("/proc/sys/kernel/random/boot_id") as stream:
        return stream.read().strip()


def _born(pid: int) -> str:
    """Return the start time of the process *pid*, nothing when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", errors="replace") as stream:
        fields = stream.read().rpartition(")")[2].split()  # from the third on
        return "" if fields[0] == "Z" else fields[19]
    return ""
