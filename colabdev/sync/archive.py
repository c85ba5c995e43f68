"""What a project and each machine last agreed on, kept in the project's ``.colabdev`` folder."""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any  # a line of the archive is JSON until it has been checked

from colabdev.errors import ConfigError, InputError, SyncHalted
from colabdev.language import tr
from colabdev.payload.replica import STATE, batches
from colabdev.store import Document, held, private_dir, write_atomic
from colabdev.sync.ignore import Ignored
from colabdev.sync.reconcile import Agreed
from colabdev.sync.snapshot import FOLDER, Entry, Kind, folders_of, parse_row, shown, to_row

_VERSION = 1
_KEPT = 10  # machines come and go; what the oldest agreed on helps nobody
_PEER = re.compile(r"[A-Za-z0-9-]{1,64}")
_FOLDERS = Agreed(FOLDER, FOLDER)
_OPENING, _CLOSING = b', "entries": [\n', b"]}"


class Archive:
    """What the project agrees on with the folder *root* of the machine *peer*.

    *entries* is changed by `agree` and written by `save`, and so is *listing* by `see`: all that
    the machine held when it was last seen, agreed on or not. *notice* says what was wrong with the
    file.
    """

    def __init__(self, path: Path, root: str) -> None:
        self.entries: dict[str, Agreed] = {}
        self.listing: dict[str, Entry] = {}
        self.notice = ""
        self._path = path
        self._root = root
        self._is_saved = False
        try:
            contents, lines = _read(path)
            if contents.get("root") == root:  # else the folder has moved: all is new there
                self.entries = dict(map(_parse_line, lines))
                self.listing = _parse_listing(contents, self.entries)
                self._is_saved = True
        except ConfigError as error:
            self._set_aside(error.message)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            self._set_aside(tr("{path} is damaged: {error}.", path=path, error=error))

    def agree(self, path: str, agreed: Agreed | None) -> None:
        """Note what both sides hold at *path*, None for nothing."""
        if agreed is None:
            self._is_saved &= self.entries.pop(path, None) is None
        elif (before := self.entries.get(path)) is not agreed:
            self._is_saved = self._is_saved and before == agreed
            self.entries[path] = agreed

    def see(self, path: str, entry: Entry | None) -> None:
        """Note what the machine holds at *path*, None for nothing."""
        if entry is None:
            self._is_saved &= self.listing.pop(path, None) is None
        else:
            self._is_saved = self._is_saved and self.listing.get(path) == entry
            self.listing[path] = entry

    def see_all(self, listing: Mapping[str, Entry]) -> None:
        """Note that the machine holds this and no more."""
        if listing is not self.listing:
            self._is_saved = self._is_saved and listing == self.listing
            self.listing = dict(listing)

    def save(self) -> None:
        """Write what changed in one step and forget the machines not seen for longest."""
        if self._is_saved:
            return
        document = {
            "version": _VERSION,
            "root": self._root,
            # What sets the listing apart from the entries: little, as a rule.
            "absent": [path for path in self.entries if path not in self.listing],
            "extra": [
                to_row(path, entry)
                for path, entry in self.listing.items()
                if path not in self.entries or self.entries[path].there != entry
            ],
        }
        write_atomic(self._path, self._written(json.dumps(document)))
        self._is_saved = True
        others = sorted(self._path.parent.glob("*.json"), key=lambda path: -path.stat().st_mtime)
        for path in others[_KEPT:]:
            path.unlink()
            path.with_suffix(".ask").unlink(missing_ok=True)  # as `colabdev.sync.ahead` writes it

    def _written(self, document: str) -> Iterator[bytes]:
        """Yield *document* with the entries in lines, so that neither is ever text at once."""
        yield document.encode("ascii")[:-1] + _OPENING
        between = b""
        for batch in batches(itertools.starmap(_to_line, self.entries.items())):
            yield between + json.dumps(batch, separators=(",", ":")).encode("ascii")[1:-1]
            between = b",\n"
        yield b"\n" + _CLOSING

    def _set_aside(self, reason: str) -> None:
        self.entries, self.listing = {}, {}
        bad = self._path.with_suffix(".bad")
        self._path.replace(bad)
        self.notice = tr(
            "{reason} It is kept as {name}; both sides are compared file by file instead.",
            reason=reason,
            name=bad.name,
        )


def note_agreed(project: Path, peer: str, root: str, agreed: Mapping[str, Agreed]) -> None:
    """Note files that both sides hold by now though no sync brought them, but for ignored ones.

    The next sync then knows which side changed one of them since.

    Raises:
        SyncHalted: a sync of the project is under way.
        ConfigError: the project's ``.colabdev`` folder cannot be used.
    """
    ignored = Ignored(project)
    synced = {path: pair for path, pair in agreed.items() if not ignored(path)}
    if not synced:
        return
    with open_archive(project, peer, root, wait=1.0) as archive:
        for path, pair in synced.items():
            for folder in folders_of(path):
                if folder not in archive.entries:
                    archive.agree(folder, _FOLDERS)
            archive.agree(path, pair)
        archive.save()


@contextlib.contextmanager
def open_archive(project: Path, peer: str, root: str, *, wait: float = 30.0) -> Iterator[Archive]:
    """Lend the archive of *project* for the folder *root* on *peer*; nobody else syncs meanwhile.

    Raises:
        SyncHalted: another sync of the project is still under way after *wait* seconds.
        ConfigError: the project's ``.colabdev`` folder cannot be used.
    """
    if not _PEER.fullmatch(peer):
        raise InputError(tr("{peer!r} names no machine.", peer=shown(peer)))
    folder = private_dir(state_dir(project) / "sync")
    lock = contextlib.ExitStack()
    try:
        lock.enter_context(held(folder / "lock", wait))
    except TimeoutError as error:
        raise SyncHalted(
            tr(
                "Another colabdev has been syncing {project} for {wait:.0f} s.",
                project=shown(str(project)),
                wait=wait,
            ),
            tr("Wait until it is done and sync again."),
        ) from error
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise ConfigError(
            tr("{folder} cannot be locked: {error}.", folder=shown(str(folder)), error=error),
            tr("Move the project to a disk of this machine."),
        ) from error
    with lock:
        yield Archive(folder / f"{peer}.json", root)


def state_dir(project: Path) -> Path:
    """Return the folder of *project* for colabdev's own files, which git does not see.

    Raises:
        ConfigError: it cannot be made, or something else stands there.
    """
    folder = project / STATE
    if folder.is_symlink():
        raise ConfigError(
            tr("{folder} is a link.", folder=shown(str(folder))),
            tr("Replace it by a folder of its own."),
        )
    private_dir(folder)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_atomic(ignore, b"*\n")
    return folder


def _read(path: Path) -> tuple[dict[str, Any], Iterator[Any]]:
    """Return what is written at *path*, nothing if there is no such file, and then its entries.

    They are read while they are asked for, where they stand in lines of their own.

    Raises:
        ConfigError: it is damaged. A line that is tells so when it is reached (ValueError).
    """
    document = Document(path, version=_VERSION)
    with contextlib.suppress(OSError), path.open("rb") as stream:
        head = stream.readline()
        if head.endswith(_OPENING):
            return document.parsed(head.decode() + "]}"), _lines(path, len(head))
    contents = document.read()
    return contents, iter(contents.pop("entries", ()))


def _lines(path: Path, start: int) -> Iterator[Any]:
    with path.open("rb") as stream:
        stream.seek(start)
        for line in stream:
            if line == _CLOSING:
                return
            yield from json.loads(b"[%s]" % line.rstrip(b",\n"))
    raise ValueError(tr("it is cut short"))


def _parse_listing(contents: Mapping[str, Any], entries: Mapping[str, Agreed]) -> dict[str, Entry]:
    listing = {path: agreed.there for path, agreed in entries.items()}
    for path in contents.get("absent", entries):
        listing.pop(path, None)
    listing.update(map(parse_row, contents.get("extra", ())))
    return listing


def _to_line(path: str, agreed: Agreed) -> list[Any]:
    """Return what is written of *path*: little of a folder, and of a file what there is to say."""
    mine, theirs, digest = agreed
    if mine is theirs is FOLDER:
        return [path]
    if mine.kind is Kind.FILE and mine[:3] == theirs[:3] and mine.executable == theirs.executable:
        return [path, digest, *mine[1:4], theirs.ctime_ns, mine.executable]
    return [to_row(path, mine), to_row(path, theirs), digest]


def _parse_line(line: list[Any]) -> tuple[str, Agreed]:
    if len(line) == 1:
        return parse_row([line[0], "d", 0, 0, 0, False, ""])[0], _FOLDERS
    if len(line) == 7:
        path, digest, size, mtime, ctime, ctime_there, executable = line
        path, mine = parse_row([path, "f", size, mtime, ctime, executable, ""])
        if type(ctime_there) is not int or not isinstance(digest, str):
            raise ValueError(tr("a line is of the wrong form"))
        theirs = Entry(mine.kind, size, mtime, ctime_there, executable)
        return path, Agreed(mine, theirs, digest)
    here, there, digest = line
    path, mine = parse_row(here)
    other, theirs = parse_row(there)
    if path != other or not isinstance(digest, str):
        raise ValueError(tr("a line is of the wrong form"))
    return path, Agreed(mine, theirs, digest)
