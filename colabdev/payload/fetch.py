"""Send a file from a job's folder: the version that stands there now, whole, or none.

``fetch.py JOB PATH SIZE VERSION OFFSET``: SIZE is how large the file was when it was told of;
VERSION and OFFSET are what the asker has of it already, ``-`` and 0 for nothing. The file is opened
once and read to its end, so that a version that is replaced meanwhile still comes whole. Frames:
``v`` (JSON) which version comes, and from which offset on; ``c`` and ``z`` its contents, plain or
compressed; ``f`` the SHA-256 of all of it; and the explicit end ``.``.
"""

import hashlib
import json
import os
import re
import stat
import sys
import time
import zlib
from typing import BinaryIO

from colabdev.payload.records import encode
from colabdev.payload.telling import Failure, answer, send
from colabdev.payload.whole import is_closed, is_whole

IDENTIFIER = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
CHUNK = 256 * 1024
PROBE = 4096


def fetch(job: str, path: str, size: str, version: str, offset: str) -> None:
    try:
        place = os.path.join(folder_of(job), path)
        # Not through a link, and without waiting at a pipe.
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb", 0) as stream:
            deliver(stream, int(size), version, int(offset))
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"{path} cannot be read on the far side: {error.strerror}."
        raise Failure("unreadable", message) from error


def deliver(stream: BinaryIO, announced: int, version: str, offset: int) -> None:
    """Send the version that *stream* has opened, from *offset* on if it is *version*.

    Raises:
        Failure: (kind ``changed``) it is being written right now.
    """
    before = os.fstat(stream.fileno())
    if not stat.S_ISREG(before.st_mode):
        raise Failure("changed", "It is no file any more.")
    whole = is_whole(stream.fileno()) or is_closed(stream.fileno())
    if not whole and before.st_size != announced:
        raise Failure("changed", "It is being written.")
    begin = offset if version == name_of(before) and offset <= before.st_size else 0
    told = {
        "version": name_of(before),
        "offset": begin,
        "size": before.st_size,
        "mtime": before.st_mtime_ns,
        "ctime": before.st_ctime_ns,
        "executable": bool(before.st_mode & stat.S_IXUSR),
        "whole": whole,
        "now": time.time_ns(),
    }
    send(b"v", encode(told))
    digest = hashlib.sha256()
    position = 0
    while position < before.st_size:
        # What the asker has is read for the digest alone, up to where the rest begins.
        bound = begin if position < begin else before.st_size
        chunk = stream.read(min(CHUNK, bound - position))
        if not chunk:
            break
        digest.update(chunk)
        if position >= begin:
            send(*packed(chunk))
        position += len(chunk)
    after = os.fstat(stream.fileno())
    if position < before.st_size or name_of(after) != name_of(before):
        raise Failure("changed", "It changed while it was read.")
    send(b"f", digest.digest())


def name_of(status: os.stat_result) -> str:
    """Return what tells a version of a file from every other one."""
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def packed(chunk: bytes) -> "tuple[bytes, bytes]":
    """Return the frame of *chunk*, compressed where a probe of it says that this pays."""
    middle = len(chunk) // 2
    probe = chunk[middle : middle + PROBE]
    if len(zlib.compress(probe, 1)) < 0.9 * len(probe):
        return b"z", zlib.compress(chunk, 1)
    return b"c", chunk


def folder_of(job: str) -> str:
    """Return the folder that *job* ran in."""
    home = os.path.expanduser("~")
    folder = os.path.join(home, ".colabdev", "jobs", job)
    if not IDENTIFIER.fullmatch(job) or not os.path.isdir(folder):
        message = f"There is no job {job} on this machine."
        raise Failure("no-job", message, "List them: colabdev jobs")
    with open(os.path.join(folder, "spec.json"), encoding="utf-8") as stream:
        cwd: str = json.load(stream)["cwd"]
    return os.path.expanduser(cwd)


if __name__ == "__main__":
    sys.exit(answer("fetch", fetch, tuple(sys.argv[1:])))
