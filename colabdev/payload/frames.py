"""Frames and JSON between the two sides of a sync: packed, bounded, and read back."""

import itertools
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any  # JSON is anything until it has been checked

MAX_JSON = 64 * 1024 * 1024
MAX_FRAME = 16 * 1024 * 1024
CHUNK = 256 * 1024
BATCH = 1000
HEADER = struct.Struct(">cI")

Frame = tuple[bytes, bytes]


class Failure(Exception):
    """What ends a sync as a whole: a stable *kind*, a sentence, a next step."""

    def __init__(self, kind: str, message: str, hint: str = "Sync again.") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


def damaged(what: str) -> Failure:
    return Failure("damaged", f"The contents are damaged: {what}.")


def pack_json(value: Any) -> bytes:
    """Return *value* as compressed JSON; bytes of a name that are no UTF-8 survive as escapes."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"))


def unpack_json(body: bytes) -> Any:
    """Return what `pack_json` was given (ValueError: it is damaged or longer than MAX_JSON)."""
    return load_json(inflate(body, MAX_JSON))


def load_json(text: bytes) -> Any:
    """Return the value of a JSON *text* from elsewhere (ValueError: it is none)."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error


def inflate(body: bytes, limit: int) -> bytes:
    """Decompress *body*, which may not become longer than *limit* bytes (else ValueError)."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(body, limit)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not stream.eof:
        raise ValueError("a message is cut short or too long")
    return data


def frames(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the frames that *data* is made of (ValueError: it ends inside one)."""
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise ValueError("a piece is cut short")
        kind, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        if length > len(data) - at:
            raise ValueError("a piece is shorter than it says")
        yield kind, data[at : at + length]
        at += length


def batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield *values* in lists short enough for one frame each."""
    rest = iter(values)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def pieces(contents: Iterable[Frame]) -> Iterator[Frame]:
    """Gather the frames of *contents* into pieces worth compressing, and leave raw what is not."""
    piece = bytearray()
    for kind, body in contents:
        piece += HEADER.pack(kind, len(body)) + body
        if len(piece) >= CHUNK:
            yield _compressed(bytes(piece))
            piece.clear()
    if piece:
        yield _compressed(bytes(piece))


def unpacked(kind: bytes, body: bytes) -> Iterator[Frame]:
    """Yield the frames of a piece, compressed or raw (ValueError: it is damaged or too long)."""
    return frames(inflate(body, MAX_FRAME) if kind == b"z" else body)


def _compressed(piece: bytes) -> Frame:
    probe = piece[len(piece) // 2 :][:4096]
    if len(zlib.compress(probe)) > 0.95 * len(probe):
        return b"r", piece
    return b"z", zlib.compress(piece)
