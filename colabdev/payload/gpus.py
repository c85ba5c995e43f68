"""Samples of the GPUs' use while a job runs, as nvidia-smi tells them."""

import contextlib
import os
import subprocess
import time
from typing import Any  # a record is JSON

from colabdev.payload.records import encode, frame

SAMPLE = 5  # seconds between two samples of a GPU
GPU_QUERY = (
    "nvidia-smi",
    "--query-gpu=index,utilization.gpu,memory.used,power.draw",
    "--format=csv,noheader,nounits",
    f"--loop={SAMPLE}",
)
READ = 64 * 1024
LONGEST = 8 * 1024  # bytes of a line


class Gpus:
    """What nvidia-smi tells of each GPU every few seconds, as frames; nothing where it is not."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = b""
        self._is_asked = False

    def begin(self) -> None:
        """Let it be asked, once: what has ended in a moment is not worth a process."""
        if self._is_asked:
            return
        self._is_asked = True
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                GPU_QUERY,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self._process.stdout, "opened with PIPE"
            os.set_blocking(self._process.stdout.fileno(), False)

    def samples(self) -> list[bytes]:
        """Return what it told since."""
        if not self._process or not self._process.stdout:
            return []
        try:
            data = os.read(self._process.stdout.fileno(), READ)
        except BlockingIOError:
            return []
        if not data:  # it has ended, as it does at once where there is a driver and no GPU
            self.close()
            return []
        *lines, self._begun = (self._begun + data).split(b"\n")
        self._begun = self._begun[-LONGEST:]
        return [frame(b"g", encode(sample)) for line in lines if (sample := gpu_sample(line))]

    def close(self) -> None:
        if self._process:
            self._process.kill()
            with self._process:  # closes the pipe, and waits for it
                self._process = None


def gpu_sample(line: bytes) -> "dict[str, Any] | None":
    """Return what a line of nvidia-smi tells: use in per cent, memory in bytes, power in watts."""
    words = [word.strip() for word in line.decode(errors="replace").split(",")]
    if len(words) != 4 or not words[0].isdigit():
        return None
    use, memory, power = map(number, words[1:])
    size = None if memory is None else int(memory * 2**20)
    return {"gpu": int(words[0]), "time": time.time(), "use": use, "memory": size, "power": power}


def number(word: str) -> "float | None":
    """Return the number that *word* is; some GPUs say ``[N/A]`` instead."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
