"""Files that survive a crash: atomic writes and locked, versioned JSON documents."""

import contextlib
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any  # a JSON document is a mapping of anything

from colabdev.errors import ConfigError, system_says, why_unreadable
from colabdev.language import tr

_LOOK = 0.01  # seconds between looks at a lock, or a file, that another one holds
_TRIES = 100


def private_dir(path: Path) -> Path:
    """Make the directory *path* (0700) with its parents and return it.

    Raises:
        ConfigError: it cannot be made, or something else stands there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            tr(
                "The folder {path} cannot be used: {strerror}.",
                path=path,
                strerror=system_says(error),
            ),
            tr("Free the name or make it yours, or set COLABDEV_HOME to another folder."),
        ) from error
    return path


def write_atomic(path: Path, data: bytes | Iterable[bytes], *, mode: int = 0o600) -> None:
    """Replace the contents of *path* by *data* in one step; readers see the old or the new.

    The temporary file has *mode* from its first byte on (no moment at which it is wider).

    Raises:
        ConfigError: the folder or the disk refuses the write.
    """
    import tempfile  # most commands write nothing, and start the faster without it

    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines((data,) if isinstance(data, bytes) else data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode)
            patiently(lambda: Path(name).replace(path))
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise ConfigError(
            tr("{path} cannot be written: {strerror}.", path=path, strerror=system_says(error)),
            tr("Check the permissions of its folder and the free space."),
        ) from error


def patiently(
    replace: Callable[[], object],
    *,
    platform: str = sys.platform,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Do *replace*; on Windows again and again for a moment, as long as a reader has it open."""
    for last in (platform != "win32", *(False,) * _TRIES, True):
        try:
            replace()
            return
        except PermissionError:
            if last:
                raise
        sleep(_LOOK)


@contextlib.contextmanager
def scratch_dir() -> Iterator[Path]:
    """Lend a short, private (0700) folder under the user's cache and remove it afterwards.

    Unlike a folder in ``/tmp`` it lies below no world-writable folder, so that sshd's StrictModes
    accepts keys in it, and its path is short enough for a socket's name.
    """
    import secrets
    import shutil

    import platformdirs

    folder = private_dir(Path(platformdirs.user_cache_dir("colabdev")) / secrets.token_hex(4))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path, *, timeout: float = 30) -> Iterator[None]:
    """Hold the lock that belongs to the file *path*; wait *timeout* seconds for it.

    Raises:
        ConfigError: another process holds it for longer, or it cannot be made.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(Path(f"{path}.lock"), timeout))
        except TimeoutError as error:
            raise ConfigError(
                tr(
                    "Another colabdev has been writing {path} for {timeout:g} seconds.",
                    path=path,
                    timeout=timeout,
                ),
                tr("Wait for it, or end it, and try again."),
            ) from error
        except (OSError, NotImplementedError) as error:  # the latter: a disk without locks
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                tr("{path} cannot be written: {strerror}.", path=path, strerror=reason),
                tr("Check the permissions of its folder and the free space."),
            ) from error
        yield


@contextlib.contextmanager
def held(file: Path, timeout: float) -> Iterator[None]:
    """Hold the lock *file*; wait *timeout* seconds for it.

    Elsewhere, and where the file system has no locks, the package filelock knows what to do; it
    takes the very same lock, but longer to load than many a command to run.

    Raises:
        TimeoutError: another process, or thread, holds it for longer.
        OSError: the file cannot be made.
    """
    descriptor = _flocked(file, timeout)
    if descriptor is not None:
        try:
            yield
        finally:
            os.close(descriptor)
        return
    import filelock

    try:
        lock = filelock.FileLock(file, timeout=timeout, mode=0o600).acquire()
    except filelock.Timeout as error:
        raise TimeoutError from error
    with lock:
        yield


def _flocked(file: Path, timeout: float) -> int | None:
    """Return a descriptor that holds the lock *file* as long as it is open; None: no such here."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError from None
            time.sleep(_LOOK)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError) and error.errno in (errno.ENOLCK, errno.ENOSYS):
            return None
        raise


class Document:
    """A JSON file with a ``version`` field, read whole and written whole under a lock."""

    def __init__(self, path: Path, *, version: int) -> None:
        self.path = path
        self.version = version

    def read(self) -> dict[str, Any]:
        """Return the contents, empty when there is no file yet.

        Raises:
            ConfigError: the file is damaged or from another version; it is never taken as empty.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(why_unreadable(error)) from error
        return self.parsed(text)

    def parsed(self, text: str) -> dict[str, Any]:
        """Return the contents that *text* spells (ConfigError: as in `read`)."""
        try:
            contents = json.loads(text)
        except ValueError as error:
            raise self._unreadable(tr("it is no JSON ({error})", error=error)) from error
        if not isinstance(contents, dict):
            raise self._unreadable(tr("it holds no object"))
        if contents.get("version") != self.version:
            raise self._unreadable(
                tr(
                    "it is of version {found!r}, this colabdev reads {known}",
                    found=contents.get("version"),
                    known=self.version,
                )
            )
        return contents

    @contextlib.contextmanager
    def edit(self) -> Iterator[dict[str, Any]]:
        """Lend the contents for a change and write them back when the block ends well."""
        private_dir(self.path.parent)
        with locked(self.path):
            contents = self.read()
            yield contents
            contents["version"] = self.version
            text = json.dumps(contents, indent=2, ensure_ascii=False)
            write_atomic(self.path, text.encode() + b"\n")

    def _unreadable(self, reason: str) -> ConfigError:
        return ConfigError(
            tr("{path} cannot be read: {reason}.", path=self.path, reason=reason),
            tr("Move the file aside to start afresh, or put back a good copy."),
        )
