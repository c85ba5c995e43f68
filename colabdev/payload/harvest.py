"""The files that a job makes, told of once they are complete."""

import contextlib
import glob
import hashlib
import itertools
import os
import queue
import stat
import threading
import time
from collections.abc import Iterator

from colabdev.payload.records import encode, frame
from colabdev.payload.whole import is_closed, is_whole

LOOK = 0.5  # seconds between looks at the files that are asked for
LONGEST_PAUSE = 30.0
SETTLED = 1.0  # seconds without a change after which a file counts as complete
MOST_FILES = 10_000  # that are looked at
LONGEST_PATH = 8 * 1024
PIECE = 256 * 1024

State = tuple[int, int, int]  # inode, size and time of a file


class Harvest:
    """The files that the job makes and somebody asked for, as frames, each once it is complete.

    A file is complete when it was renamed into place, when another one has taken its name and
    nobody writes to it, when its size and time have settled, or when the job is over. What stood
    there before the job, and still stands so, is none of its making.
    """

    def __init__(self, folder: str, patterns: list[str]) -> None:
        self._folder = folder
        self._patterns = patterns
        self._told = dict(self._standing())
        self._seen = dict(self._told)
        self._ripe: "queue.SimpleQueue[bytes]" = queue.SimpleQueue()
        self._over = threading.Event()
        # A thread of its own: the digest of a large file must not hold up the output.
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        if self._patterns:
            self._thread.start()

    def ripe(self) -> list[bytes]:
        """Return what is complete by now and was not told before."""
        frames = []
        with contextlib.suppress(queue.Empty):
            while True:
                frames.append(self._ripe.get_nowait())
        return frames

    def rest(self) -> list[bytes]:
        """Return all else, as the job has left it."""
        if self._patterns:
            self._over.set()
            self._thread.join()
            self._look(over=True)
        return self.ripe()

    def _watch(self) -> None:
        pause = LOOK
        while not self._over.wait(pause):
            begun = time.monotonic()
            self._look(over=False)
            # Digests of large files that are written again and again take a tenth of the time.
            pause = min(max(LOOK, 9 * (time.monotonic() - begun)), LONGEST_PAUSE)

    def _standing(self) -> Iterator[tuple[str, State]]:
        for path in self._found():
            with contextlib.suppress(OSError):
                yield path, state_of(os.lstat(os.path.join(self._folder, path)))

    def _look(self, over: bool) -> None:
        for path in self._found():
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(self._folder, path))
                told = self._told.get(path)
                if stat.S_ISREG(status.st_mode) and told != state_of(status):
                    self._look_at(path, over)

    def _look_at(self, path: str, over: bool) -> None:
        """Tell of the version of a file that stands there now, if it is complete."""
        # Not through a link, and without waiting at a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(os.open(os.path.join(self._folder, path), flags), "rb", 0) as stream:
            descriptor = stream.fileno()
            status = os.fstat(descriptor)
            state, before = state_of(status), self._seen.get(path)
            self._seen[path] = state
            settled = before == state and time.time() - status.st_mtime > SETTLED
            # A fast disk writes and renames within one tick of its clock: no time tells.
            replaced = before is not None and before[0] != state[0] and is_closed(descriptor)
            if not (over or settled or replaced or is_whole(descriptor)):
                return
            digest = hashlib.sha256()
            while chunk := stream.read(PIECE):
                digest.update(chunk)
            if state_of(os.fstat(descriptor)) == state:
                self._told[path] = state
                told = {"path": path, "digest": digest.hexdigest(), "size": state[1]}
                self._ripe.put(frame(b"a", encode(told)))

    def _found(self) -> list[str]:
        """List what is asked for and there."""
        paths = (
            path
            for pattern in self._patterns
            for path in glob.iglob(pattern, root_dir=self._folder, recursive=True)
            if len(path) < LONGEST_PATH
        )
        return sorted(set(itertools.islice(paths, MOST_FILES)))


def state_of(status: os.stat_result) -> State:
    """Return what tells a version of a file from the others."""
    return status.st_ino, status.st_size, status.st_mtime_ns
