"""Folders that are held open, so that no link on the way to what is in them can lead elsewhere."""

import contextlib
import errno
import os
import stat
from typing import BinaryIO

from colabdev.payload.tree import READ, Row, make_row

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

    def create(self, name: str, executable: bool = False) -> int:
        """Make a file *name*, which is not there yet, and return it open for writing."""
        mode = 0o777 if executable else 0o666
        return os.open(self.at(name), _CREATE, mode, dir_fd=self.descriptor)

    def open(self, name: str) -> BinaryIO:
        """Open the file *name* for reading: not through a link, and without waiting at a pipe."""
        return os.fdopen(os.open(self.at(name), READ, dir_fd=self.descriptor), "rb", 0)

    def remove(self, name: str, is_folder: bool = False) -> None:
        """Take away the file or link *name*, or the folder if nothing is in it."""
        if is_folder:
            os.rmdir(self.at(name), dir_fd=self.descriptor)
        else:
            os.unlink(self.at(name), dir_fd=self.descriptor)

    def wipe(self, name: str) -> None:
        """Take away *name* with all that is in it."""
        status = os.stat(self.at(name), dir_fd=self.descriptor, follow_symlinks=False)
        is_folder = stat.S_ISDIR(status.st_mode)
        if is_folder:
            with self.enter(name) as below:
                for one in below.names():
                    below.wipe(one)
        self.remove(name, is_folder)


_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _PLAIN
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _PLAIN


def sweep(root: str) -> None:
    """Remove what killed syncs have left in the stages of *root*, if anything."""
    with contextlib.suppress(OSError), Folder(root) as top, top.enter(STATE) as state:
        lock(state, wait=True)
        sweep_stages(state)


def sweep_stages(state: Folder) -> None:
    """Remove the stages that were left by killed syncs: those whose lock nobody holds."""
    for name in state.names():
        with contextlib.suppress(OSError):
            if name.startswith("stage-"):
                with state.enter(name) as stage:
                    if lock(stage):
                        clear_stage(name, stage, state)


def clear_stage(name: str, stage: Folder, state: Folder) -> None:
    with contextlib.suppress(OSError):  # what stays is swept next time
        for staged in stage.names():
            stage.wipe(staged)
        state.remove(name, is_folder=True)


def lock(folder: Folder, wait: bool = False, release: bool = False) -> bool:
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
