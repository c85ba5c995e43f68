"""List this machine's jobs, find a place in a log, cancel one, and clear away old ones.

Verbs: ``find ID TAIL AGO`` (where in the log to begin), ``list``, ``cancel ID SIGNAL GRACE``,
``prune AGO`` and ``boot`` (which life of the machine this is).
"""

import collections
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from typing import Any  # what a verb takes is its own matter

from colabdev.payload.jobfolder import (
    IDENTIFIER,
    control_of,
    existing,
    jobs_folder,
    ours,
    read_json,
    standing,
)
from colabdev.payload.joblog import Log
from colabdev.payload.marks import marked
from colabdev.payload.records import HEADER, encode
from colabdev.payload.telling import Failure, answer, send

SIGNALS = ("INT", "TERM", "KILL")
TICK = 0.02  # seconds between looks at what is to end


def find(identifier: str, tail: str, ago: str) -> None:
    """Tell where the last *tail* lines begin, of those no older than *ago* seconds.

    An empty word is no bound. A line may begin within a frame: *skip* bytes of it come before.
    """
    folder = existing(identifier)
    with contextlib.closing(Log(os.path.join(folder, "events"))) as log:
        end, told = log.end(), log.begin()
        rest = told  # behind all that was printed, and before the end of the job, which is told too
        # A mark tells the second in which the frames after it came.
        since = time.time() - float(ago) - 1 if ago else float("-inf")
        begin = None if ago else (log.begin(), 0)
        lines: collections.deque[tuple[int, int]] = collections.deque(maxlen=int(tail or 1))
        fresh = True  # the next byte begins a line
        for at, kind, body in log.frames(end):
            told = at + HEADER.size + len(body)
            rest = at if kind == b"x" else told
            if begin is None and kind == b"t" and float(body) > since:
                begin = (at, 0)
            if begin is None or not tail or not body or kind not in (b"o", b"e"):
                continue
            if fresh:
                lines.append((at, 0))
            starts = [found.end() for found in re.finditer(b"\n", body)]
            fresh = body.endswith(b"\n")
            lines.extend((at, start) for start in starts[: len(starts) - fresh])
        if tail and begin:
            begin = lines[0] if lines else (rest, 0)
        offset, skip = begin or (rest, 0)
    # On a full disk a frame is cut short, and may stay so for long: it is not there yet.
    send(b"p", encode({"offset": offset, "skip": skip, "end": told}))


def list_jobs() -> None:
    """Tell of every job; one that is just being removed, or is damaged, is passed over."""
    for name in os.listdir(jobs_folder()):
        if IDENTIFIER.fullmatch(name):
            try:
                told = standing(os.path.join(jobs_folder(), name))
            except (OSError, ValueError, LookupError, TypeError):
                continue
            send(b"j", told)


def cancel(identifier: str, name: str, grace: str) -> None:
    """Pass the wish to end on to the supervisor; a job that has ended stays as it is."""
    folder = existing(identifier)
    if name not in SIGNALS:
        raise Failure("request", f"A job is ended by INT, TERM or KILL, not by {name}.")
    wish = f"{name} {float(grace)}\n".encode()
    try:
        with control_of(folder) as control:
            os.write(control, wish)
    except OSError:
        if json.loads(standing(folder))["orphaned"]:
            end_orphans(identifier, name, float(grace))
    send(b"j", standing(folder))


def end_orphans(identifier: str, name: str, grace: float) -> None:
    """End what a dead supervisor left running, as it would have: ever harder, and waited for."""
    for word in SIGNALS[SIGNALS.index(name) :]:
        deadline = time.monotonic() + grace
        for process in marked(identifier):
            with contextlib.suppress(OSError):
                os.kill(process, getattr(signal, f"SIG{word}"))
        if grace == float("inf"):
            return
        while marked(identifier):
            if time.monotonic() > deadline:
                break
            time.sleep(TICK)
        else:
            return


def prune(ago: str) -> None:
    """Remove the records of jobs that ended *ago* seconds ago or earlier, and tell of each."""
    for name in os.listdir(jobs_folder()):
        folder = os.path.join(jobs_folder(), name)
        if IDENTIFIER.fullmatch(name):
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                told = standing(folder)
                job = json.loads(told)
                over = job["state"] not in ("pending", "running") and not job["orphaned"]
                if over and (job["ended"] or job["created"]) <= time.time() - float(ago):
                    shutil.rmtree(folder)
                    send(b"j", told)


def boot() -> None:
    """Tell the id that the cell gave to this life of the machine, nothing where no cell ran."""
    folder = os.environ.get("COLABDEV_RUNTIME") or ours()
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        send(b"b", str(read_json(os.path.join(folder, "runtime.json"))["boot_id"]).encode())


VERBS: dict[str, Callable[..., Any]] = {
    "find": find,
    "list": list_jobs,
    "cancel": cancel,
    "prune": prune,
    "boot": boot,
}

if __name__ == "__main__":
    sys.exit(answer("jobs", VERBS[sys.argv[1]], tuple(sys.argv[2:])))
