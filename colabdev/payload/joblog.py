"""A job's log, read while its supervisor writes it."""

import contextlib
import os
from collections.abc import Iterator

from colabdev.payload.records import HEADER
from colabdev.payload.telling import Failure

MAX_BODY = 64 * 1024
CHUNK = 256 * 1024  # holds several whole frames


class Log:
    """The job's log, read while its supervisor writes it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._open: tuple[int, int] | None = None  # where a file begins, and its descriptor

    def begin(self) -> int:
        return self._begins()[0]

    def end(self) -> int:
        last = self._begins()[-1]
        return last + os.path.getsize(self._path(last))

    def read_on(self, position: int) -> bytes:
        """Return what stands at *position* in the file that was read last; one system call."""
        return os.pread(self._open[1], CHUNK, position - self._open[0]) if self._open else b""

    def read(self, position: int) -> bytes:
        """Return what stands at *position*, nothing when that is the end or was dropped."""
        if chunk := self.read_on(position):
            return chunk
        begin = max((begin for begin in self._begins() if begin <= position), default=None)
        if begin is None or (self._open and self._open[0] == begin):
            return b""
        self.close()
        with contextlib.suppress(FileNotFoundError):  # dropped just now
            self._open = (begin, os.open(self._path(begin), os.O_RDONLY))
            return os.pread(self._open[1], CHUNK, position - begin)
        return b""

    def frames(self, end: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield offset, kind and body of every frame before *end*."""
        position = self.begin()
        while position < end and (chunk := self.read(position)):
            size, _ = whole_frames(chunk)
            if not size:
                return
            at = 0
            while at < size:
                kind, length = HEADER.unpack_from(chunk, at)
                yield position + at, kind, chunk[at + HEADER.size : at + HEADER.size + length]
                at += HEADER.size + length
            position += size

    def close(self) -> None:
        if self._open:
            os.close(self._open[1])
            self._open = None

    def _begins(self) -> list[int]:
        return sorted(int(name) for name in os.listdir(self._folder)) or [0]

    def _path(self, begin: int) -> str:
        return os.path.join(self._folder, f"{begin:020d}")


def whole_frames(chunk: bytes) -> tuple[int, bool]:
    """Return how many bytes of *chunk* are whole frames, and whether the last is the exit."""
    at = 0
    while at + HEADER.size <= len(chunk):
        kind, length = HEADER.unpack_from(chunk, at)
        if kind not in b"toemaxg" or length > MAX_BODY:
            raise Failure("log", "The job's log is damaged.")
        if at + HEADER.size + length > len(chunk):
            break
        at += HEADER.size + length
        if kind == b"x":
            return at, True
    return at, False
