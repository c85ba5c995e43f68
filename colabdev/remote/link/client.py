"""The command's end of a link: a transport that borrows its channels."""

import collections
import contextlib
import json
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self  # a request is JSON: a mapping of anything

from colabdev.errors import (
    ColabdevError,
    ConnectionLost,
    HostKeyMismatch,
    HostUnreachable,
    RemoteFailure,
)
from colabdev.language import spoken, tr
from colabdev.remote.destination import ConnectString
from colabdev.remote.link import place, wire
from colabdev.remote.program import Program
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Process, Transport

if TYPE_CHECKING:
    import subprocess

_STARTING = 8.0  # seconds that a new link gets to listen
_GREETING = 5.0  # seconds that a living link takes at the most to say its version
_ANSWER = 120.0  # seconds for a request: the link may have to log in first
_SILENCE = 4 * wire.BEAT  # seconds without a sign of life after which a link counts as dead
_TICK = 0.5  # on Windows Ctrl-C does not end a wait for a socket
_PACKET = 64 * 1024
_HELD = 2 * 1024 * 1024  # bytes of stdout that are taken in while stdin is written
_ERRORS_KEPT = 64 * 1024


class LinkTransport:
    """The link to *runtime*; *direct* dials a connection of our own where there is no link.

    *find* returns the runtime at the address that it has moved to, None when that is not known.
    """

    def __init__(
        self,
        runtime: Runtime,
        direct: Callable[[Runtime], Transport],
        find: Callable[[Runtime], Runtime | None] = lambda _: None,
    ) -> None:
        self._runtime = runtime
        self._direct = direct
        self._find = find
        self._own: Transport | None = None
        self._dialling = threading.Lock()
        self._said: Said | None = None

    def announce(self, argv: Sequence[str]) -> None:
        """Ask for *argv* and wait for nothing: the `start` of just that hears the answer.

        Where no link listens nothing is said, and nothing is started.
        """
        spot, words = place.place(self._runtime.alias), _words(self._runtime, _starting(argv))
        with contextlib.suppress(OSError):
            self._said = Said(words, Line(place.dial(spot)))
            self._said.line.send(words, _GREETING)

    def start(self, argv: Sequence[str]) -> Process:
        if self._own is None:
            line = self._ask(_starting(argv))
            if line is not None:
                return LinkProcess(line, self._runtime.alias)
        with self._dialling:
            if self._own is None:
                self._own = self._direct(self._runtime)
        return self._own.start(argv)

    def _ask(self, request: dict[str, Any]) -> "Line | None":
        said, self._said = self._said, None
        try:
            return ask(self._runtime, request, said=said)
        except (HostUnreachable, HostKeyMismatch):  # nothing was done there
            moved = self._find(self._runtime)
            if moved is None:
                raise
            self._runtime = moved
            return ask(moved, request)

    def close(self) -> None:
        if self._said is not None:
            self._said.line.close()
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Line:
    """A connected socket to a link, and what has come over it and is not taken yet."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.buffer = bytearray()
        link.setblocking(False)

    def send(self, data: bytes, limit: float) -> None:
        """Send all of *data*; TimeoutError after *limit* seconds in which none of it was taken.

        An OSError says that the link is gone.
        """
        view = memoryview(data)
        deadline = time.monotonic() + limit
        while view:
            if select.select([], [self.link], [], min(_TICK, limit))[1]:
                view = view[self.link.send(view) :]
                deadline = time.monotonic() + limit
            elif time.monotonic() > deadline:
                raise TimeoutError

    def receive(self, limit: float) -> tuple[bytes, bytes] | None:
        """Return the next frame, None at the end; TimeoutError after *limit* silent seconds."""
        deadline = time.monotonic() + limit
        while (frame := wire.take(self.buffer)) is None:
            if select.select([self.link], [], [], min(_TICK, limit))[0]:
                chunk = self.link.recv(256 * 1024)
                if not chunk:
                    return None
                self.buffer += chunk
                deadline = time.monotonic() + limit
            elif time.monotonic() > deadline:
                raise TimeoutError
        return frame

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()


class Said(NamedTuple):
    """A *line* to a link on which *words* were said, and no answer was heard yet."""

    words: bytes
    line: Line


def ask(
    runtime: Runtime, request: dict[str, Any], *, spawn: bool = True, said: Said | None = None
) -> Line | None:
    """Send *request* to the link of *runtime* and return the line on which it was accepted.

    A link that is not there, or is of another version, is started (with *spawn*). None: there is
    no link to be had, or it sends us away; nothing was done there then. What was *said* already is
    not said again.

    Raises:
        ColabdevError: as the link says, in the words of a connection of our own.
        ConnectionLost: the link ended before it answered.
    """
    words = _words(runtime, request)
    spot = place.place(runtime.alias)
    if said is not None and said.words != words:
        said.line.close()  # it was about something else
        said = None
    for _ in range(3):
        try:
            if said is not None:
                line, said = said.line, None
            elif (link := _dialled(spot, runtime.alias, spawn)) is not None:
                line = Line(link)
                line.send(words, _GREETING)
            else:
                return None
            hello = line.receive(_GREETING)
        except TimeoutError:  # it hangs: the next command shall start another
            line.close()
            _evict(spot)
            return None
        except (OSError, ValueError):
            line.close()
            continue
        if hello == (b"H", wire.VERSION):
            return _answered(line, runtime.alias)
        line.close()  # of another version: it makes room
    return None


def tell(alias: str, what: str) -> None:
    """Tell the link of *alias*, if there is one, to ``look`` at the registry, or to ``leave``."""
    spot = place.place(alias)
    with contextlib.suppress(OSError, ValueError):
        line = Line(place.dial(spot))
        try:
            request = json.dumps({"do": what, "connect": ""}).encode()
            line.send(wire.VERSION + b"\n" + wire.pack(b"R", request), _GREETING)
            while line.receive(_GREETING):  # until it has hung up
                pass
        finally:
            line.close()


def _starting(argv: Sequence[str]) -> dict[str, Any]:
    if isinstance(argv, Program):
        return {"do": "start", "program": [argv.name, argv.packed, argv.arguments]}
    return {"do": "start", "argv": list(argv)}


def _words(runtime: Runtime, request: dict[str, Any]) -> bytes:
    """Return all that a command says to a link before it hears anything."""
    assert runtime.destination is not None, "this machine needs no link"
    connect = str(ConnectString(runtime.destination, runtime.boot_id, runtime.root))
    body = json.dumps({**request, "connect": connect, "lang": spoken()}).encode()
    return wire.VERSION + b"\n" + wire.pack(b"R", body)


def _answered(line: Line, alias: str) -> Line | None:
    try:
        answer = line.receive(_ANSWER)
    except (OSError, ValueError):
        answer = None
    if answer is not None and answer[0] == b"A":
        return line
    line.close()
    if answer is None:
        raise _lost(alias)
    kind, body = answer
    if kind == b"E":
        raise wire.unpack_error(body)
    return None


def _dialled(spot: place.Place, alias: str, spawn: bool) -> socket.socket | None:
    """Return a socket to the link at *spot*, started where there is none; None for no link."""
    with contextlib.suppress(OSError):
        return place.dial(spot)
    if not spawn:
        return None
    try:
        place.prepare(spot)
        child = _spawned(spot, alias)
    except OSError:
        return None
    deadline = time.monotonic() + _STARTING
    ended: float | None = None
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return _dialled_or_none(spot)
        # One that ended has found another link at work, which is about to listen.
        if child.poll() is not None:
            ended = ended or time.monotonic() + 1
            if time.monotonic() > ended:
                break
        time.sleep(0.004)
    return None


def _dialled_or_none(spot: place.Place) -> socket.socket | None:
    try:
        return place.dial(spot)
    except (FileNotFoundError, ConnectionRefusedError):
        raise
    except OSError:
        return None


def _spawned(spot: place.Place, alias: str) -> "subprocess.Popen[bytes]":
    """Start a link that has nothing to do with our terminal, our descriptors or our end."""
    import subprocess  # for the first command of many

    root = str(Path(__file__).parents[3])
    code = (
        "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
        "from colabdev.remote.link.server import main; main(sys.argv[1])"
    )
    log = os.open(spot.folder / f"{spot.name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        apart: dict[str, Any] = (
            {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, a group of its own
            if os.name == "nt"
            else {"start_new_session": True}
        )
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", code, root, alias],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=spot.folder,
            **apart,
        )
    finally:
        os.close(log)
    STARTED.append(child)
    return child


# The links that this process started; kept, so that no warning tells of a child left running.
STARTED: "list[subprocess.Popen[bytes]]" = []


def _evict(spot: place.Place) -> None:
    """Take a hanging link's name away; should it wake up, it sees that and leaves."""
    for file in (spot.socket, spot.lock):
        with contextlib.suppress(OSError):
            file.unlink()


def _lost(alias: str) -> ConnectionLost:
    return ConnectionLost(
        tr("The link to {alias} ended.", alias=alias),
        tr("Try again; 'colabdev --help' of each command shows --no-link, which does without."),
    )


class LinkProcess:
    """A command on the far side, on a borrowed channel, behind the `Process` seam."""

    def __init__(self, line: Line, alias: str) -> None:
        self._line = line
        self._alias = alias
        self._stdout: collections.deque[bytes] = collections.deque()
        self._held = 0
        self._errors = bytearray()
        self._code: int | None = None
        self._ended = False  # stdout
        self._unread = False  # stdin is read no more
        self._failure: ColabdevError | None = None
        self._closed = False
        self._busy = False  # a thread waits for frames
        self._turn = threading.Condition()
        self._writing = threading.Lock()

    def write(self, data: bytes) -> None:
        for at in range(0, len(data), _PACKET):
            self._send(wire.pack(b"i", data[at : at + _PACKET]))

    def close_stdin(self) -> None:
        with contextlib.suppress(ColabdevError):
            self._send(wire.pack(b"z", b""))

    def read(self, size: int = 65536) -> bytes:
        self._until(lambda: bool(self._stdout) or self._ended)
        with self._turn:
            if not self._stdout:
                if not (self._ended or self._closed):
                    raise self._failure or _lost(self._alias)
                return b""
            chunk = self._stdout.popleft()
            if len(chunk) > size:
                self._stdout.appendleft(chunk[size:])
                chunk = chunk[:size]
            self._held -= len(chunk)
            return chunk

    def errors(self) -> bytes:
        with self._turn:
            if not self._busy and not self._closed:
                self._absorb()
            return bytes(self._errors)

    def wait(self) -> int:
        self._until(lambda: self._code is not None)
        if self._code is None:
            raise self._failure or _lost(self._alias)
        return self._code

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._line.link.shutdown(socket.SHUT_RDWR)
        with self._turn:
            self._turn.wait_for(lambda: not self._busy, timeout=2)
        self._line.close()

    def _until(self, holds: Callable[[], bool]) -> None:
        """Take frames until *holds* does, or there will be no more; one thread at a time waits."""
        with self._turn:
            while not (holds() or self._failure or self._closed):
                if self._busy:
                    self._turn.wait(_TICK)
                    continue
                self._busy = True
                self._turn.release()
                try:
                    frame = self._line.receive(_SILENCE)
                except (OSError, ValueError):
                    frame = None
                finally:
                    self._turn.acquire()
                    self._busy = False
                    self._turn.notify_all()
                self._note(frame)

    def _note(self, frame: tuple[bytes, bytes] | None) -> None:
        if frame is None:
            self._failure = self._failure or _lost(self._alias)
            return
        kind, body = frame
        if kind == b"o":
            self._stdout.append(body)
            self._held += len(body)
        elif kind == b"e":
            self._errors += body
            del self._errors[:-_ERRORS_KEPT]
        elif kind == b"z":
            self._ended = True
        elif kind == b"n":
            self._unread = True
        elif kind == b"x":
            self._code = int(body)
        elif kind == b"E":
            self._failure = wire.unpack_error(body)

    def _absorb(self) -> None:
        """Note what is there already, without waiting; the caller has the turn."""
        with contextlib.suppress(OSError, ValueError):
            while self._failure is None:
                while frame := wire.take(self._line.buffer):
                    self._note(frame)
                if self._held > _HELD or not select.select([self._line.link], [], [], 0)[0]:
                    return
                chunk = self._line.link.recv(256 * 1024)
                if not chunk:
                    self._note(None)
                self._line.buffer += chunk

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        with self._writing:
            while view:
                self._check_read()
                hears = not self._busy and self._held <= _HELD
                try:
                    ready = select.select(
                        [self._line.link] if hears else [], [self._line.link], [], _TICK
                    )
                    if ready[0]:
                        with self._turn:
                            if not self._busy:
                                self._absorb()
                    if ready[1]:
                        view = view[self._line.link.send(view) :]
                except (OSError, ValueError) as error:
                    with self._turn:
                        if not self._busy and not self._closed:
                            self._absorb()
                    self._check_read()
                    raise self._failure or _lost(self._alias) from error

    def _check_read(self) -> None:
        if self._unread or self._code is not None:
            raise RemoteFailure("stdin", tr("The command ended before it read its input."))
        if self._failure or self._closed:
            raise self._failure or _lost(self._alias)
