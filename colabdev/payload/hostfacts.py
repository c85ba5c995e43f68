"""Say what this machine is and does: its life, Python, disk and GPU, its logins and its jobs."""

import contextlib
import functools
import json
import os
import platform
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Optional, Sequence

from colabdev.payload.visitors import visitors

HELLO = b"\0colabdev hostfacts 1\n"
NVIDIA_SMI = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,driver_version,utilization.gpu,memory.used,power.draw",
    "--format=csv,noheader,nounits",
)
# We ourselves run without the packages of this Python, so one with them is asked.
ASK_VERSION = (
    "import importlib.metadata as m, json; print(json.dumps({'torch': m.version('torch')}))"
)
VERSION_LIMIT = 10.0  # seconds
# Importing torch takes seconds and memory: it happens in a process of its own, soon over.
ASK_TORCH = (
    "import json, torch; print(json.dumps("
    "{'torch': torch.__version__, 'cuda': torch.cuda.is_available(),"
    " 'cuda_version': torch.version.cuda or ''}))"
)


def main(arguments: List[str]) -> None:
    """Answer one frame ``f`` with the facts; *arguments* are the workspace root and torch's limit.

    A limit of 0 seconds leaves torch asleep: only its version is told. With a third argument
    another frame follows every so many seconds, until stdin ends: a watcher then pays for the
    answers alone.
    """
    root, limit = arguments[0], float(arguments[1])
    every = float(arguments[2]) if len(arguments) > 2 else None
    send(HELLO)
    answer(root, limit)
    while every is not None and not select.select([0], [], [], every)[0]:
        answer(root, 0)
    send(frame(b".", b""))


def answer(root: str, limit: float) -> None:
    torch: Dict[str, Any] = {}
    asking = threading.Thread(target=lambda: torch.update(ask_torch(limit)))
    asking.start()
    facts = {
        "hostname": socket.gethostname(),
        "boot_id": boot_id(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": cpus(),
        "memory": memory(),
        "gpu": gpu(),
        "colab": "COLAB_RELEASE_TAG" in os.environ,
        "uptime": uptime(),
        "idle_left": idle_left(),
        "logins": logins(),
        "visitors": connected(),
        "jobs": running_jobs(),
        **disk(root),
    }
    asking.join()
    facts.update(torch)
    send(frame(b"f", json.dumps(facts).encode()))


def send(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def frame(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">cI", kind, len(body)) + body


def boot_id() -> str:
    """Return the id of this life of the machine, which the cell wrote down, else ``""``."""
    return str(record().get("boot_id", ""))


def record() -> Dict[str, Any]:
    """Return what the cell wrote down, nothing where it never ran or the record is damaged."""
    try:
        with open(ours("runtime.json"), encoding="utf-8") as stream:
            return dict(json.load(stream))
    except (OSError, ValueError, TypeError):
        return {}


def ours(name: str) -> str:
    """Return the path of the cell's own file *name*."""
    home = os.path.join(os.path.expanduser("~"), ".colabdev")
    return os.path.join(os.environ.get("COLABDEV_RUNTIME") or home, name)


def idle_left() -> Optional[float]:
    """Return in how many idle seconds the VM is given back, None if nobody will or it is unknown.

    The cell's keeper notes it every few seconds; an old note is that of a keeper that is gone.
    """
    try:
        with open(ours(os.path.join("tunnel", "idle.json")), encoding="utf-8") as stream:
            left = float(json.load(stream)["left"])
            fresh = abs(time.time() - os.fstat(stream.fileno()).st_mtime) < 60
        return left if fresh and left >= 0 else None  # nan is not
    except (OSError, ValueError, TypeError, KeyError):
        return None


def uptime() -> Optional[float]:
    """Return for how many seconds the first process has lived, None where /proc does not tell.

    In a container, as Colab's, it began with the container and not with the computer around it.
    """
    try:
        with open("/proc/1/stat", encoding="utf-8", errors="replace") as stream:
            born = int(stream.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        with open("/proc/uptime", encoding="utf-8") as stream:
            return max(0.0, float(stream.read().split()[0]) - born)
    except (OSError, ValueError, IndexError):
        return None


def logins() -> Optional[int]:
    """Return how many connections our sshd holds, this one with them; None for unknown."""
    try:
        port = int(record()["port"])
        with open("/proc/net/tcp", encoding="utf-8") as stream:
            rows = [line.split() for line in stream]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ours = "0100007F:%04X" % port  # 127.0.0.1 as this file writes it; state 01 is established
    return sum(row[1:4:2] == [ours, "01"] for row in rows if len(row) > 3)


def connected() -> List[str]:
    """Return what each of these connections is used for, as far as this machine tells."""
    try:
        with open(ours(os.path.join("sshd", "pid")), encoding="utf-8") as stream:
            return visitors(int(stream.read()))
    except (OSError, ValueError):
        return []


def running_jobs() -> List[str]:
    """Return the ids of the jobs that run: whose supervisor has its FIFO open."""
    folder = os.path.join(os.path.expanduser("~"), ".colabdev", "jobs")
    found = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}", name):
                with contextlib.suppress(OSError):  # nobody reads it
                    control = os.path.join(folder, name, "control")
                    os.close(os.open(control, os.O_WRONLY | os.O_NONBLOCK))
                    found.append(name)
    return found


def cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def memory() -> int:
    """Return the machine's memory in bytes, 0 where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def disk(root: str) -> Dict[str, int]:
    """Return free and all bytes where *root* is or will be, 0 where the disk does not tell."""
    while not os.path.isdir(root) and os.path.dirname(root) != root:
        root = os.path.dirname(root)
    try:
        usage = shutil.disk_usage(root)
    except OSError:
        return {"disk_free": 0, "disk_total": 0}
    return {"disk_free": usage.free, "disk_total": usage.total}


def gpu() -> Optional[Dict[str, Any]]:
    """Return the first GPU that nvidia-smi knows, None where there is none."""
    lines = output(NVIDIA_SMI, 10).strip().splitlines()
    words = [word.strip() for word in lines[0].split(",")] if lines else []
    if len(words) < 3:
        return None
    numbers = [int(word) if word.isdigit() else None for word in [*words[3:5], "", ""]]
    power = words[5] if len(words) > 5 else ""
    return {
        "name": words[0],
        "memory": (int(words[1]) if words[1].isdigit() else 0) * 1024 * 1024,
        "driver": words[2],
        "count": len(lines),
        "use": numbers[0],
        "memory_used": None if numbers[1] is None else numbers[1] * 1024 * 1024,
        "power": float(power) if re.fullmatch(r"\d{1,6}(\.\d+)?", power) else None,
    }


@functools.lru_cache(maxsize=None)  # a watcher asks once
def ask_torch(limit: float) -> Dict[str, Any]:
    """Return what torch says of itself within *limit* seconds, nothing when it does not."""
    ask, limit = (ASK_TORCH, limit) if limit > 0 else (ASK_VERSION, VERSION_LIMIT)
    said = output((sys.executable, "-c", ask), limit)
    try:
        return dict(json.loads(said.splitlines()[-1])) if said else {}
    except ValueError:
        return {}


def output(command: Sequence[str], limit: float) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit,
            check=False,
            cwd=os.sep,  # no torch.py in somebody's home
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


if __name__ == "__main__":
    main(sys.argv[1:])
