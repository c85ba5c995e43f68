"""Finding the processes of a job by the mark in their environment."""

import contextlib
import os


def marked(job: str) -> "list[int]":
    """Return the processes that bear the mark of *job* in their environment."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError):
            if name.isdigit():
                with open(f"/proc/{name}/environ", "rb") as stream:
                    if f"COLABDEV_JOB={job}".encode() in stream.read().split(b"\0"):
                        found.append(int(name))
    return found
