"""The end of a VM that nobody uses: it goes back to Colab, if the user asked for that."""

import contextlib
import glob
import os
import sys
import threading
import time

from colabdev.payload.cell.core import HERE, Tunnel, _alive, _children, _load, _run, _write


class Idle:
    """Give the VM back after *minutes* with no SSH login, no running job and an idle GPU."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes

    def over(self, tunnel: Tunnel) -> Tunnel:
        """Return *tunnel*, whose keeper looks whether the VM is used."""
        tunnel.settings = [*tunnel.settings, self.minutes]
        if sys.argv[1:] == ["keep"]:
            threading.Thread(target=self._watch, daemon=True).start()
        return tunnel

    def _watch(self) -> None:
        while _load("tunnel/state.json").get("status") != "up":
            time.sleep(1)
        end, warned = time.monotonic() + 60 * self.minutes, False
        while (left := end - time.monotonic()) > 0:
            if _busy():
                end, warned = time.monotonic() + 60 * self.minutes, False
            elif left < 300 and not warned:
                print(f"Nobody uses this VM: back to Colab in {left:.0f} seconds.")
                warned = True
            _write("tunnel/idle.json", {"left": end - time.monotonic()})  # `status` shows it
            time.sleep(min(5, left))
        from google.colab import runtime

        print("Nobody used this VM: it goes back to Colab.")
        runtime.unassign()


def _busy() -> bool:
    server = _load("runtime.json").get("sshd")
    if server and _alive(server) and _children(server[0]):
        return True
    # Each running job has a supervisor, which reads the FIFO in the job's folder.
    for path in glob.glob(os.path.join(glob.escape(HERE), "jobs", "*", "control")):
        with contextlib.suppress(OSError):  # ENXIO: nobody reads it any more
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return True
    try:
        query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        return any(word != "0" for word in _run(["nvidia-smi", *query]).stdout.split())
    except OSError:
        return False  # no GPU here
