"""The processes of Linux or macOS: the piece `linux` as a local runtime needs it."""

import contextlib
import os
import subprocess

_PROC = os.path.exists("/proc/self/stat")


def _machine() -> str:
    """Return what tells this boot of the machine from every other."""
    if not _PROC:
        return _said(["sysctl", "-n", "kern.bootsessionuuid"])
    with open("/proc/sys/kernel/random/boot_id") as stream:
        return stream.read().strip()


def _stat(pid: int) -> list[str]:
    """Return parent and start time of the process *pid*, nothing when it is gone."""
    if not _PROC:
        words = _said(["ps", "-o", "stat=,ppid=,lstart=", "-p", str(pid)]).split()
        return [] if not words or words[0].startswith("Z") else [words[1], " ".join(words[2:])]
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", errors="replace") as stream:
        fields = stream.read().rpartition(")")[2].split()  # from the third on: proc(5)
        return [] if fields[0] == "Z" else [fields[1], fields[19]]
    return []


def _pids() -> list[int]:
    names = os.listdir("/proc") if _PROC else _said(["ps", "-A", "-o", "pid="]).split()
    return [int(name) for name in names if name.isdigit()]


def _said(argv: list[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
