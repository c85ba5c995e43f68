"""The two sides of a sync behind one seam, and the side of this machine."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, get_args  # Any: JSON, until it is checked

from colabdev.errors import SyncHalted, system_says
from colabdev.far_words import translated
from colabdev.language import tr
from colabdev.payload import replica as wire
from colabdev.payload.replica import Frame
from colabdev.sync.contents import Contents, LocalContents, Meter
from colabdev.sync.reconcile import Agreed, Change, Limit
from colabdev.sync.snapshot import Entry, Left, Snapshot, entry_of, parse_row, shown, to_row

State = Literal["done", "changed", "refused", "kept"]
_STATES = frozenset(get_args(State))


class Outcome(NamedTuple):
    """What became of a change: *entry* is what stands there when it is done, *reason* why not.

    A folder that should have gone is ``kept`` when it holds what is not synced.
    """

    path: str
    state: State
    entry: Entry | None = None
    reason: str = ""


class AsSent(NamedTuple):
    """What became of the next change, in the order of the paths, that no `Outcome` tells of.

    What was sent stands there just so; if it is a file, it was last changed *later* than the one
    before, by the clock there, in nanoseconds.
    """

    later: int


class Replica(Protocol):
    """One side's tree; a context manager that leaves nothing behind but what was applied."""

    def snapshot(self, rules: wire.Rules) -> Snapshot:
        """List the tree, without what *rules* leave out; comes before all else."""

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Return the SHA-256 of the files at *paths*, without those that changed since."""

    def contents(
        self,
        changes: Sequence[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
    ) -> Contents:
        """Return what carries *changes* from here into the other tree; a file may have *most*.

        *bases* are the marks of the blocks of what stands there in the place of large files.
        """

    def apply(self, frames: Iterable[Frame]) -> Iterable[Outcome | AsSent]:
        """Stage the contents that *frames* carry, move them into place, and tell what became.

        Nothing is moved before all has come whole.
        """

    def __enter__(self) -> "Replica": ...

    def __exit__(self, *exc: object) -> None: ...


class LocalReplica:
    """The tree at *root* on this machine; *by_path* as in `payload.replica.Folder`.

    What stands there as it was *known* by the archive is held once, its name included.
    """

    def __init__(
        self,
        root: Path,
        *,
        by_path: bool = os.name == "nt",
        known: Mapping[str, Agreed] | None = None,
    ) -> None:
        self._root = os.fspath(root)
        self._known = known or {}
        self._by_path = by_path
        self._entries: Mapping[str, Entry] = {}
        self._learned: dict[str, wire.Known] = {}

    def snapshot(self, rules: wire.Rules) -> Snapshot:
        problems: list[list[str]] = []
        with _local_failures(self._root):
            wire.sweep(self._root)
            self._entries = self._listed(wire.scan(self._root, rules, problems))
        skipped = tuple(Left(*problem) for problem in problems)
        return Snapshot(self._entries, skipped, time.time_ns())

    def _listed(self, rows: Iterable[wire.Row]) -> dict[str, Entry]:
        names = {path: path for path in self._known}
        entries: dict[str, Entry] = {}
        for row in rows:
            path, entry = str(row[0]), entry_of(row)
            known = self._known.get(path)
            same = known is not None and known.here == entry
            entries[names.get(path, path)] = known.here if known and same else entry
        return entries

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        digests = wire.Digests(self._root, learns=True)
        found = digests.of(to_row(path, self._entries[path]) for path in paths)
        digests.save()
        self._learned |= digests.learned
        return found

    def contents(
        self,
        changes: Sequence[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
    ) -> Contents:
        root = Path(self._root)
        return LocalContents(root, changes, most, meter, bases, self._entries, self._learned)

    def apply(self, frames: Iterable[Frame]) -> list[Outcome]:
        with _local_failures(self._root):
            stage = wire.Stage(self._root, self._by_path)
        with _local_failures(self._root), contextlib.closing(stage):
            for frame in frames:
                stage.take(*frame)
            return [outcome_of(row) for row in stage.apply()]

    def __enter__(self) -> "LocalReplica":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""


def outcome_of(row: Any) -> Outcome:
    """Return the outcome that *row* tells (ValueError: it tells none)."""
    path, state, entry, reason = row
    if not isinstance(path, str) or state not in _STATES:
        raise ValueError(tr("an outcome is of the wrong form"))
    return Outcome(path, state, parse_row(entry)[1] if entry else None, str(reason)[:200])


@contextlib.contextmanager
def _local_failures(root: str) -> Iterator[None]:
    try:
        yield
    except wire.Failure as error:
        raise SyncHalted(translated(error.message), translated(error.hint)) from error
    except OSError as error:
        if error.errno in wire.FULL:
            raise SyncHalted(
                tr("The disk with {root} is full.", root=shown(root)),
                tr("Free space there and sync again."),
            ) from error
        raise SyncHalted(
            tr(
                "{filename} cannot be used: {strerror}.",
                filename=shown(str(error.filename or root)),
                strerror=system_says(error),
            ),
            tr("Check its permissions."),
        ) from error
