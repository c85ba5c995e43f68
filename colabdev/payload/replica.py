"""One side of a sync: list a tree, send contents of its files, and put new ones into it.

Run as a program it serves the laptop in frames (one byte kind, four bytes length, body) after a
hello line. Bodies are compressed JSON, but for the contents:

    laptop                      here
    q  {"root", "rules", "known"}
                           ->
                           <-   s [row, ...] ...     S {"problems": [[path, why], ...],
                                                        "now", "same"}
    d  [path, ...]         ->
                           <-   D {path: digest}
    g  [[path, most], ...] ->
                           <-   z or r  contents ...     G [[path, why it did not come], ...]
    z or r  contents ...   ->
    .                      ->
                           <-   a [[path, state, row or null, reason], ...] ...     .

Contents are frames again, compressed (z) or raw (r): x [path, expected row] takes something away;
p [row, expected row or null] puts something, of a file followed by c bytes ... and f digest
(empty: forget this one). A row is [path, kind, size, mtime_ns, ctime_ns, executable, target]; "now"
is this machine's clock in the same unit. Where the digest *known* is that of the whole listing, no
row is sent, and "same" is true. Contents are staged, and only when the last of them has
arrived whole are they moved into place.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import secrets
import stat
import struct
import sys
import time
import unicodedata
import zlib
from collections.abc import Generator, Iterable, Iterator
from typing import Any, BinaryIO  # JSON is a mapping of anything

STATE = ".colabdev"
NEVER = frozenset({b".git", b".colabdev"})  # left out whatever the rules say
MAX_ENTRIES = 200_000
MAX_PATH = 4096
MAX_JSON = 64 * 1024 * 1024
CHUNK = 256 * 1024
MAX_FRAME = 16 * 1024 * 1024
HEADER = struct.Struct(">cI")
BATCH = 1000

Row = list[Any]
Frame = tuple[bytes, bytes]
TRIES = 3
_ROW_TYPES = [str, str, int, int, int, bool, str]


class Failure(Exception):
    """What ends a sync as a whole: a stable *kind*, a sentence, a next step."""

    def __init__(self, kind: str, message: str, hint: str = "Sync again.") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


# --- paths and rows


def why_unsafe(path: str, windows: bool = False) -> str:
    """Say why *path* may not name anything below a root, or return an empty string."""
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts:
        return "it is absolute, climbs, or has empty parts"
    if "\0" in path or len(_bytes(path)) > MAX_PATH:
        return "it holds a NUL or is too long"
    if windows and ("\\" in path or ":" in path):
        return "it holds a backslash or a colon"
    if any(_bytes(part).lower() in NEVER for part in parts):
        return "it is in a folder that is never synced"
    return ""


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
    if not isinstance(row, list) or [type(part) for part in row] != _ROW_TYPES:
        raise ValueError("a row is of the wrong form")
    path, kind, size, mtime, ctime, _, target = row
    reason = why_unsafe(path)
    if reason:
        raise ValueError(f"the path {path[:200]!r} is refused, {reason}")
    if kind not in ("f", "d", "l") or (target and kind != "l") or len(target) > MAX_PATH:
        raise ValueError("a row is of no known kind")
    if not 0 <= size < 1 << 62 or max(abs(mtime), abs(ctime)) >= 1 << 62:
        raise ValueError("a row has an impossible size or time")
    return row


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


# --- listing


class Rules:
    """What both sides leave out: patterns by folder, made into regular expressions by the laptop.

    A level is ``[base, prefix, runs]``: what the folder *base* says of the paths below it, each
    seen with *prefix* before it. A run is ``[ignored, names, paths]`` with two expressions (or "")
    over the bytes of a name and of a path; a folder's ends in a NUL.
    """

    def __init__(self, levels: Iterable[list[Any]] = ()) -> None:
        self.levels: list[list[Any]] = []
        self._compiled: dict[bytes, list[tuple[bytes, list[tuple[bool, Any, Any]]]]] = {}
        for base, prefix, runs in levels:
            self.add(base, prefix, runs)

    def add(self, base: str, prefix: str, runs: list[list[Any]]) -> None:
        """Add a level; of several for one folder, and of its runs, the last ones decide first."""
        self.levels.append([base, prefix, runs])
        compiled = [(bool(ignored), _regex(names), _regex(paths)) for ignored, names, paths in runs]
        self._compiled.setdefault(_bytes(base), []).insert(0, (_bytes(prefix), compiled[::-1]))

    def enter(self, folder: str) -> None:
        """Learn what *folder* says itself; a scan calls this before it asks for what is in it."""

    def ignores(self, path: str, is_folder: bool) -> bool:
        """Tell whether *path* is left out, its folder being not."""
        whole, mark = _bytes(path), b"\0" if is_folder else b""
        name = whole.rpartition(b"/")[2]
        if name.lower() in NEVER:
            return True
        base = whole
        while base:
            base = base.rpartition(b"/")[0]
            below = whole[len(base) + 1 :] if base else whole
            for prefix, runs in self._compiled.get(base, ()):
                for ignored, names, paths in runs:
                    if names and names.fullmatch(name + mark):
                        return ignored
                    if paths and paths.fullmatch(prefix + below + mark):
                        return ignored
        return False


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
    """Return a digest of a whole listing, in whatever order it comes."""
    text = json.dumps(sorted(rows, key=lambda row: str(row[0])), separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


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


def open_file(root: str, path: str) -> BinaryIO:
    """Open a file for reading: not through a link, and without waiting at a pipe."""
    more = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    place = os.path.join(root, path)
    return open(place, "rb", 0, opener=lambda name, flags: os.open(name, flags | more))


# --- sending contents


class Unreadable(Exception):
    """A file cannot be sent; the text says why."""


def file_frames(
    root: str, path: str, most: int, expected: Row | None = None, bit: bool | None = None
) -> Generator[Frame, None, tuple[Row, str]]:
    """Yield the frames of a file; return its row and digest once it was read whole.

    A file that changes meanwhile is taken back and read again. *expected* travels along, and so
    does *bit*, if given, in the place of the file's own executable bit.

    Raises:
        Unreadable: it cannot be read, has more than *most* bytes, or kept changing.
    """
    for _ in range(TRIES):
        try:
            stream = open_file(root, path)
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror}") from error
        with stream:
            before = make_row(path, os.fstat(stream.fileno()))
            if before[1] != "f":
                raise Unreadable("it is no file any more")
            if before[2] > most:
                raise Unreadable("it grew beyond the limit while it was synced")
            row = before if bit is None else [*before[:5], bit, ""]
            yield b"p", json.dumps([row, expected]).encode("ascii")
            digest = hashlib.sha256()
            left = before[2]
            while left and (chunk := stream.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
                yield b"c", chunk
            whole = not left and make_row(path, os.fstat(stream.fileno())) == before
            yield b"f", digest.digest() if whole else b""
        if whole:
            return before, digest.hexdigest()
    raise Unreadable("it kept changing while it was read")


def pieces(contents: Iterable[Frame]) -> Iterator[Frame]:
    """Gather the frames of *contents* into pieces worth compressing, and leave raw what is not."""
    piece = bytearray()
    for kind, body in contents:
        piece += HEADER.pack(kind, len(body)) + body
        if len(piece) >= CHUNK:
            yield _compressed(bytes(piece))
            piece.clear()
    if piece:
        yield _compressed(bytes(piece))


def unpacked(kind: bytes, body: bytes) -> Iterator[Frame]:
    """Yield the frames of a piece, compressed or raw (ValueError: it is damaged or too long)."""
    return frames(inflate(body, MAX_FRAME) if kind == b"z" else body)


def _compressed(piece: bytes) -> Frame:
    probe = piece[len(piece) // 2 :][:4096]
    if len(zlib.compress(probe)) > 0.95 * len(probe):
        return b"r", piece
    return b"z", zlib.compress(piece)


# --- putting contents into place


class Folder:
    """An open folder: names in it are used without a look at the way that leads to it.

    Where a name cannot be given relative to an open folder (Windows: *by_path*), its path is
    built, and a link on the way is looked for instead.
    """

    def __init__(self, path: str, by_path: bool = os.name == "nt", opened: int = -1) -> None:
        self.path = path
        self.by_path = by_path
        self.descriptor: int | None = None
        if not by_path:
            self.descriptor = opened if opened >= 0 else os.open(path, _FOLDER_FLAGS)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *exc: object) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    def enter(self, name: str) -> "Folder":
        """Open the folder *name* in this one (OSError: there is none, or a link)."""
        below = os.path.join(self.path, name)
        if self.by_path:
            status = os.lstat(below)
            link = getattr(status, "st_reparse_tag", 0) or not stat.S_ISDIR(status.st_mode)
            if link:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), below)
            return Folder(below, True)
        flags = _FOLDER_FLAGS | os.O_NOFOLLOW
        return Folder(below, False, os.open(name, flags, dir_fd=self.descriptor))

    def reach(self, path: str) -> "Folder":
        """Open the folder at *path* below this one, link by link none; "" is this one again."""
        at = self.enter(".")
        for part in path.split("/") if path else ():
            with at:
                at = at.enter(part)
        return at

    def make(self, name: str) -> "Folder":
        """Open the folder *name*, which is made if it is missing."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.at(name), dir_fd=self.descriptor)
        return self.enter(name)

    def at(self, name: str) -> str:
        """Return what a system call takes for *name* beside ``dir_fd=descriptor``."""
        return os.path.join(self.path, name) if self.by_path else name

    def names(self) -> list[str]:
        """List what is in it."""
        return os.listdir(self.path if self.descriptor is None else self.descriptor)

    def look(self, path: str, name: str) -> tuple[Row | None, int]:
        """Return the row of *name*, as that of *path*, and its permissions, or None and 0."""
        try:
            status = os.stat(self.at(name), dir_fd=self.descriptor, follow_symlinks=False)
            target = ""
            if stat.S_ISLNK(status.st_mode):
                target = os.readlink(self.at(name), dir_fd=self.descriptor)
        except FileNotFoundError:
            return None, 0
        return make_row(path, status, target), status.st_mode & 0o777

    def create(self, name: str) -> BinaryIO:
        """Open a fresh file *name* for writing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_FOLLOW | _PLAIN
        opened = os.open(self.at(name), flags, 0o666, dir_fd=self.descriptor)
        return os.fdopen(opened, "wb")

    def remove(self, name: str, is_folder: bool = False) -> None:
        """Take away the file or link *name*, or the folder if nothing is in it."""
        if is_folder:
            os.rmdir(self.at(name), dir_fd=self.descriptor)
        else:
            os.unlink(self.at(name), dir_fd=self.descriptor)


_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _PLAIN


class Stage:
    """New contents beside the tree: written and verified first, moved into place last.

    Folders are entered one by one and never through a link, so that nothing outside *root* can be
    reached, whatever happens in the tree meanwhile.
    """

    def __init__(self, root: str, by_path: bool = os.name == "nt") -> None:
        self._puts: list[tuple[Row, Row | None, str]] = []
        self._takes: list[tuple[str, Row]] = []
        self._open: tuple[Row, Row | None, str, BinaryIO, Any] | None = None
        name = f"stage-{secrets.token_hex(8)}"
        with contextlib.ExitStack() as opened:
            self._root = opened.enter_context(Folder(root, by_path))
            state = opened.enter_context(self._root.make(STATE))
            _lock(state, wait=True)  # or another's sweep could take the stage for a dead one
            _sweep(state)
            self._stage = opened.enter_context(state.make(name))
            _lock(self._stage)
            _lock(state, release=True)
            opened.callback(_clear, name, self._stage, state)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Remove the stage with whatever is left in it."""
        if self._open:
            self._open[3].close()
        self._opened.close()

    def take(self, kind: bytes, body: bytes) -> None:
        """Take the next frame of the contents.

        Raises:
            Failure: they are not as agreed; nothing has been changed in the tree.
        """
        if kind == b"p" and not self._open:
            self._begin(load_json(body))
        elif kind == b"c" and self._open:
            self._open[3].write(body)
            self._open[4].update(body)
            if self._open[3].tell() > self._open[0][2]:
                raise _damaged("more came of a file than was announced")
        elif kind == b"f" and self._open:
            self._end(body)
        elif kind == b"x" and not self._open:
            path, expected = load_json(body)
            if self._checked(expected)[0] != path:
                raise _damaged("something else is expected than is to be taken away")
            self._takes.append((path, expected))
        else:
            raise _damaged("the contents are out of order")

    def _checked(self, announced: Any) -> Row:
        row = check_row(announced)
        reason = why_unsafe(row[0], windows=self._stage.by_path)
        if reason:
            raise _damaged(f"the path {row[0][:200]!r} is refused, {reason}")
        return row

    def _begin(self, header: Any) -> None:
        announced, expected = header
        row = self._checked(announced)
        name = str(len(self._puts))
        if row[1] == "f":
            self._open = (row, expected, name, self._stage.create(name), hashlib.sha256())
            return
        if row[1] == "l":
            if leads_out(row[0], row[6]):
                raise _damaged(f"the link {row[0][:200]!r} leads out of the project")
            os.symlink(row[6], self._stage.at(name), dir_fd=self._stage.descriptor)
        self._puts.append((row, expected, name))

    def _end(self, announced: bytes) -> None:
        assert self._open, "take() looked"
        row, expected, name, stream, digest = self._open
        self._open = None
        with stream:
            size = stream.tell()
        if not announced:
            self._stage.remove(name)
        elif size != row[2] or announced != digest.digest():
            raise _damaged(f"{row[0][:200]!r} did not arrive as it was sent")
        else:
            times = (row[3], row[3])
            os.utime(self._stage.at(name), ns=times, dir_fd=self._stage.descriptor)
            self._puts.append((row, expected, name))

    def apply(self) -> Iterator[list[Any]]:
        """Move everything into place and yield ``[path, state, row or None, reason]`` for each.

        *state* is ``done``, ``changed`` (what stands there is not what was expected, and stays),
        ``refused`` (the file system does not take it) or ``kept`` (a folder to be taken away holds
        what is not synced). What goes goes first, the innermost before what it is in.
        """
        if self._open:
            raise _damaged("the contents end inside a file")
        for path, expected in sorted(self._takes, key=lambda take: take[0], reverse=True):
            yield [path, *self._change(path, expected, None)]
        for row, before, name in self._puts:
            yield [row[0], *self._change(row[0], before, (row, name))]

    def _change(
        self, path: str, expected: Row | None, put: tuple[Row, str] | None
    ) -> tuple[str, Row | None, str]:
        folder, _, name = path.rpartition("/")
        try:
            with self._root.reach(folder) as parent:
                now, mode = parent.look(path, name)
                if put is None:
                    return _take_away(parent, name, now, expected)
                return self._place(parent, now, mode, expected, *put)
        except OSError as error:
            if error.errno in _FULL:
                raise
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return "refused", None, str(error.strerror)
            if put is None:
                return "done", None, ""
            return "changed", None, "its folder is gone, or is none"

    def _place(
        self,
        parent: Folder,
        now: Row | None,
        mode: int,
        expected: Row | None,
        row: Row,
        staged: str,
    ) -> tuple[str, Row | None, str]:
        name = row[0].rpartition("/")[2]
        if row[1] == "d" and now and now[1] == "d":
            return "done", now, ""
        if now != expected:
            return "changed", None, _CHANGED
        if now and "d" in (now[1], row[1]):  # no rename replaces the one by the other
            try:
                parent.remove(name, now[1] == "d")
            except OSError as error:
                if error.errno not in _NOT_EMPTY:
                    raise
                return "refused", None, "the folder in its place holds what is not synced"
        if row[1] == "d":
            os.mkdir(parent.at(name), dir_fd=parent.descriptor)
        else:
            if row[1] == "f":
                if not now or now[1] != "f":
                    mode = self._stage.look(staged, staged)[1]
                mode = mode | (mode & 0o444) >> 2 if row[5] else mode & ~0o111
                os.chmod(self._stage.at(staged), mode, dir_fd=self._stage.descriptor)
            os.replace(
                self._stage.at(staged),
                parent.at(name),
                src_dir_fd=self._stage.descriptor,
                dst_dir_fd=parent.descriptor,
            )
        return "done", parent.look(row[0], name)[0], ""


_CHANGED = "it was changed during the sync"
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


def _take_away(
    parent: Folder, name: str, now: Row | None, expected: Row | None
) -> tuple[str, Row | None, str]:
    if now and now != expected:
        return "changed", None, _CHANGED
    try:
        if now:
            parent.remove(name, now[1] == "d")
    except OSError as error:
        if error.errno not in _NOT_EMPTY:
            raise
        return "kept", None, "it holds what is not synced"
    return "done", None, ""


def sweep(root: str) -> None:
    """Remove what killed syncs have left in the stages of *root*, if anything."""
    with contextlib.suppress(OSError), Folder(root) as top, top.enter(STATE) as state:
        _lock(state, wait=True)
        _sweep(state)


def _sweep(state: Folder) -> None:
    """Remove the stages that were left by killed syncs: those whose lock nobody holds."""
    for name in state.names():
        with contextlib.suppress(OSError):
            if name.startswith("stage-"):
                with state.enter(name) as stage:
                    if _lock(stage):
                        _clear(name, stage, state)


def _clear(name: str, stage: Folder, state: Folder) -> None:
    with contextlib.suppress(OSError):  # what stays is swept next time
        for staged in stage.names():
            stage.remove(staged)
        state.remove(name, is_folder=True)


def _lock(folder: Folder, wait: bool = False, release: bool = False) -> bool:
    """Lock a folder, or release it; False: another holds it, or it knows no locks.

    On Windows there is no such lock, and only the laptop's own stages, one at a time.
    """
    if folder.descriptor is None:
        return True
    import fcntl  # not on Windows

    how = fcntl.LOCK_UN if release else fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)
    with contextlib.suppress(OSError):
        fcntl.flock(folder.descriptor, how)
        return True
    return False


# --- the program


def pack_json(value: Any) -> bytes:
    """Return *value* as compressed JSON; bytes of a name that are no UTF-8 survive as escapes."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"))


def unpack_json(body: bytes) -> Any:
    """Return what `pack_json` was given (ValueError: it is damaged or longer than MAX_JSON)."""
    return load_json(inflate(body, MAX_JSON))


def load_json(text: bytes) -> Any:
    """Return the value of a JSON *text* from elsewhere (ValueError: it is none)."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error


def inflate(body: bytes, limit: int) -> bytes:
    """Decompress *body*, which may not become longer than *limit* bytes (else ValueError)."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(body, limit)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not stream.eof:
        raise ValueError("a message is cut short or too long")
    return data


def frames(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the frames that *data* is made of (ValueError: it ends inside one)."""
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise ValueError("a piece is cut short")
        kind, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        if length > len(data) - at:
            raise ValueError("a piece is shorter than it says")
        yield kind, data[at : at + length]
        at += length


def batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield *values* in lists short enough for one frame each."""
    rest = iter(values)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _receive(source: BinaryIO) -> tuple[bytes, bytes]:
    header = source.read(HEADER.size)
    if len(header) == HEADER.size:
        kind, length = HEADER.unpack(header)
        if length > MAX_FRAME:
            raise _damaged(f"a message of {length} bytes was announced")
        body = source.read(length)
        if len(body) == length:
            return kind, body
    raise Failure("truncated", "The stream from the laptop ended too early.")


def _send(sink: BinaryIO, kind: bytes, body: bytes) -> None:
    sink.write(HEADER.pack(kind, len(body)) + body)
    sink.flush()


def _request(source: BinaryIO) -> tuple[str, Rules, str]:
    kind, body = _receive(source)
    request = unpack_json(body)
    root = request["root"]
    if kind != b"q" or not isinstance(root, str) or not os.path.isabs(root):
        raise _damaged("it asks for no absolute folder")
    return root, Rules(request["rules"]), str(request.get("known", ""))


def _serve(source: BinaryIO, sink: BinaryIO, root: str, rules: Rules, known: str) -> None:
    _make_root(root)
    sweep(root)
    problems: list[list[str]] = []
    files: dict[str, Row] = {}
    rows: Iterable[Row] = scan(root, rules, problems)
    same = False
    if known:  # else the rows travel while the scan goes on
        rows = list(rows)
        same = digest_of_rows(rows) == known
    for batch in batches(rows):
        if not same:
            _send(sink, b"s", pack_json(batch))
        files.update((row[0], row) for row in batch if row[1] == "f")
    if len(problems) > BATCH:  # what is not told of would look as if it had been taken away
        raise Failure("unreadable", f"{len(problems)} paths in {root} cannot be read there.")
    _send(sink, b"S", pack_json({"problems": problems, "now": time.time_ns(), "same": same}))
    with contextlib.ExitStack() as opened:
        stage = None
        kind = b""
        while kind != b".":
            kind, body = _receive(source)
            if kind == b"d":
                asked = [path for path in unpack_json(body) if path in files]
                _send(sink, b"D", pack_json({path: digest_of(root, files[path]) for path in asked}))
            elif kind == b"g":
                wanted = [(path, most) for path, most in unpack_json(body) if path in files]
                left: list[list[str]] = []
                for piece in pieces(_contents(root, wanted, left)):
                    _send(sink, *piece)
                _send(sink, b"G", pack_json(left))
            elif kind in (b"z", b"r"):
                if stage is None:
                    stage = Stage(root)
                    opened.callback(stage.close)
                for frame in unpacked(kind, body):
                    stage.take(*frame)
            elif kind != b".":
                raise _damaged("a message of no known kind came")
        # All of them before the first is told of: a laptop that goes now leaves nothing halfway.
        outcomes = list(stage.apply()) if stage else []
    for batch in batches(outcomes):
        _send(sink, b"a", pack_json(batch))
    _send(sink, b".", b"")


def _contents(
    root: str, wanted: Iterable[tuple[str, int]], left: list[list[str]]
) -> Iterator[Frame]:
    for path, most in wanted:
        try:
            yield from file_frames(root, path, most)
        except Unreadable as error:
            left.append([path, str(error)])


def _make_root(root: str) -> None:
    try:
        os.makedirs(root, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Failure(
            "root",
            f"{root} cannot be the project's folder on the runtime: a file stands in the way.",
            "Move that file away with 'colabdev shell' and sync again.",
        ) from None


_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def _damaged(what: str) -> Failure:
    return Failure("damaged", f"The contents are damaged: {what}.")


def _translated(error: Exception, root: str) -> Failure:
    if not isinstance(error, OSError):
        return _damaged(str(error))
    if error.errno in _FULL:
        hint = "Free space there ('df -h' in 'colabdev shell' shows it) and sync again."
        return Failure("full", f"The runtime's disk with {root} is full.", hint)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "Run the cell with a workspace root that its user may write to."
        sentence = f"{root} cannot be written on the runtime: {error.strerror}."
        return Failure("unwritable", sentence, hint)
    return Failure("io", f"{root} cannot be used on the runtime: {error}.")


def main() -> int:
    """Serve one sync over stdin and stdout."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(b"\0colabdev replica 1\n")
    root = ""
    try:
        try:
            root, rules, known = _request(source)
            _serve(source, sink, root, rules, known)
            return 0
        except BrokenPipeError:
            raise
        except Failure as error:
            failure = error
        except (OSError, ValueError, KeyError, TypeError, re.error) as error:
            failure = _translated(error, root)
        record = {"kind": failure.kind, "message": failure.message, "hint": failure.hint}
        _send(sink, b"E", json.dumps(record).encode("ascii"))
    except BrokenPipeError:
        # Nobody listens any more; the interpreter's last flush must find an open file.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main())
