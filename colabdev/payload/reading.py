"""A file read once for all that is to be known of it: its digest, and the marks of its blocks."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO  # hashlib has no type for what it makes

from colabdev.payload.frames import CHUNK
from colabdev.payload.tree import Row, make_row, open_file

BLOCK = 64 * 1024  # what is compared, and sent again, as a whole
MARK = 16  # bytes by which a block is known
LARGE = 1024 * 1024  # files from this size on are worth it
_WAITING = 64  # blocks that may wait to be digested


def mark(block: "bytes | bytearray | memoryview") -> bytes:
    """Return what tells *block* from others; where it errs, the digest of the file does not."""
    return hashlib.sha1(block, usedforsecurity=False).digest()[:MARK]  # takes half of the time


def marks_of(root: str, row: Row) -> bytes:
    """Return the marks of the blocks of a file, none when it is no longer what *row* says."""
    try:
        with open_file(root, row[0]) as stream:
            before = make_row(row[0], os.fstat(stream.fileno()))
            marks = b"".join(map(mark, blocks(stream, row[2]))) if before == row else b""
            return marks if make_row(row[0], os.fstat(stream.fileno())) == row else b""
    except OSError:
        return b""


class Known:
    """What a file held when it looked as *row* says: its *digest*, the *marks* of its blocks."""

    __slots__ = ("digest", "marks", "row")

    def __init__(self, row: Row, digest: str, marks: bytes) -> None:
        self.row = row
        self.digest = digest
        self.marks = marks


class Reading:
    """The *stream* of a large file that looks as *row* says, read for somebody who has *base*.

    Those are the marks of the blocks there, if any. What is *known* of the file is not read again.
    Where its blocks matter to nobody it need not be *marked*.
    Its *digest* and *marks* are there once `blocks` has been drained, if it still *is_whole*.
    """

    def __init__(
        self,
        stream: BinaryIO,
        row: Row,
        base: bytes = b"",
        known: Known | None = None,
        *,
        marked: bool = True,
    ) -> None:
        self._stream = stream
        self._row = row
        self._base = base
        self._marked = marked
        self._known = known if known and base and known.row == row else None
        self.digest = ""
        self.marks = b""
        self.is_whole = False

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield the size of each block, and its contents unless they are the same there."""
        size = 0
        for length, block in self._all() if self._known is None else self._changed(self._known):
            size += length
            yield length, block
        path = self._row[0]
        after = make_row(path, os.fstat(self._stream.fileno()))
        self.is_whole = size == self._row[2] and after == self._row

    def _all(self) -> Iterator[tuple[int, bytes]]:
        digest = hashlib.sha256()
        marks = bytearray()
        is_large = self._row[2] >= LARGE
        marked = bool(self._base) or (is_large and self._marked)
        with beside(digest) if marked else contextlib.nullcontext(digest.update) as update:
            for block in blocks(self._stream, self._row[2], BLOCK if marked else CHUNK):
                update(block)
                found = mark(block) if marked else b""
                same = found and self._base[len(marks) : len(marks) + MARK] == found
                marks += found
                yield len(block), b"" if same else block
        self.digest, self.marks = digest.hexdigest(), bytes(marks)

    def _changed(self, known: Known) -> Iterator[tuple[int, bytes]]:
        self.digest, self.marks = known.digest, known.marks
        for number, start in enumerate(range(0, self._row[2], BLOCK)):
            length = min(BLOCK, self._row[2] - start)
            at = slice(number * MARK, (number + 1) * MARK)
            block = b""
            if self._base[at] != known.marks[at]:
                self._stream.seek(start)
                block = next(blocks(self._stream, length), b"")
                if mark(block) != known.marks[at]:
                    return  # it was written to, and no time tells of it
            yield length, block


def blocks(stream: BinaryIO, size: int, most: int = BLOCK) -> Iterator[bytes]:
    """Yield the first *size* bytes of a raw *stream* in blocks; only the last may be shorter."""
    while size > 0 and (block := stream.read(min(most, size))):
        while len(block) < min(most, size) and (more := stream.read(min(most, size) - len(block))):
            block += more
        size -= len(block)
        yield block


@contextlib.contextmanager
def beside(digest: Any) -> Iterator[Callable[[bytes], None]]:
    """Lend what updates *digest* in a thread of its own; all of it has been done in the end.

    Little waits for the thread: a file may be larger than memory.
    """
    import queue
    import threading  # both for large files alone

    # A bounded queue is written in Python, and as slow as the work: this one is lent its room.
    chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    room: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(_WAITING):
        room.put(None)

    def work() -> None:
        while chunk := chunks.get():
            digest.update(chunk)
            room.put(None)

    def update(chunk: bytes) -> None:
        room.get()
        chunks.put(chunk)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield update
    finally:
        chunks.put(b"")
        thread.join()
