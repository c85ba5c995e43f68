"""Contents on their way: files read as they are, or found to change while they are read."""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from colabdev.payload import replica as wire
from colabdev.payload.replica import Frame
from colabdev.sync.reconcile import Change, Limit
from colabdev.sync.snapshot import Entry, Kind, Left, parse_row, to_row

Progress = Callable[[int, int], None]


class Meter:
    """Counts the bytes of all that travels in a sync of *total* bytes, for *progress*."""

    def __init__(self, total: int = 0, progress: Progress | None = None) -> None:
        self.done = 0
        self.total = total
        self._progress = progress

    def advance(self, size: int) -> None:
        self.done += size
        self.total = max(self.total, self.done)
        if self._progress:
            self._progress(self.done, self.total)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was put on the way: the *entry* as it stood (None: nothing), its *digest*."""

    entry: Entry | None
    digest: str = ""


class Contents(Protocol):
    """What carries changes out of one tree into another.

    While `frames` is drained, *sent* and *skipped* fill: every change ends in one of them.
    """

    sent: dict[str, Sent]
    skipped: list[Left]
    marks: dict[str, bytes]  # of the blocks of large files, where they were seen

    def frames(self) -> Generator[Frame]:
        """Yield the frames of every change, those of files last."""


class LocalContents:
    """The contents of *changes* as they stand in the tree at *root* on this machine.

    *bases* are the marks of the blocks of what stands in their place on the other side.
    """

    def __init__(
        self,
        root: Path,
        changes: Iterable[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
    ) -> None:
        self._bases = bases or {}
        self.marks: dict[str, bytes] = {}
        self.sent: dict[str, Sent] = {}
        self.skipped: list[Left] = []
        self._root = os.fspath(root)
        self._changes = list(changes)
        self._most = most
        self._meter = meter

    def frames(self) -> Generator[Frame]:
        yield from bare_frames(self._changes, self.sent)
        for change in files_of(self._changes):
            yield from self._file(change)

    def _file(self, change: Change) -> Iterator[Frame]:
        expected = to_row(change.path, change.expected) if change.expected else None
        bit = change.entry.executable if change.entry else None
        most = self._most(change.path)
        base = self._bases.get(change.path, b"")
        frames = wire.file_frames(self._root, change.path, most, expected, bit, base)
        try:
            while True:
                kind, body = next(frames)
                yield kind, body
                if kind == b"c":
                    self._meter.advance(len(body))
                elif kind == b"k":
                    self._meter.advance(wire.SPAN.unpack(body)[1])
        except StopIteration as end:
            row, digest, marks = end.value
            if marks:
                self.marks[change.path] = marks
            self.sent[change.path] = Sent(parse_row(row)[1], digest)
        except wire.Unreadable as error:
            self.skipped.append(Left(change.path, str(error)))


def bare_frames(changes: Iterable[Change], sent: dict[str, Sent]) -> Iterator[Frame]:
    """Yield the frames of what has no contents: what goes away, folders and links."""
    for change in changes:
        expected = to_row(change.path, change.expected) if change.expected else None
        if change.entry is None:
            yield b"x", _dumped([change.path, expected])
        elif change.entry.kind is not Kind.FILE:
            yield header(to_row(change.path, change.entry), expected)
        else:
            continue
        sent[change.path] = Sent(change.entry)


def files_of(changes: Iterable[Change]) -> list[Change]:
    """Return those of *changes* that put a file."""
    return [change for change in changes if change.entry and change.entry.kind is Kind.FILE]


def header(row: wire.Row, expected: wire.Row | None, based: bool = False) -> Frame:
    """Return the frame that announces *row* in the place of what is *expected*.

    What is *based* takes blocks from it.
    """
    return b"p", _dumped([row, expected, based])


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode("ascii")
