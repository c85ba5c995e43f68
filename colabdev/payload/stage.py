"""New contents on their way into a tree: staged, verified, and only then moved into place."""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO  # JSON is anything until it has been checked

from colabdev.payload.frames import CHUNK, damaged, load_json
from colabdev.payload.sending import SPAN
from colabdev.payload.tree import Row, check_row, leads_out, make_row, why_unsafe

STATE = ".colabdev"


FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


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

    def open(self, name: str) -> BinaryIO:
        """Open the file *name* for reading: not through a link, and without waiting at a pipe."""
        flags = os.O_RDONLY | _NO_FOLLOW | _PLAIN | getattr(os, "O_NONBLOCK", 0)
        return os.fdopen(os.open(self.at(name), flags, dir_fd=self.descriptor), "rb", 0)

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
        self._base: BinaryIO | None = None  # what the open file takes blocks from
        self._last: tuple[str, Folder] | None = None  # what was changed in last
        self._lost: list[str] = []  # whose base was not what it was taken for
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
        self._leave_base()
        self._leave_parent()
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
                raise damaged("more came of a file than was announced")
        elif kind == b"k" and self._open:
            self._copy(*SPAN.unpack(body))
        elif kind == b"f" and self._open:
            self._end(body)
        elif kind == b"x" and not self._open:
            path, expected = load_json(body)
            if self._checked(expected)[0] != path:
                raise damaged("something else is expected than is to be taken away")
            self._takes.append((path, expected))
        else:
            raise damaged("the contents are out of order")

    def _checked(self, announced: Any) -> Row:
        row = check_row(announced)
        reason = why_unsafe(row[0], windows=self._stage.by_path)
        if reason:
            raise damaged(f"the path {row[0][:200]!r} is refused, {reason}")
        return row

    def _begin(self, header: Any) -> None:
        announced, expected, *more = header
        row = self._checked(announced)
        name = str(len(self._puts))
        if row[1] == "f":
            self._open = (row, expected, name, self._stage.create(name), hashlib.sha256())
            if more == [True]:
                self._enter_base(row[0], expected)
            return
        if row[1] == "l":
            if leads_out(row[0], row[6]):
                raise damaged(f"the link {row[0][:200]!r} leads out of the project")
            os.symlink(row[6], self._stage.at(name), dir_fd=self._stage.descriptor)
        self._puts.append((row, expected, name))

    def _enter_base(self, path: str, expected: Row | None) -> None:
        """Open what stands at *path*, if it is what is *expected*, to take blocks from it."""
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(OSError), self._root.reach(folder) as parent:
            stream = parent.open(name)
            if make_row(path, os.fstat(stream.fileno())) == expected:
                self._base = stream
            else:
                stream.close()
        if self._base is None:
            self._lost.append(path)

    def _leave_base(self) -> None:
        if self._base:
            self._base.close()
        self._base = None

    def _copy(self, start: int, size: int) -> None:
        """Take *size* bytes from *start* on of what stands there already."""
        assert self._open, "take() looked"
        row, _, _, stream, digest = self._open
        if start != stream.tell() or size > row[2] - start:
            raise damaged("more came of a file than was announced")
        if self._base is None:
            if row[0] not in self._lost:
                raise damaged("a file takes blocks from nothing")
            stream.seek(start + size)
            return
        self._base.seek(start)
        while size and (chunk := self._base.read(min(CHUNK, size))):
            stream.write(chunk)
            digest.update(chunk)
            size -= len(chunk)
        if size:
            self._lost.append(row[0])
            stream.seek(size, os.SEEK_CUR)

    def _end(self, announced: bytes) -> None:
        assert self._open, "take() looked"
        row, expected, name, stream, digest = self._open
        self._open = None
        based = self._base is not None or row[0] in self._lost
        self._leave_base()
        with stream:
            size = stream.tell()
        if not announced or (based and (row[0] in self._lost or announced != digest.digest())):
            self._stage.remove(name)
            if announced and row[0] not in self._lost:
                self._lost.append(row[0])
            elif not announced and row[0] in self._lost:
                self._lost.remove(row[0])
        elif size != row[2] or announced != digest.digest():
            raise damaged(f"{row[0][:200]!r} did not arrive as it was sent")
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
            raise damaged("the contents end inside a file")
        for path, expected in sorted(self._takes, key=lambda take: take[0], reverse=True):
            yield [path, *self._change(path, expected, None)]
        for path in self._lost:
            yield [path, "changed", None, _CHANGED]
        for row, before, name in self._puts:
            yield [row[0], *self._change(row[0], before, (row, name))]

    def _change(
        self, path: str, expected: Row | None, put: tuple[Row, str] | None
    ) -> tuple[str, Row | None, str]:
        folder, _, name = path.rpartition("/")
        try:
            parent = self._parent(folder)
            now, mode = parent.look(path, name)
            if put is None:
                return _take_away(parent, name, now, expected)
            return self._place(parent, now, mode, expected, *put)
        except OSError as error:
            if error.errno in FULL:
                raise
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return "refused", None, str(error.strerror)
            if put is None:
                return "done", None, ""
            return "changed", None, "its folder is gone, or is none"

    def _parent(self, folder: str) -> Folder:
        """Return *folder* opened; it stays open for the neighbours that come next, as a rule."""
        # By path nothing is held open, and the way there has to be looked at each time.
        if self._last is None or self._last[0] != folder or self._root.by_path:
            opened = self._root.reach(folder)
            self._leave_parent()
            self._last = (folder, opened)
        return self._last[1]

    def _leave_parent(self) -> None:
        if self._last:
            with self._last[1]:
                self._last = None

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
