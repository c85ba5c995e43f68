"""One side of a sync: list a tree, tell digests of its files, and put new contents into it.

Run as a program it serves the laptop in frames (one byte kind, four bytes length, body) after a
hello line. Bodies are compressed JSON, but for the contents:

    laptop                      here
    q  {"root", "rules"}   ->
                           <-   s [row, ...] ...     S [[path, problem], ...]
    d  [path, ...]         ->
                           <-   D {path: digest}
    z or r  contents ...   ->   frames again, compressed or raw: p [row, expected row or null],
                                c bytes ..., f digest (empty: forget this one)
    .                      ->
                           <-   a [[path, state, row or null, reason], ...] ...     .

A row is [path, kind, size, mtime_ns, ctime_ns, executable, target]. Contents are staged, and only
when the last of them has arrived whole are they moved into place.
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
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
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
_ROW_TYPES = [str, str, int, int, int, bool, str]


class Failure(Exception):
    """What ends a sync as a whole: a stable *kind*, a sentence, a next step."""

    def __init__(self, kind: str, message: str, hint: str = "Sync again.") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


# --- paths and rows


def why_unsafe(path: str, windows: bool = os.name == "nt") -> str:
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
    reason = why_unsafe(row[0])
    return f"its name cannot be synced: {reason}" if reason else ""


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


# --- putting contents into place


class Stage:
    """New contents beside the tree: written and verified first, moved into place last.

    Folders are entered one by one and never through a link, so that nothing outside *root* can be
    reached, whatever happens in the tree meanwhile. POSIX only.
    """

    def __init__(self, root: str) -> None:
        self._puts: list[tuple[Row, Row | None, str]] = []
        self._open: tuple[Row, Row | None, str, BinaryIO, Any] | None = None
        self._name = f"stage-{secrets.token_hex(8)}"
        with contextlib.ExitStack() as opened:

            def keep(descriptor: int) -> int:
                opened.callback(os.close, descriptor)
                return descriptor

            self._root = keep(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            self._state = keep(_make_folder(STATE, self._root))
            _lock(self._state, wait=True)  # or another's sweep could take the stage for a dead one
            _sweep(self._state)
            self._stage = keep(_make_folder(self._name, self._state))
            _lock(self._stage)
            _lock(self._state, release=True)
            opened.callback(_remove, self._name, self._stage, self._state)
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
        else:
            raise _damaged("the contents are out of order")

    def _begin(self, header: Any) -> None:
        announced, expected = header
        row = check_row(announced)
        name = str(len(self._puts))
        if row[1] == "f":
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            stream = os.fdopen(os.open(name, flags, 0o666, dir_fd=self._stage), "wb")
            self._open = (row, expected, name, stream, hashlib.sha256())
            return
        if row[1] == "l":
            if leads_out(row[0], row[6]):
                raise _damaged(f"the link {row[0][:200]!r} leads out of the project")
            os.symlink(row[6], name, dir_fd=self._stage)
        self._puts.append((row, expected, name))

    def _end(self, announced: bytes) -> None:
        assert self._open, "take() looked"
        row, expected, name, stream, digest = self._open
        self._open = None
        with stream:
            size = stream.tell()
        if not announced:
            os.unlink(name, dir_fd=self._stage)
        elif size != row[2] or announced != digest.digest():
            raise _damaged(f"{row[0][:200]!r} did not arrive as it was sent")
        else:
            os.utime(name, ns=(row[3], row[3]), dir_fd=self._stage)
            self._puts.append((row, expected, name))

    def apply(self) -> Iterator[list[Any]]:
        """Move everything into place and yield ``[path, state, row or None, reason]`` for each.

        *state* is ``done``, ``changed`` (what stands there is not what was expected, and stays) or
        ``refused`` (the file system does not take it).
        """
        if self._open:
            raise _damaged("the contents end inside a file")
        for row, expected, name in self._puts:
            try:
                yield [row[0], *self._place(row, expected, name)]
            except OSError as error:
                if error.errno in _FULL:
                    raise
                yield [row[0], "refused", None, str(error.strerror)]

    def _place(self, row: Row, expected: Row | None, staged: str) -> tuple[str, Any, str]:
        folder, _, name = row[0].rpartition("/")
        try:
            parent = _enter(folder, self._root)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return "changed", None, "its folder is gone there, or is none"
            raise
        try:
            now, mode = _look(row[0], name, parent)
            if row[1] == "d" and now and now[1] == "d":
                return "done", now, ""
            if now != expected:
                return "changed", None, "it was changed there during the sync"
            if row[1] == "d":
                if now:
                    os.unlink(name, dir_fd=parent)
                os.mkdir(name, dir_fd=parent)
            else:
                if row[1] == "f":
                    if not now or now[1] != "f":
                        mode = _look(staged, staged, self._stage)[1]
                    mode = mode | (mode & 0o444) >> 2 if row[5] else mode & ~0o111
                    os.chmod(staged, mode, dir_fd=self._stage)
                os.rename(staged, name, src_dir_fd=self._stage, dst_dir_fd=parent)
            return "done", _look(row[0], name, parent)[0], ""
        finally:
            os.close(parent)


def _look(path: str, name: str, folder: int) -> tuple[Row | None, int]:
    """Return the row and the permissions of *name* in *folder*, or None and 0."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(status.st_mode) else ""
    except FileNotFoundError:
        return None, 0
    return make_row(path, status, target), status.st_mode & 0o777


def _enter(folder: str, root: int) -> int:
    at = os.dup(root)
    for part in folder.split("/") if folder else ():
        try:
            below = _open_folder(part, at)
        finally:
            os.close(at)
        at = below
    return at


def _make_folder(name: str, parent: int) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
    return _open_folder(name, parent)


def _open_folder(name: str, parent: int) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=parent)


def _sweep(state: int) -> None:
    """Remove the stages that were left by killed syncs: those whose lock nobody holds."""
    for name in os.listdir(state):
        with contextlib.suppress(OSError):
            if name.startswith("stage-"):
                stage = _open_folder(name, state)
                try:
                    if _lock(stage):
                        _remove(name, stage, state)
                finally:
                    os.close(stage)


def _remove(name: str, stage: int, state: int) -> None:
    with contextlib.suppress(OSError):  # what stays is swept next time
        for staged in os.listdir(stage):
            os.unlink(staged, dir_fd=stage)
        os.rmdir(name, dir_fd=state)


def _lock(descriptor: int, wait: bool = False, release: bool = False) -> bool:
    """Lock an open folder, or release it; False: another holds it, or it knows no locks."""
    import fcntl  # not on Windows, where this file is imported though nothing is staged

    how = fcntl.LOCK_UN if release else fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, how)
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


def _request(source: BinaryIO) -> tuple[str, Rules]:
    kind, body = _receive(source)
    request = unpack_json(body)
    root = request["root"]
    if kind != b"q" or not isinstance(root, str) or not os.path.isabs(root):
        raise _damaged("it asks for no absolute folder")
    return root, Rules(request["rules"])


def _serve(source: BinaryIO, sink: BinaryIO, root: str, rules: Rules) -> None:
    _make_root(root)
    problems: list[list[str]] = []
    files: dict[str, Row] = {}
    for batch in batches(scan(root, rules, problems)):
        _send(sink, b"s", pack_json(batch))
        files.update((row[0], row) for row in batch if row[1] == "f")
    _send(sink, b"S", pack_json(problems[:BATCH]))
    with contextlib.ExitStack() as opened:
        stage = None
        kind = b""
        while kind != b".":
            kind, body = _receive(source)
            if kind == b"d":
                asked = [path for path in unpack_json(body) if path in files]
                _send(sink, b"D", pack_json({path: digest_of(root, files[path]) for path in asked}))
            elif kind in (b"z", b"r"):
                if stage is None:
                    stage = Stage(root)
                    opened.callback(stage.close)
                for piece in frames(inflate(body, MAX_FRAME) if kind == b"z" else body):
                    stage.take(*piece)
            elif kind != b".":
                raise _damaged("a message of no known kind came")
        # All of them before the first is told of: a laptop that goes now leaves nothing halfway.
        outcomes = list(stage.apply()) if stage else []
    for batch in batches(outcomes):
        _send(sink, b"a", pack_json(batch))
    _send(sink, b".", b"")


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
    return Failure("damaged", f"The stream from the laptop is damaged: {what}.")


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
            root, rules = _request(source)
            _serve(source, sink, root, rules)
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
