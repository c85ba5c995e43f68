"""Digests of files, remembered beside the tree, so that a file that stays is read once."""

import contextlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterable
from typing import Any  # JSON is anything until it has been checked

from colabdev.payload.folders import STATE, Folder
from colabdev.payload.frames import MAX_JSON
from colabdev.payload.reading import Known, Reading
from colabdev.payload.tree import Row, make_row, open_file

MEMORY = "digests.json"
_REMEMBERED = 200_000  # files; the ones not asked for longest are forgotten
_SETTLED = 2_000_000_000  # nanoseconds: a later write within them may bear the same times


class Digests:
    """The digests of files in the tree at *root*, by what the files looked like when read.

    What is remembered only saves reading: without it, or where it makes no sense, files are read.
    What was *learned* of large files that were read, if it *learns*, saves who sends them reading.
    """

    def __init__(
        self, root: str, now: Callable[[], int] = time.time_ns, *, learns: bool = False
    ) -> None:
        self.learned: dict[str, Known] = {}
        self._learns = learns
        self._root = root
        self._now = now
        self._seen: dict[str, list[Any]] | None = None  # read when it is needed
        self._is_new = False

    def of(self, rows: Iterable[Row]) -> dict[str, str]:
        """Return the SHA-256 of each file that still is what its row says."""
        found = {}
        for row in rows:
            digest = self._digest(row)
            if digest is not None:
                found[row[0]] = digest
        return found

    def save(self) -> None:
        """Write down what was learned, in one step; what cannot be written is learned again."""
        if not self._is_new or self._seen is None:
            return
        latest = list(self._seen.items())[-_REMEMBERED:]
        text = json.dumps({"version": 1, "files": dict(latest)}, separators=(",", ":"))
        draft = f"{MEMORY}.{os.urandom(4).hex()}"
        with contextlib.suppress(OSError), Folder(self._root) as top, top.make(STATE) as state:
            try:
                opened = os.open(state.at(draft), _NEW, 0o600, dir_fd=state.descriptor)
                with os.fdopen(opened, "wb") as stream:
                    stream.write(text.encode("ascii"))
                where = {"src_dir_fd": state.descriptor, "dst_dir_fd": state.descriptor}
                os.replace(state.at(draft), state.at(MEMORY), **where)
            except OSError:
                state.remove(draft)
        self._is_new = False

    def _digest(self, row: Row) -> str | None:
        if self._seen is None:
            self._seen = _remembered(self._root)
        path = row[0]
        try:
            place = os.path.join(self._root, path)
            known = self._seen.get(path)
            if known and _looks(os.lstat(place)) == known[:4] == [*row[2:5], known[3]]:
                self._seen[path] = self._seen.pop(path)
                return str(known[4])
            settled = self._now() - _SETTLED
            with open_file(self._root, path) as stream:
                status = os.fstat(stream.fileno())
                if make_row(path, status) != row:
                    return None
                reading = Reading(stream, row, marked=self._learns)
                for _ in reading.blocks():
                    pass
                if not reading.is_whole:
                    return None
        except OSError:
            return None
        if reading.marks:
            self.learned[path] = Known(row, reading.digest, reading.marks)
        self._seen.pop(path, None)
        if max(row[3], row[4]) < settled:
            self._seen[path] = [*_looks(status), reading.digest]
            self._is_new = True
        return reading.digest


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


def _looks(status: os.stat_result) -> list[int]:
    """Return what tells that a file is the same one, and was not written to."""
    if not stat.S_ISREG(status.st_mode):
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _remembered(root: str) -> dict[str, list[Any]]:
    """Return what is written down, as far as it makes sense."""
    with (
        contextlib.suppress(
            OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError
        ),
        Folder(root) as top,
        top.enter(STATE) as state,
        state.open(MEMORY) as stream,
    ):
        text = stream.read(MAX_JSON + 1)
        files = json.loads(text)["files"] if len(text) <= MAX_JSON else {}
        return {path: known for path, known in files.items() if _makes_sense(known)}
    return {}


def _makes_sense(known: Any) -> bool:
    types = [int, int, int, int, str]
    return isinstance(known, list) and list(map(type, known)) == types and len(known[4]) == 64
