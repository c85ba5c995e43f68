"""Contents on their way: files read as they are, or found to change while they are read."""

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from colabdev.payload import replica as wire
from colabdev.sync.reconcile import Change
from colabdev.sync.snapshot import Entry, Kind, Left, parse_row, to_row

Progress = Callable[[int, int], None]
Frame = tuple[bytes, bytes]
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """What was read here and put on the way: the *entry* as it stood, its *digest*."""

    entry: Entry
    digest: str = ""


class Contents:
    """The frames that carry *changes* out of the tree at *root*.

    While `frames` is drained, *sent* and *skipped* fill: every change ends in one of them.
    *progress* hears of the bytes read and of how many there are.
    """

    def __init__(
        self, root: Path, changes: Iterable[Change], progress: Progress | None = None
    ) -> None:
        self.sent: dict[str, Sent] = {}
        self.skipped: list[Left] = []
        self._root = root
        self._changes = list(changes)
        self._progress = progress
        self._done = 0
        self._total = sum(change.entry.size for change in self._changes)

    def frames(self) -> Generator[Frame]:
        """Yield the frames of every change, in order."""
        for change in self._changes:
            if change.entry.kind is Kind.FILE:
                yield from self._file(change)
            else:
                yield _header(change)
                self.sent[change.path] = Sent(change.entry)

    def _file(self, change: Change) -> Iterator[Frame]:
        """Yield the frames of a file; one that changes meanwhile is taken back and read again."""
        reason = "it kept changing while it was read"
        for _ in range(_TRIES):
            try:
                stream = wire.open_file(os.fspath(self._root), change.path)
            except OSError as error:
                reason = f"it cannot be read: {error.strerror}"
                break
            with stream:
                before = _stand(change.path, stream.fileno())
                if before.kind is not Kind.FILE:
                    break
                bit = change.entry.executable
                yield _header(replace(change, entry=replace(before, executable=bit)))
                digest = hashlib.sha256()
                left = before.size
                while left and (chunk := stream.read(min(wire.CHUNK, left))):
                    digest.update(chunk)
                    left -= len(chunk)
                    yield b"c", chunk
                    self._advance(len(chunk))
                whole = not left and _stand(change.path, stream.fileno()) == before
                yield b"f", digest.digest() if whole else b""
            if whole:
                self.sent[change.path] = Sent(before, digest.hexdigest())
                return
        self.skipped.append(Left(change.path, reason))

    def _advance(self, size: int) -> None:
        self._done += size
        self._total = max(self._total, self._done)
        if self._progress:
            self._progress(self._done, self._total)


def _header(change: Change) -> Frame:
    expected = to_row(change.path, change.expected) if change.expected else None
    return b"p", json.dumps([to_row(change.path, change.entry), expected]).encode("ascii")


def _stand(path: str, descriptor: int) -> Entry:
    """Return the entry of an open file (a directory or a pipe may have taken its place)."""
    row = wire.make_row(path, os.fstat(descriptor))
    return Entry(Kind.DIRECTORY) if row[1] != "f" else parse_row(row)[1]
