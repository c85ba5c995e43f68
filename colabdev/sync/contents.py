"""Contents on their way: files read as they are, or found to change while they are read."""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from colabdev.payload import replica as wire
from colabdev.payload.replica import Frame
from colabdev.sync.reconcile import Change, Limit
from colabdev.sync.snapshot import Entry, Kind, Left, entry_of, to_row

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


class Sent(NamedTuple):
    """What was put on the way: the *entry* as it stood (None: nothing), its *digest*.

    Once it *is_done* there, *became* is what stands there now (None: nothing). Until then it is
    what was announced, if that was another one.
    """

    entry: Entry | None
    digest: str = ""
    is_done: bool = False
    became: Entry | None = None


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

    *bases* are the marks of the blocks of what stands in their place on the other side, *known*
    the entries of the tree as it was listed, *learned* what its large files were found to hold.
    """

    def __init__(
        self,
        root: Path,
        changes: Iterable[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
        known: Mapping[str, Entry] | None = None,
        learned: Mapping[str, wire.Known] | None = None,
    ) -> None:
        self._known = known or {}
        self._learned = learned or {}
        self._bases = bases or {}
        self.marks: dict[str, bytes] = {}
        self.sent: dict[str, Sent] = {}
        self.skipped: list[Left] = []
        self._root = os.fspath(root)
        self._changes = list(changes)
        self._most = most
        self._meter = meter
        self._batched = 0  # bytes that go with the next batch
        self._bit = False  # of the file that is under way, as it is announced

    def frames(self) -> Generator[Frame]:
        changes, self._changes = self._changes, []  # 200,000 of them are let go of at the end
        yield from bare_frames(changes, self.sent)
        sending = wire.Sending(self._root, self._was_sent, self._was_left)
        for kind, body in sending.frames(map(self._wanted, files_of(changes))):
            yield kind, body
            if kind == b"c":
                self._meter.advance(len(body))
            elif kind == b"k":
                self._meter.advance(wire.span_of(body)[1])
            elif kind == b"b":
                self._meter.advance(self._batched)
                self._batched = 0

    def _wanted(self, change: Change) -> wire.Wanted:
        self._bit = bool(change.entry and change.entry.executable)
        return wire.Wanted(
            change.path,
            self._most(change.path),
            to_row(change.path, change.expected) if change.expected else None,
            self._bit,
            self._bases.get(change.path, b""),
            self._learned.get(change.path),
        )

    def _was_sent(self, row: wire.Row, digest: str, marks: bytes) -> None:
        path, entry = row[0], entry_of(row)
        known = self._known.get(path)
        if known == entry:
            entry = known  # of two that are the same one is enough
        announced = None if entry.executable == self._bit else entry._replace(executable=self._bit)
        self.sent[path] = Sent(entry, digest, became=announced)
        if marks:
            self.marks[path] = marks
        elif entry.size < wire.BLOCK:
            self._batched += entry.size

    def _was_left(self, path: str, why: str) -> None:
        self.skipped.append(Left(path, why))


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
