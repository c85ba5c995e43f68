"""A tree as a sync sees it: what paths may be, a row for each entry, and a scan by rules."""

import hashlib
import json
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO  # JSON is anything until it has been checked

from colabdev.payload.frames import CHUNK, Failure, batches

NEVER = frozenset({b".git", b".colabdev"})  # left out whatever the rules say
MAX_ENTRIES = 250_000  # a tree of 200,000 files with its folders
MAX_PATH = 4096

Row = list[Any]
_MOST = 1 << 62
_ROW_TYPES = [str, str, int, int, int, bool, str]


_BAD_PART = re.compile(r"(?:\A|/)(?:\.{0,2}|(\.git|\.colabdev))(?=/|\Z)", re.I | re.ASCII)


def why_unsafe(path: str, windows: bool = False) -> str:
    """Say why *path* may not name anything below a root, or return an empty string."""
    bad = _BAD_PART.search(path)
    if bad and not bad[1]:
        return "it is absolute, climbs, or has empty parts"
    if "\0" in path or len(path if path.isascii() else _bytes(path)) > MAX_PATH:
        return "it holds a NUL or is too long"
    if windows and ("\\" in path or ":" in path):
        return "it holds a backslash or a colon"
    return "it is in a folder that is never synced" if bad else ""


def leads_out(path: str, target: str, windows: bool = os.name == "nt") -> bool:
    """Tell whether the symlink *path* could lead out of its root.

    Its own folder is a real one, so ``..`` at the start of *target* can be counted. After a name,
    which may be a link itself, it cannot, and is not taken.
    """
    if not target or target.startswith("/") or "\0" in target or len(target) > MAX_PATH:
        return True
    if windows and ("\\" in target or ":" in target):
        return True
    parts = [part for part in target.split("/") if part not in ("", ".")]
    climbs = parts.count("..")
    return ".." in parts[climbs:] or climbs > path.count("/")


def make_row(path: str, status: os.stat_result, target: str = "") -> Row:
    """Describe what stands at *path*; size and times count only for files."""
    if stat.S_ISREG(status.st_mode):
        executable = os.name == "posix" and bool(status.st_mode & stat.S_IXUSR)
        return [path, "f", status.st_size, status.st_mtime_ns, status.st_ctime_ns, executable, ""]
    kind = "d" if stat.S_ISDIR(status.st_mode) else "l" if stat.S_ISLNK(status.st_mode) else "?"
    return [path, kind, 0, 0, 0, False, target]


def check_row(row: Any) -> Row:
    """Return *row* when every part of it is as it should be, whoever sent it (else ValueError)."""
    if not isinstance(row, list) or list(map(type, row)) != _ROW_TYPES:
        raise ValueError("a row is of the wrong form")
    path, kind, size, mtime, ctime, _, target = row
    reason = why_unsafe(path)
    if reason:
        raise ValueError(f"the path {path[:200]!r} is refused, {reason}")
    if kind not in ("f", "d", "l") or (target and kind != "l") or len(target) > MAX_PATH:
        raise ValueError("a row is of no known kind")
    if not (0 <= size < _MOST and -_MOST < mtime < _MOST and -_MOST < ctime < _MOST):
        raise ValueError("a row has an impossible size or time")
    return row


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


class Rules:
    """What both sides leave out: patterns by folder, made into regular expressions by the laptop.

    A level is ``[base, prefix, runs]``: what the folder *base* says of the paths below it, each
    seen with *prefix* before it. A run is ``[ignored, names, paths]`` with two expressions (or "")
    over the bytes of a name and of a path; a folder's ends in a NUL.
    """

    def __init__(self, levels: Iterable[list[Any]] = ()) -> None:
        self.levels: list[list[Any]] = []
        self._compiled: dict[bytes, list[tuple[bytes, list[tuple[bool, Any, Any]]]]] = {}
        self._asked: tuple[str, list[tuple[bool, Any, Any, bytes]]] | None = None
        for base, prefix, runs in levels:
            self.add(base, prefix, runs)

    def add(self, base: str, prefix: str, runs: list[list[Any]]) -> None:
        """Add a level; of several for one folder, and of its runs, the last ones decide first."""
        self.levels.append([base, prefix, runs])
        self._asked = None
        compiled = [(bool(ignored), _regex(names), _regex(paths)) for ignored, names, paths in runs]
        self._compiled.setdefault(_bytes(base), []).insert(0, (_bytes(prefix), compiled[::-1]))

    def enter(self, folder: str) -> None:
        """Learn what *folder* says itself; a scan calls this before it asks for what is in it."""

    def ignores(self, path: str, is_folder: bool) -> bool:
        """Tell whether *path* is left out, its folder being not."""
        folder, _, last = path.rpartition("/")
        if self._asked is None or self._asked[0] != folder:  # neighbours are asked for in turn
            self._asked = (folder, self._rules_for(_bytes(folder)))
        name = _bytes(last)
        if name.lower() in NEVER:
            return True
        if is_folder:
            name += b"\0"
        for ignored, names, paths, before in self._asked[1]:
            if names and names.fullmatch(name):
                return ignored
            if paths and paths.fullmatch(before + name):
                return ignored
        return False

    def _rules_for(self, folder: bytes) -> list[tuple[bool, Any, Any, bytes]]:
        """Return what is to be asked about a name in *folder*, with what comes before the name."""
        found = []
        base = folder
        while True:
            below = folder[len(base) + 1 :] if base else folder
            below += b"/" if below else b""
            for prefix, runs in self._compiled.get(base, ()):
                before = prefix + below
                found += [(ignored, names, paths, before) for ignored, names, paths in runs]
            if not base:
                return found
            base = base.rpartition(b"/")[0]


def _regex(text: str) -> Any:
    return re.compile(text.encode("latin-1"), re.DOTALL) if text else None


def scan(
    root: str, rules: Rules, problems: list[list[str]], most: int = MAX_ENTRIES
) -> Iterator[Row]:
    """Yield a row for all that is not ignored below *root*, each folder before its contents.

    Symlinks are listed, never followed. What cannot be read, or is of no use elsewhere (a pipe, a
    device), goes to *problems* with the reason. More than *most* entries are a Failure.
    """
    count = 0
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise
            problems.append([folder, f"it cannot be read: {error.strerror}"])
            continue
        rules.enter(folder)
        folders = []
        for entry in entries:
            name = entry.name
            if sys.platform == "darwin":  # its file systems take either form of a letter; no other
                name = unicodedata.normalize("NFC", name)
            path = f"{folder}/{name}" if folder else name
            try:
                status = entry.stat(follow_symlinks=False)
                if rules.ignores(path, stat.S_ISDIR(status.st_mode)):
                    continue
                target = os.readlink(entry.path) if stat.S_ISLNK(status.st_mode) else ""
            except FileNotFoundError:
                continue  # it went while we looked
            except (OSError, UnicodeError) as error:  # Windows has names that are no text
                problems.append([path, f"it cannot be read: {getattr(error, 'strerror', error)}"])
                continue
            row = make_row(path, status, target)
            reason = _why_skipped(row, status)
            if reason:
                problems.append([path, reason])
                continue
            count += 1
            if count > most:
                raise Failure(
                    "too-many",
                    f"{root} holds more than {most} files.",
                    "Name what need not be synced in .gitignore or .colabdevignore.",
                )
            yield row
            if row[1] == "d":
                folders.append(path)
        pending += reversed(folders)


def _why_skipped(row: Row, status: os.stat_result) -> str:
    if row[1] == "?":
        return "it is a pipe, a socket or a device"
    # A junction of Windows leads elsewhere as a symlink does, but Python calls it a folder.
    if getattr(status, "st_reparse_tag", 0) == 0xA0000003:
        return "it is a junction"
    reason = why_unsafe(row[0], os.name == "nt")
    return f"its name cannot be synced: {reason}" if reason else ""


def digest_of_rows(rows: Iterable[Row]) -> str:
    """Return a digest of a whole listing, which comes in the order of its paths."""
    digest = hashlib.sha256()
    for batch in batches(rows):  # as one text 200,000 of them would take a tenth of a gigabyte
        digest.update(json.dumps(batch, separators=(",", ":")).encode("ascii"))
    return digest.hexdigest()


def digest_of(root: str, row: Row) -> str | None:
    """Return the SHA-256 of a file, or None when it is no longer what *row* says."""
    try:
        with open_file(root, row[0]) as stream:
            digest = hashlib.sha256()
            before = make_row(row[0], os.fstat(stream.fileno()))
            while before == row and (chunk := stream.read(CHUNK)):
                digest.update(chunk)
            after = make_row(row[0], os.fstat(stream.fileno()))
            return digest.hexdigest() if before == after == row else None
    except OSError:
        return None


# Not through a link, and without waiting at a pipe.
READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
READ |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def open_file(root: str, path: str) -> BinaryIO:
    """Open a file for reading: not through a link, and without waiting at a pipe."""
    place = os.path.join(root, path)
    return open(place, "rb", 0, opener=lambda name, _flags: os.open(name, READ))
