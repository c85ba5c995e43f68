"""A job's folder, as all of our programs on its machine find it.

It is ``~/.colabdev/jobs/<id>``: ``spec.json`` (what was asked for), ``state.json`` (how it stands,
by its supervisor), ``report`` (rows the job appends), ``control`` (a FIFO to its supervisor) and
``events``, the log: frames just as they go over the wire, in files named by the offset at which
each begins. What is older than the first of them has been dropped.
"""

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterator
from typing import Any  # records are JSON: mappings of anything

from colabdev.payload.marks import marked
from colabdev.payload.records import encode
from colabdev.payload.telling import Failure

IDENTIFIER = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


def existing(identifier: str) -> str:
    folder = os.path.join(jobs_folder(), identifier)
    if not IDENTIFIER.fullmatch(identifier) or not os.path.isdir(folder):
        message = f"There is no job {identifier} on this machine."
        raise Failure("no-job", message, "List them: colabdev jobs")
    return folder


def standing(folder: str) -> bytes:
    """Return how the job in *folder* stands, as JSON."""
    alive = supervised(folder)  # asked before reading: an end written in between is not missed
    spec = read_json(os.path.join(folder, "spec.json"))
    try:
        state = read_json(os.path.join(folder, "state.json"))
    except FileNotFoundError:
        state = {}
    if "code" in state:
        word = "failed" if state["code"] else "succeeded"
        word = "cancelled" if state["cancelled"] else word
    elif alive:
        word = "running" if state else "pending"
    else:
        word = "lost"
    told = {key: spec[key] for key in ("id", "name", "command", "cwd", "created")}
    told.update((key, state.get(key)) for key in ("started", "ended"))
    orphaned = word == "lost" and bool(marked(spec["id"]))
    return encode({**told, "state": word, "exit_code": state.get("code"), "orphaned": orphaned})


def supervised(folder: str) -> bool:
    """Tell whether the supervisor lives: a FIFO that nobody reads cannot be opened to write."""
    try:
        with control_of(folder):
            return True
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return False
        raise


@contextlib.contextmanager
def control_of(folder: str) -> Iterator[int]:
    control = os.open(os.path.join(folder, "control"), os.O_WRONLY | os.O_NONBLOCK)
    try:
        yield control
    finally:
        os.close(control)


def jobs_folder() -> str:
    return private(ours("jobs"))


def private(folder: str) -> str:
    if not os.path.isdir(folder):
        if folder != ours():
            private(os.path.dirname(folder))
        os.makedirs(folder, mode=0o700, exist_ok=True)
    return folder


def ours(*names: str) -> str:
    return os.path.join(os.path.expanduser("~"), ".colabdev", *names)


def read_json(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as stream:
        contents: dict[str, Any] = json.load(stream)
    return contents
