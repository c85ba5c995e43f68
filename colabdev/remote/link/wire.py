"""The messages between a command and a link, over a socket of this machine.

A message is a frame as on the far side: one byte *kind*, four bytes of length, the body. A command
sends ``R`` (its request, JSON), ``i`` (stdin) and ``z`` (stdin ends). A link sends ``H`` (its
version), then ``A`` (accepted), ``G`` (go without me) or ``E`` (an error, JSON), and for a process
``o`` and ``e`` (stdout, stderr), ``z`` (stdout ends), ``n`` (stdin is read no more), ``x`` (exit
code) and ``b`` (a sign of life). After the ``A`` to a tunnel, bytes pass as they are.
"""

import json
import struct
from typing import Any  # requests and records are JSON: mappings of anything

from colabdev import __version__, errors
from colabdev.errors import ColabdevError, RemoteFailure, TransportError

VERSION = f"{__version__}/2".encode()
BEAT = 15.0  # seconds after which a silent link gives a sign of life
HEADER = struct.Struct(">cI")
LARGEST = 16 * 1024 * 1024


def pack(kind: bytes, body: bytes) -> bytes:
    """Return one frame."""
    return HEADER.pack(kind, len(body)) + body


def take(buffer: bytearray) -> tuple[bytes, bytes] | None:
    """Take the first whole frame out of *buffer*; None when there is none yet.

    Raises:
        ValueError: what is there is no frame.
    """
    if len(buffer) < HEADER.size:
        return None
    kind, length = HEADER.unpack_from(buffer)
    if length > LARGEST:
        raise ValueError("a frame is too long")
    end = HEADER.size + length
    if len(buffer) < end:
        return None
    with memoryview(buffer) as view:
        body = bytes(view[HEADER.size : end])
    del buffer[:end]
    return kind, body


def pack_error(error: ColabdevError) -> bytes:
    """Return the record of *error*."""
    record = {"class": type(error).__name__, "message": error.message, "hint": error.hint}
    if isinstance(error, RemoteFailure):
        record["kind"] = error.kind
    return json.dumps(record).encode()


def unpack_error(body: bytes) -> ColabdevError:
    """Return the error that `pack_error` was given; of an unknown kind it is a TransportError."""
    record: dict[str, Any] = json.loads(body)
    message, hint = str(record["message"]), str(record["hint"])
    kind = getattr(errors, str(record["class"]), TransportError)
    if kind is RemoteFailure:
        return RemoteFailure(str(record["kind"]), message, hint)
    if not (isinstance(kind, type) and issubclass(kind, ColabdevError)) or kind is errors.JobFailed:
        kind = TransportError
    return kind(message, hint)
