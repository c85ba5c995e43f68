"""The end of a VM that nobody uses: it goes back to Colab, if the user asked for that."""

import contextlib
import os
import re
import threading  # noqa: F401 - whoever renders it starts a thread for it
import time

from colabdev.payload.cell.core import GPUS, HERE, _around, _load, _run, _write


def _release_when_idle(minutes: float) -> None:
    """Give the VM back after *minutes* with no SSH login, no running job and an idle GPU."""
    while _load("tunnel/state.json").get("status") != "up":
        time.sleep(1)
    end, warned = time.monotonic() + 60 * minutes, False
    while (left := end - time.monotonic()) > 0:
        if _busy():
            end, warned = time.monotonic() + 60 * minutes, False
        elif left < 300 and not warned:
            print(f"Nobody uses this VM: back to Colab in {left:.0f} seconds.")
            warned = True
        _write("tunnel/idle.json", {"left": end - time.monotonic()})  # `status` shows it
        time.sleep(min(5, left))
    from google.colab import runtime

    print("Nobody used this VM: it goes back to Colab.")
    runtime.unassign()


def _busy() -> bool:
    for path in HERE.glob("jobs/*/control"):  # a FIFO, which a running job's supervisor reads
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return True
    work = re.search(r"[1-9]\d* %", _run("sh", "-c", GPUS))
    return bool(work or _around("-P", _load("runtime.json").get("sshd")))
