"""The warm checker as the laptop uses it: found or started, and asked for a process per check."""

import contextlib
import hashlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import platformdirs

from colabdev.errors import ConfigError
from colabdev.payload import checker, tasks, warm
from colabdev.store import locked, private_dir

IDLE = 600.0  # seconds without a check after which torch's memory is given back
_STARTING = 120.0  # seconds; importing torch from a cold disk takes its time
_LONGEST = 100  # bytes of a socket's path; Linux takes 107
_WORD = b"fork"  # as long as warm.STOP

# Elsewhere than on Linux a fork after torch was imported is not safe (macOS: its frameworks), or
# there is none.
SUPPORTED = sys.platform == "linux"


class Forked:
    """A process that the warm checker forked for us, as `checker.Child` has it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._told = b""
        self._code: int | None = None
        self.pid = int(self._line(_STARTING) or b"0")

    def poll(self) -> int | None:
        if self._code is None and (line := self._line(0)) is not None:
            self._end(line)
        return self._code

    def wait(self) -> int:
        if self._code is None:
            self._end(self._line(None) or b"")
        assert self._code is not None, "set above"
        return self._code

    def kill(self) -> None:
        # Not reaped before we were told of it: the number is nobody else's yet.
        if self.poll() is None and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, 9)

    def _end(self, line: bytes) -> None:
        self._code = int(line or b"-9")  # the warm checker is gone without a word
        self._connection.close()

    def _line(self, timeout: float | None) -> bytes | None:
        """Return the next line, empty at the end of the connection, None if there is none yet."""
        self._connection.settimeout(timeout)
        while b"\n" not in self._told:
            try:
                chunk = self._connection.recv(64)
            except (BlockingIOError, TimeoutError):
                return None
            except ConnectionError:
                return b""
            if not chunk:
                return b""
            self._told += chunk
        line, _, self._told = self._told.partition(b"\n")
        return line


def start(request: bytes, output: int) -> checker.Child:
    """Have the warm checker fork a process; where there can be none, start a fresh one."""
    connection = _connect(_socket()) or _launch()
    if connection is None:
        return checker.spawn(request, output)
    asked = {
        "request": json.loads(request),
        "environment": checker.environment(),
        "folder": str(Path.cwd()),
    }
    body = json.dumps(asked).encode()
    try:
        connection.sendall(_WORD)
        socket.send_fds(connection, [len(body).to_bytes(4, "big")], [output])
        connection.sendall(body)
        if (forked := Forked(connection)).pid:
            return forked
    except OSError:
        pass
    connection.close()  # it was just about to end
    return checker.spawn(request, output)


def stop() -> None:
    """End the warm checker, if one runs."""
    _stop(_socket())


def stop_all() -> Path:
    """End the warm checkers of every Python and colabdev, and return where they listened."""
    folder = _folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        _stop(path)
    return folder


def _stop(path: Path) -> None:
    if connection := _connect(path):
        with connection:
            connection.sendall(warm.STOP)
            connection.recv(1)  # it closes when it ends


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("colabdev")) / "warm"


def _socket() -> Path:
    """Return where the warm checker of this Python, this colabdev and this torch listens."""
    torch = importlib.util.find_spec("torch")
    version = Path(torch.origin).stat().st_mtime_ns if torch and torch.origin else 0
    sources = b"".join(Path(str(each.__file__)).read_bytes() for each in (warm, tasks))
    known = f"{sys.executable} {sys.version} {version} ".encode() + sources
    name = hashlib.sha256(known).hexdigest()[:12]
    return _folder() / name


def _connect(path: Path) -> socket.socket | None:
    """Return a connection to the warm checker of this user at *path*, if one listens."""
    if not SUPPORTED:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    if warm.peer(connection) == os.getuid():
        return connection
    connection.close()
    return None


def _launch() -> socket.socket | None:
    """Start a warm checker and return a connection to it; None where there can be none."""
    path = _socket()
    if not SUPPORTED or len(os.fsencode(path)) > _LONGEST:
        return None
    try:
        private_dir(path.parent)
        with locked(path, timeout=_STARTING):
            if connection := _connect(path):  # another check was faster
                return connection
            path.unlink(missing_ok=True)  # left by one that was killed
            with subprocess.Popen(
                [sys.executable, "-u", warm.__file__, str(path), str(IDLE)],
                cwd="/",
                env=checker.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as child:
                assert child.stdout, "opened with PIPE"
                ready = child.stdout.readline()  # ends when it is ready, or with its end
    except (ConfigError, OSError):
        return None
    return _connect(path) if ready == warm.READY else None
