"""Files on their way out of a tree: read as they are, or found to change while they are read."""

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any  # JSON is anything until it has been checked

from colabdev.payload.frames import CHUNK, FIRST, NAMED, Frame, load_json
from colabdev.payload.reading import BLOCK, Known, Reading
from colabdev.payload.tree import READ, Row, check_row, make_row, open_file

TRIES = 3
SPAN = struct.Struct(">QQ")


class Unreadable(Exception):
    """A file cannot be sent; the text says why."""


class Wanted:
    """A file that is to go out, of at most *most* bytes, in the place of what is *expected*.

    *bit*, if given, goes in the place of its own executable bit. *base* holds the marks of the
    blocks of what is *expected*: those that are still the same there are named, not sent. Of a
    file that was read before, what is *known* need not be read again.
    """

    __slots__ = ("base", "bit", "expected", "known", "most", "path")

    def __init__(
        self,
        path: str,
        most: int,
        expected: Row | None = None,
        bit: bool | None = None,
        base: bytes = b"",
        known: Known | None = None,
    ) -> None:
        self.path = path
        self.most = most
        self.expected = expected
        self.bit = bit
        self.base = base
        self.known = known

    def announced(self, row: Row) -> Row:
        """Return *row* as it travels; the laptop's own change time means nothing elsewhere."""
        return row if self.bit is None else [*row[:4], 0, self.bit, ""]


class Sending:
    """Files on their way out of the tree at *root*, with what is said of each to its owner.

    *sent* hears of each that was read whole: its row, digest and, if they are *marked*, the marks
    of large ones; *left* of each that cannot be sent, or has become too large, or kept changing:
    its path and why.
    """

    def __init__(
        self,
        root: str,
        sent: Callable[[Row, str, bytes], None],
        left: Callable[[str, str], None],
        *,
        marked: bool = True,
    ) -> None:
        self._root = root
        self._marked = marked
        self._sent = sent
        self._left = left
        self._most = FIRST  # bytes in a frame; the first are small, for what is to begin with them

    def frames(self, wanted: Iterable[Wanted]) -> Iterator[Frame]:
        """Yield the frames of all that is *wanted*: small files in batches, others one by one."""
        rows: list[list[Row | None]] = []
        contents: list[bytes] = []
        size = 0
        for one in wanted:
            try:
                found = self._small(one)
                if found is None:
                    if rows:
                        yield batch_frame(rows, contents)
                        rows, contents, size = [], [], 0
                    yield from self._large(one)
                    continue
            except Unreadable as error:
                self._left(one.path, str(error))
                continue
            row, data = found
            rows.append([one.announced(row), one.expected])
            contents.append(data)
            size += len(data) + 100
            self._sent(row, hashlib.sha256(data).hexdigest(), b"")
            if size >= self._most:
                yield batch_frame(rows, contents)
                rows, contents, size = [], [], 0
                self._most = min(2 * self._most, CHUNK)
        if rows:
            yield batch_frame(rows, contents)

    def _small(self, one: Wanted) -> tuple[Row, bytes] | None:
        """Return the row and the contents of a file, None if it is large."""
        for _ in range(TRIES):
            opened = -1
            try:
                opened = os.open(os.path.join(self._root, one.path), READ)
                before = make_row(one.path, os.fstat(opened))
                if before[1] == "f" and before[2] >= BLOCK:
                    return None
                _check(before, one.most)
                data = os.read(opened, before[2] + 1)
                if len(data) == before[2] and make_row(one.path, os.fstat(opened)) == before:
                    return before, data
            except OSError as error:
                raise Unreadable(f"it cannot be read: {error.strerror}") from error
            finally:
                if opened >= 0:
                    os.close(opened)
        raise Unreadable("it kept changing while it was read")

    def _large(self, one: Wanted) -> Iterator[Frame]:
        """Yield the frames of a file; one that changes meanwhile is taken back and read again."""
        for _ in range(TRIES):
            try:
                stream = open_file(self._root, one.path)
            except OSError as error:
                raise Unreadable(f"it cannot be read: {error.strerror}") from error
            with stream:
                before = make_row(one.path, os.fstat(stream.fileno()))
                _check(before, one.most)
                row = one.announced(before)
                yield b"p", json.dumps([row, one.expected, bool(one.base)]).encode("ascii")
                reading = Reading(stream, before, one.base, one.known, marked=self._marked)
                yield from self._changed(reading)
                yield b"f", bytes.fromhex(reading.digest) if reading.is_whole else b""
            if reading.is_whole:
                self._sent(before, reading.digest, reading.marks)
                return
            one.known = None  # nor is it what was known any more
        raise Unreadable("it kept changing while it was read")

    def _changed(self, reading: Reading) -> Iterator[Frame]:
        known = 0  # bytes that are the same there, before *at*
        at = 0
        for length, block in reading.blocks():
            if known and (block or known >= NAMED):
                yield b"k", SPAN.pack(at - known, known)
                known = 0
            if not block:
                known += length
            for start in range(0, len(block), self._most):
                yield b"c", block[start : start + self._most]
            if block:
                self._most = min(2 * self._most, CHUNK)
            at += length
        if known:
            yield b"k", SPAN.pack(at - known, known)


def batch_frame(rows: list[list[Row | None]], contents: list[bytes]) -> Frame:
    """Return the frame of files with their *contents*; *rows* say of each what it replaces, too."""
    listed = json.dumps(rows, separators=(",", ":")).encode("ascii")
    body = b"".join((len(listed).to_bytes(4, "big"), listed, *contents))
    return b"b", hashlib.sha256(body).digest() + body


def batched(body: bytes) -> Iterator[tuple[Row, Any, memoryview]]:
    """Yield row, what is expected, and contents of each file in a batch, which has been verified.

    Raises:
        ValueError: it did not arrive as it was sent, or makes no sense.
    """
    view = memoryview(body)
    if hashlib.sha256(view[32:]).digest() != body[:32]:
        raise ValueError("a file did not arrive as it was sent")
    at = 36 + int.from_bytes(view[32:36], "big")
    for announced, expected in load_json(bytes(view[36:at])):
        row = check_row(announced)
        if row[1] != "f" or row[2] > len(body) - at:
            raise ValueError(f"less came of {row[0][:200]!r} than was announced")
        yield row, expected, view[at : at + row[2]]
        at += row[2]
    if at != len(body):
        raise ValueError("more came of files than was announced")


def _check(row: Row, most: int) -> None:
    if row[1] != "f":
        raise Unreadable("it is no file any more")
    if row[2] > most:
        raise Unreadable("it grew beyond the limit while it was synced")


def span_of(body: bytes) -> tuple[int, int]:
    """Return start and size of the blocks that a frame k names (ValueError: it names none)."""
    try:
        start, size = SPAN.unpack(body)
    except struct.error as error:
        raise ValueError(str(error)) from error
    return start, size
