"""Say what this machine is: its life, its Python, its processors, its disk and its GPU."""

import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import threading
from typing import Any, Dict, List, Optional, Sequence

HELLO = b"\0colabdev hostfacts 1\n"
NVIDIA_SMI = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,driver_version",
    "--format=csv,noheader,nounits",
)
# Importing torch takes seconds and memory: it happens in a process of its own, soon over.
ASK_TORCH = (
    "import json, torch; print(json.dumps("
    "{'torch': torch.__version__, 'cuda': torch.cuda.is_available(),"
    " 'cuda_version': torch.version.cuda or ''}))"
)


def main(arguments: List[str]) -> None:
    """Answer one frame ``f`` with the facts; *arguments* are the workspace root and torch's limit.

    A limit of 0 seconds leaves torch out.
    """
    root, limit = arguments[0], float(arguments[1])
    send(HELLO)
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
        "disk_free": disk_free(root),
        "gpu": gpu(),
    }
    asking.join()
    facts.update(torch)
    send(frame(b"f", json.dumps(facts).encode()) + frame(b".", b""))


def send(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def frame(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">cI", kind, len(body)) + body


def boot_id() -> str:
    """Return the id of this life of the machine, which the cell wrote down, else ``""``."""
    home = os.path.join(os.path.expanduser("~"), ".colabdev")
    folder = os.environ.get("COLABDEV_RUNTIME") or home
    try:
        with open(os.path.join(folder, "runtime.json"), encoding="utf-8") as stream:
            return str(json.load(stream)["boot_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


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


def disk_free(root: str) -> int:
    """Return the free bytes where *root* is or will be, 0 where the disk does not tell."""
    while not os.path.isdir(root) and os.path.dirname(root) != root:
        root = os.path.dirname(root)
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return 0


def gpu() -> Optional[Dict[str, Any]]:
    """Return the first GPU that nvidia-smi knows, None where there is none."""
    lines = output(NVIDIA_SMI, 10).strip().splitlines()
    words = [word.strip() for word in lines[0].split(",")] if lines else []
    if len(words) != 3:
        return None
    mebibytes = int(words[1]) if words[1].isdigit() else 0
    return {
        "name": words[0],
        "memory": mebibytes * 1024 * 1024,
        "driver": words[2],
        "count": len(lines),
    }


def ask_torch(limit: float) -> Dict[str, Any]:
    """Return what torch says of itself within *limit* seconds, nothing when it does not."""
    answer = output((sys.executable, "-c", ASK_TORCH), limit) if limit > 0 else ""
    try:
        return dict(json.loads(answer.splitlines()[-1])) if answer else {}
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
