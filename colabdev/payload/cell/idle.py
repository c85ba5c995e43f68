"""The end of a VM that nobody uses: it goes back to Colab, if the user asked for that."""

import contextlib
import glob
import os
import time

from colabdev.payload.cell.core import _alive, _children, _load, _path, _run, _save


class Idle:
    """Give the VM back after *minutes* with no SSH login, no running job and an idle GPU."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes

    def watch(self) -> None:
        """Look every few seconds, note how long is left, and give the VM back at the end."""
        end = time.monotonic() + 60 * self.minutes
        while (left := end - time.monotonic()) > 0:
            if _busy():
                left = 60 * self.minutes
                end = time.monotonic() + left
            _save("tunnel/idle.json", {"left": left})  # the cell warns by it
            time.sleep(min(5, left))
        from google.colab import runtime

        print("Nobody used this VM: it goes back to Colab.", flush=True)
        runtime.unassign()


def _busy() -> bool:
    facts = _load("runtime.json")
    logins = _children(facts["sshd"][0]) if facts.get("sshd") else []
    if logins or any(map(_alive, facts.get("logins", []))):
        return True
    # Each running job has a supervisor, which reads the FIFO in the job's folder.
    for path in glob.glob(os.path.join(glob.escape(_path("jobs")), "*", "control")):
        with contextlib.suppress(OSError):  # ENXIO: nobody reads it any more
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return True
    try:
        query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        return any(word != "0" for word in _run(["nvidia-smi", *query]).stdout.split())
    except OSError:
        return False  # no GPU here
