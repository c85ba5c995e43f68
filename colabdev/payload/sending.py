"""Files on their way out of a tree: read as they are, or found to change while they are read."""

import hashlib
import json
import os
import struct
from collections.abc import Generator, Iterator
from typing import BinaryIO

from colabdev.payload.frames import Frame
from colabdev.payload.tree import Row, make_row, open_file

TRIES = 3
BLOCK = 64 * 1024  # what is compared, and sent again, as a whole
MARK = 16  # bytes by which a block is known
LARGE = 1024 * 1024  # files from this size on are worth it
SPAN = struct.Struct(">QQ")


class Unreadable(Exception):
    """A file cannot be sent; the text says why."""


def file_frames(
    root: str,
    path: str,
    most: int,
    expected: Row | None = None,
    bit: bool | None = None,
    base: bytes = b"",
) -> Generator[Frame, None, tuple[Row, str, bytes]]:
    """Yield the frames of a file; return its row, digest and marks once it was read whole.

    A file that changes meanwhile is taken back and read again. *expected* travels along, and so
    does *bit*, if given, in the place of the file's own executable bit. *base* holds the marks of
    the blocks of what is *expected*: those that are still the same there are named, not sent.

    Raises:
        Unreadable: it cannot be read, has more than *most* bytes, or kept changing.
    """
    for _ in range(TRIES):
        try:
            stream = open_file(root, path)
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror}") from error
        with stream:
            before = make_row(path, os.fstat(stream.fileno()))
            if before[1] != "f":
                raise Unreadable("it is no file any more")
            if before[2] > most:
                raise Unreadable("it grew beyond the limit while it was synced")
            row = before if bit is None else [*before[:5], bit, ""]
            yield b"p", json.dumps([row, expected, bool(base)]).encode("ascii")
            digest = hashlib.sha256()
            marks = bytearray()
            known = 0  # bytes that are the same there, before *at*
            at = 0
            for block in _blocks(stream, before[2]):
                digest.update(block)
                found = mark(block) if base or before[2] >= LARGE else b""
                same = base and base[len(marks) : len(marks) + MARK] == found
                marks += found
                if known and not same:
                    yield b"k", SPAN.pack(at - known, known)
                    known = 0
                if same:
                    known += len(block)
                else:
                    yield b"c", block
                at += len(block)
            if known:
                yield b"k", SPAN.pack(at - known, known)
            whole = at == before[2] and make_row(path, os.fstat(stream.fileno())) == before
            yield b"f", digest.digest() if whole else b""
        if whole:
            return before, digest.hexdigest(), bytes(marks)
    raise Unreadable("it kept changing while it was read")


def mark(block: bytes) -> bytes:
    """Return what tells *block* from others; where it errs, the digest of the file does not."""
    return hashlib.sha256(block).digest()[:MARK]


def marks_of(root: str, row: Row) -> bytes:
    """Return the marks of the blocks of a file, none when it is no longer what *row* says."""
    try:
        with open_file(root, row[0]) as stream:
            before = make_row(row[0], os.fstat(stream.fileno()))
            marks = b"".join(map(mark, _blocks(stream, row[2]))) if before == row else b""
            return marks if make_row(row[0], os.fstat(stream.fileno())) == row else b""
    except OSError:
        return b""


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the first *size* bytes of a raw *stream* in blocks; only the last may be shorter."""
    while size > 0 and (block := stream.read(min(BLOCK, size))):
        while len(block) < min(BLOCK, size) and (
            more := stream.read(min(BLOCK, size) - len(block))
        ):
            block += more
        size -= len(block)
        yield block
