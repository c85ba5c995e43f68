"""The processes of Linux or macOS: the piece `linux` as a local runtime needs it."""

import contextlib
import os
import subprocess


def _machine() -> str:
    """Return what tells this boot of the machine from every other."""
    path, words = "/proc/sys/kernel/random/boot_id", ["sysctl", "-n", "kern.bootsessionuuid"]
    with contextlib.suppress(FileNotFoundError), open(path) as stream:
        return stream.read().strip()
    return subprocess.run(words, stdout=subprocess.PIPE, text=True).stdout.strip()


def _born(pid: int) -> str:
    """Return the start time of the process *pid*, nothing when it is gone (proc(5), ps(1))."""
    if os.path.exists("/proc/self/stat"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()  # from the third on
            return "" if fields[0] == "Z" else fields[19]
        return ""
    words = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True, env={"LC_ALL": "C"}).stdout
    return "" if said.startswith("Z") else " ".join(said.split()[1:])
