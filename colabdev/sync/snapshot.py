"""What a tree holds: its entries by path, as one side saw them at one moment."""

import enum
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple  # Any: a row is JSON until it has been checked

from colabdev.language import tr
from colabdev.payload import replica as wire


class Kind(enum.StrEnum):
    """What an entry is; the values are those of the wire."""

    FILE = "f"
    DIRECTORY = "d"
    SYMLINK = "l"


class Entry(NamedTuple):
    """A file, directory or symlink; of the latter two all numbers are zero.

    *ctime_ns* tells an edit that put the modification time back, on the side that made it; it
    means nothing on the other side. A tuple, for a tree has hundreds of thousands of them.
    """

    kind: Kind
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    executable: bool = False
    target: str = ""


FOLDER = Entry(Kind.DIRECTORY)
_KINDS = {kind.value: kind for kind in Kind}
_LETTERS = {kind: kind.value for kind in Kind}


# Within this time of a write another one may bear the same times, in nanoseconds: a laptop's disk
# may be FAT, which counts in two seconds. A runtime is Linux, whose clock for files ticks every few
# ms; but some of its disks keep no more than whole seconds.
UNSETTLED = 2_000_000_000
_UNSETTLED_THERE = 50_000_000
_FINE = 10_000_000


def settled(entry: Entry, since: int) -> Entry:
    """Return *entry*, or one that never equals it when a later write could bear the same times."""
    latest = max(entry.mtime_ns, entry.ctime_ns)
    return entry._replace(ctime_ns=-1) if entry.kind is Kind.FILE and latest > since else entry


def settled_there(entry: Entry, now: int) -> Entry:
    """Return the same of what a runtime held when its clock said *now*."""
    return settled(entry, now - (UNSETTLED if _is_coarse(entry) else _UNSETTLED_THERE))


def settled_as_placed(entry: Entry, now: int) -> Entry:
    """Return the same of what a sync has just put somewhere with the time it had elsewhere.

    A write from now on gives it the present time: only a coarse one could be its own.
    """
    is_recent = _is_coarse(entry) and entry.mtime_ns > now - UNSETTLED
    return settled(entry, -1) if is_recent else entry


def _is_coarse(entry: Entry) -> bool:
    return entry.ctime_ns % _FINE == 0


@dataclass(frozen=True, slots=True)
class Left:
    """A path that was left alone, and why."""

    path: str
    reason: str


class Snapshot(NamedTuple):
    """Every entry below a root by its relative POSIX path, and what could not be taken in.

    *now* is the clock of that machine, in nanoseconds, when the listing was done.
    """

    entries: Mapping[str, Entry] = MappingProxyType({})
    skipped: tuple[Left, ...] = ()
    now: int = 0


def from_rows(rows: Iterable[Any]) -> dict[str, Entry]:
    """Return the entries that *rows* describe.

    Raises:
        ValueError: a row is malformed, comes twice, or stands below something that is no folder.
    """
    entries: dict[str, Entry] = {}
    for row in rows:
        path, entry = parse_row(row)
        folder = path.rpartition("/")[0]
        if path in entries:
            raise ValueError(tr("the path {path!r} comes twice", path=path[:200]))
        if folder and (folder not in entries or entries[folder].kind is not Kind.DIRECTORY):
            raise ValueError(tr("the path {path!r} is in no folder", path=path[:200]))
        entries[path] = entry
    return entries


def entry_of(row: wire.Row) -> Entry:
    """Return the entry of a row that is known to be one."""
    return FOLDER if row[1] == "d" else Entry(_KINDS[row[1]], *row[2:])


def parse_row(row: Any) -> tuple[str, Entry]:
    """Return the path and the entry of a row (ValueError: it is none)."""
    return wire.check_row(row)[0], entry_of(row)


def to_row(path: str, entry: Entry) -> wire.Row:
    """Return the row that says *entry* stands at *path*."""
    return [path, _LETTERS[entry.kind], *entry[1:]]


def is_below(path: str, folders: Container[str]) -> bool:
    """Tell whether *path* lies in one of *folders*, at any depth."""
    return any(folder in folders for folder in folders_of(path))


def folders_of(path: str) -> Iterator[str]:
    """Yield the folders that *path* lies in, the innermost first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def shown(path: str) -> str:
    """Return *path* fit for a message: control characters and stray bytes as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in path
    )
