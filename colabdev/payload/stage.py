"""New contents on their way into a tree: staged, verified, and only then moved into place."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from typing import Any, BinaryIO  # JSON is anything until it has been checked

from colabdev.payload.folders import (
    FULL,
    STATE,
    Folder,
    clear_stage,
    lock,
    sweep_stages,
)
from colabdev.payload.frames import CHUNK, damaged, load_json
from colabdev.payload.reading import beside
from colabdev.payload.sending import batched, span_of
from colabdev.payload.tree import Row, check_row, leads_out, make_row, why_unsafe

_DEEP = 40  # folders in one another that are staged as one: each is held open to be taken away


class _Put:
    """What is to be put where *expected* stands: a file, a link, or a folder that may be known.

    It is staged as *name*, and looks there as *row* says; without a name it is made in its place.
    """

    __slots__ = ("expected", "name", "row")

    def __init__(self, row: Row, expected: Row | None, name: str) -> None:
        self.row = row
        self.expected = expected
        self.name = name


class _New(_Put):
    """A new folder, staged with all that goes *below* it, at *place* in the stage."""

    __slots__ = ("below", "place")

    def __init__(self, row: Row, name: str, place: str) -> None:
        super().__init__(row, None, name)
        self.place = place
        self.below: list[_Put] = []


class _Coming:
    """A file that comes in several frames, written to *stream* as *name* in *folder*."""

    __slots__ = ("digest", "expected", "folder", "name", "new", "row", "stream")

    def __init__(self, row: Row, expected: Row | None, folder: Folder, name: str) -> None:
        self.row = row
        self.expected = expected
        self.folder = folder
        self.name = name
        self.new: _New | None = None
        self.stream = os.fdopen(folder.create(name, row[5]), "wb")
        self.digest = hashlib.sha256()


class Stage:
    """New contents beside the tree: written and verified first, moved into place last.

    Folders are entered one by one and never through a link, so that nothing outside *root* can be
    reached, whatever happens in the tree meanwhile. A new folder is staged with all that goes
    below it and moved as one, but where folders cannot be held open.
    """

    def __init__(self, root: str, by_path: bool = os.name == "nt") -> None:
        self._puts: list[_Put] = []
        self._takes: list[tuple[str, Row]] = []
        self._new: dict[str, _New] = {}
        self._refused: list[list[Any]] = []  # what no file system call would make
        self._count = 0
        self._open: _Coming | None = None
        self._base: BinaryIO | None = None  # what the open file takes blocks from
        self._last: tuple[str, Folder] | None = None  # what was changed in last
        self._into: tuple[str, Folder] | None = None  # where a new folder's contents go
        self._lost: list[str] = []  # whose base was not what it was taken for
        self._other: set[str] = set()  # what became another than was announced
        name = f"stage-{os.urandom(8).hex()}"
        with contextlib.ExitStack() as opened:
            self._root = opened.enter_context(Folder(root, by_path))
            state = opened.enter_context(self._root.make(STATE))
            lock(state, wait=True)  # or another's sweep could take the stage for a dead one
            sweep_stages(state)
            self._stage = opened.enter_context(state.make(name))
            lock(self._stage)
            lock(state, release=True)
            opened.callback(clear_stage, name, self._stage, state)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Remove the stage with whatever is left in it."""
        if self._open:
            with contextlib.suppress(OSError):  # a full disk does not take the last of it either
                self._open.stream.close()
        self._leave_base()
        self._leave()
        self._opened.close()

    def take(self, kind: bytes, body: bytes) -> None:
        """Take the next frame of the contents.

        Raises:
            Failure: they are not as agreed; nothing has been changed in the tree.
        """
        if kind == b"b" and not self._open:
            self._files(body)
        elif kind == b"p" and not self._open:
            self._begin(load_json(body))
        elif kind == b"c" and self._open:
            self._open.stream.write(body)
            self._open.digest.update(body)
            if self._open.stream.tell() > self._open.row[2]:
                raise damaged("more came of a file than was announced")
        elif kind == b"k" and self._open:
            self._copy(self._open, *span_of(body))
        elif kind == b"f" and self._open:
            self._end(self._open, body)
        elif kind == b"x" and not self._open:
            path, expected = load_json(body)
            if self._checked(expected)[0] != path:
                raise damaged("something else is expected than is to be taken away")
            self._takes.append((path, expected))
        else:
            raise damaged("the contents are out of order")

    def _checked(self, announced: Any) -> Row:
        row = check_row(announced)
        if self._stage.by_path and (reason := why_unsafe(row[0], windows=True)):
            raise damaged(f"the path {row[0][:200]!r} is refused, {reason}")
        return row

    def _files(self, body: bytes) -> None:
        """Stage files whose contents have come whole."""
        try:
            found = list(batched(body))
        except ValueError as error:
            raise damaged(str(error)) from error
        for row, expected, data in found:
            self._checked(row)
            new, folder, name = self._place_for(row, expected)
            try:
                opened = folder.create(name, row[5])
            except OSError as error:
                self._refuse(row, new, error)
                continue
            try:
                while data:
                    data = data[os.write(opened, data) :]
                self._staged(_Put(row, expected, name), new, opened)
            finally:
                os.close(opened)

    def _place_for(self, row: Row, expected: Row | None) -> tuple[_New | None, Folder, str]:
        """Return where to stage something: in its new folder by its own name, else by a number."""
        folder, _, name = row[0].rpartition("/")
        new = self._new.get(folder) if expected is None else None
        if new is None:
            self._count += 1
            return None, self._stage, str(self._count)
        if self._into is None or self._into[0] != folder:
            opened = self._stage.reach(new.place)
            self._leave_into()
            self._into = (folder, opened)
        return new, self._into[1], name

    def _refuse(self, row: Row, new: _New | None, error: OSError) -> None:
        if new is None or error.errno in FULL:
            raise error
        self._refused.append([row[0], "refused", None, str(error.strerror)])

    def _staged(self, put: _Put, new: _New | None, opened: int) -> None:
        """Note a file that has been written whole, and leave it as it is going to be."""
        times = (put.row[3], put.row[3])
        if self._stage.by_path:
            os.utime(self._stage.at(put.name), ns=times)
        else:
            os.utime(opened, ns=times)
        announced, put.row = put.row, make_row(put.row[0], os.fstat(opened))
        self._compare(put.row, announced)
        (new.below if new else self._puts).append(put)

    def _begin(self, header: Any) -> None:
        announced, expected, *more = header
        row = self._checked(announced)
        if row[1] == "l" and leads_out(row[0], row[6]):
            raise damaged(f"the link {row[0][:200]!r} leads out of the project")
        if row[1] == "d" and (expected is not None or self._stage.by_path):
            self._puts.append(_Put(row, expected, ""))
            return
        new, folder, name = self._place_for(row, expected)
        try:
            if row[1] == "f":
                self._open = self._coming(row, expected, new, folder, name)
                if more == [True]:
                    self._enter_base(row[0], expected)
                return
            if row[1] == "l":
                os.symlink(row[6], folder.at(name), dir_fd=folder.descriptor)
                put = _Put(row, expected, name)
            else:
                os.mkdir(folder.at(name), dir_fd=folder.descriptor)
                put = _New(row, name, f"{new.place}/{name}" if new else name)
                if put.place.count("/") < _DEEP:
                    self._new[row[0]] = put
        except OSError as error:
            self._refuse(row, new, error)
            return
        (new.below if new else self._puts).append(put)

    def _coming(
        self, row: Row, expected: Row | None, new: _New | None, folder: Folder, name: str
    ) -> _Coming:
        try:
            coming = _Coming(row, expected, folder, name)
        except OSError as error:
            if new is None or error.errno in FULL:
                raise
            # Its contents are on their way: under a number, it is refused once it is to be moved.
            self._count += 1
            return _Coming(row, expected, self._stage, str(self._count))
        coming.new = new
        return coming

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

    def _copy(self, coming: _Coming, start: int, size: int) -> None:
        """Take *size* bytes from *start* on of what stands there already."""
        path, stream = coming.row[0], coming.stream
        if start != stream.tell() or size > coming.row[2] - start:
            raise damaged("more came of a file than was announced")
        if self._base is None:
            if path not in self._lost:
                raise damaged("a file takes blocks from nothing")
            stream.seek(start + size)
            return
        self._base.seek(start)
        with beside(coming.digest) as update:
            while size and (chunk := self._base.read(min(4 * CHUNK, size))):
                update(chunk)
                stream.write(chunk)
                size -= len(chunk)
        if size:
            self._lost.append(path)
            stream.seek(size, os.SEEK_CUR)

    def _end(self, coming: _Coming, announced: bytes) -> None:
        self._open = None
        row, lost = coming.row, coming.row[0] in self._lost
        based = self._base is not None or lost
        self._leave_base()
        with coming.stream as stream:
            size = stream.tell()
            stream.flush()
            right = announced == coming.digest.digest()
            if announced and not lost and right and size == row[2]:
                put = _Put(row, coming.expected, coming.name)
                self._staged(put, coming.new, stream.fileno())
                return
        if announced and not based:
            raise damaged(f"{row[0][:200]!r} did not arrive as it was sent")
        coming.folder.remove(coming.name)
        if announced and not lost:
            self._lost.append(row[0])
        elif not announced and lost:
            self._lost.remove(row[0])

    def _compare(self, row: Row | None, announced: Row) -> None:
        """Note what is another than was *announced*, but for when its owner last changed it."""
        if row is None or row[:4] != announced[:4] or row[5:] != announced[5:]:
            self._other.add(announced[0])

    def as_announced(self, outcome: list[Any]) -> bool:
        """Tell whether of an *outcome* nothing is to be told but when the file was last changed."""
        return outcome[1] == "done" and outcome[0] not in self._other

    def apply(self) -> Iterator[list[Any]]:
        """Move everything into place and yield ``[path, state, row or None, reason]`` for each.

        *state* is ``done``, ``changed`` (what stands there is not what was expected, and stays),
        ``refused`` (the file system does not take it) or ``kept`` (a folder to be taken away holds
        what is not synced). What goes goes first, the innermost before what it is in.
        """
        if self._open:
            raise damaged("the contents end inside a file")
        self._leave_into()
        for path, expected in sorted(self._takes, key=lambda take: take[0], reverse=True):
            yield [path, *self._change(path, expected, None)]
        for path in self._lost:
            yield [path, "changed", None, _CHANGED]
        yield from self._refused
        for put in self._puts:
            yield from self._put(put, self._stage)

    def _put(self, put: _Put, staged: Folder) -> Iterator[list[Any]]:
        """Move what is in *staged* to where it goes."""
        path = put.row[0]
        if not isinstance(put, _New):
            yield [path, *self._change(path, put.expected, put, staged)]
            return
        state, row, reason = self._change(path, None, put, staged)
        yield [path, state, row, reason]
        if state != "done":
            yield from _all_below(put, "changed", "its folder is gone, or is none")
        elif row is put.row:
            yield from _all_below(put, "done", "")
        else:  # there is such a folder by now: one by one
            with staged.enter(put.name) as inside:
                for one in put.below:
                    yield from self._put(one, inside)

    def _change(
        self, path: str, expected: Row | None, put: _Put | None, staged: Folder | None = None
    ) -> tuple[str, Row | None, str]:
        folder, _, name = path.rpartition("/")
        try:
            parent = self._parent(folder)
            now, mode = parent.look(path, name)
            if put is None or staged is None:
                return _take_away(parent, name, now, expected)
            return self._place(parent, now, mode, put, staged)
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

    def _leave(self) -> None:
        self._leave_parent()
        self._leave_into()

    def _leave_parent(self) -> None:
        if self._last:
            with self._last[1]:
                self._last = None

    def _leave_into(self) -> None:
        if self._into:
            with self._into[1]:
                self._into = None

    def _place(
        self, parent: Folder, now: Row | None, mode: int, put: _Put, staged: Folder
    ) -> tuple[str, Row | None, str]:
        row, name = put.row, put.row[0].rpartition("/")[2]
        if row[1] == "d" and now and now[1] == "d":
            return "done", now, ""
        if now != put.expected:
            return "changed", None, _CHANGED
        if now and "d" in (now[1], row[1]):  # no rename replaces the one by the other
            try:
                parent.remove(name, now[1] == "d")
            except OSError as error:
                if error.errno not in _NOT_EMPTY:
                    raise
                return "refused", None, "the folder in its place holds what is not synced"
        if not put.name:
            os.mkdir(parent.at(name), dir_fd=parent.descriptor)
            return "done", row, ""
        if now and now[1] == row[1] == "f":  # it keeps its permissions
            mode = mode | (mode & 0o444) >> 2 if row[5] else mode & ~0o111
            os.chmod(staged.at(put.name), mode, dir_fd=staged.descriptor)
        os.replace(
            staged.at(put.name),
            parent.at(name),
            src_dir_fd=staged.descriptor,
            dst_dir_fd=parent.descriptor,
        )
        if row[1] == "d":
            return "done", row, ""
        became = parent.look(row[0], name)[0]
        self._compare(became, row)
        return "done", became, ""


_CHANGED = "it was changed during the sync"
_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


def _all_below(new: _New, state: str, reason: str) -> Iterator[list[Any]]:
    for one in new.below:
        yield [one.row[0], state, one.row if state == "done" else None, reason]
        if isinstance(one, _New):
            yield from _all_below(one, state, reason)


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
