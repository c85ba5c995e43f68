"""The link's own process: it listens, lends channels, and ends when nobody has needed it."""

import contextlib
import json
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any  # a request is JSON: a mapping of anything

import filelock

from colabdev.errors import ColabdevError
from colabdev.language import choose
from colabdev.remote.link import place, wire
from colabdev.remote.link.client import Line
from colabdev.remote.link.trunk import Forgotten, NoRoom, Trunk

IDLE = 600.0  # seconds without a command after which a link ends
_TICK = 1.0
_ACCOUNT = 60.0  # seconds between entries in the month's account
_REQUEST = 30.0  # seconds for a visitor to say what he wants
_LAST = 2.0  # seconds for the last words to visitors


class Link:
    """Serves the runtime *alias* at *spot* from *listener*; *now* and *idle* in seconds."""

    def __init__(
        self,
        alias: str,
        spot: place.Place,
        listener: socket.socket,
        *,
        idle: float = IDLE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spot = spot
        self._listener = listener
        self._idle = idle
        self._now = now
        self._trunk = Trunk(alias)
        self._visits = threading.Condition()
        self._visitors = 0
        self._last = now()
        self._leaving = threading.Event()  # no new visitors
        self._own = spot.socket.stat().st_ino

    def serve(self) -> None:
        """Serve until it has been idle for long, its place is another's, or it is told to leave."""
        accounted = self._now()
        self._listener.settimeout(_TICK)
        self._trunk.wake()
        while not self._leaving.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError):
                visitor, _ = self._listener.accept()
                self._count(1)
                threading.Thread(target=self._serve, args=(visitor,), daemon=True).start()
            try:
                self._trunk.look()
            except Forgotten:
                break
            if self._now() - accounted > _ACCOUNT:
                accounted = self._now()
                self._trunk.account()
            if self._is_idle() or not self._is_in_place():
                break
        self._give_up_place()
        self._listener.close()
        with self._visits:  # those who are here stay to their end, unless it is told to leave
            while self._visitors and not (self._leaving.is_set() or self._trunk.forgotten):
                self._visits.wait(_TICK)
                with contextlib.suppress(Forgotten):
                    self._trunk.look()
        self._trunk.close()
        with self._visits:
            self._visits.wait_for(lambda: not self._visitors, timeout=_LAST)

    def leave(self) -> None:
        """End now; those who hold a channel hear that their connection is lost."""
        self._give_up_place()  # at once: a command that comes next must not be let in, and cut
        self._leaving.set()
        with self._visits:
            self._visits.notify_all()

    def _is_idle(self) -> bool:
        with self._visits:
            return not self._visitors and self._now() - self._last > self._idle

    def _is_in_place(self) -> bool:
        try:
            return self._spot.socket.stat().st_ino == self._own
        except OSError:
            return False

    def _give_up_place(self) -> None:
        """Let nobody else in; any thread may, so the listener stays open for the one that waits."""
        if self._is_in_place():
            with contextlib.suppress(OSError):
                self._spot.socket.unlink()

    def _count(self, step: int) -> None:
        with self._visits:
            self._visitors += step
            self._last = self._now()
            self._visits.notify_all()

    def _serve(self, visitor: socket.socket) -> None:
        try:
            with visitor, contextlib.suppress(OSError, ValueError):
                place.admit(visitor, self._spot)
                self._heed(visitor)
        finally:
            self._count(-1)

    def _heed(self, visitor: socket.socket) -> None:
        visitor.sendall(wire.pack(b"H", wire.VERSION))
        line = Line(visitor)
        version, request = _request(line)
        if version != wire.VERSION:
            self._give_up_place()  # another colabdev than ours is used now: room for its own
            return
        if request["do"] == "leave":
            self.leave()
            return
        if request["do"] == "look":
            with contextlib.suppress(Forgotten):
                self._trunk.look(anew=True)
            return
        choose(str(request.get("lang", "")))  # of what goes wrong it is told in its own language
        visitor.setblocking(True)
        try:
            lent = self._trunk.lend(request)
        except (Forgotten, NoRoom):
            visitor.sendall(wire.pack(b"G", b""))
            return
        except ColabdevError as error:
            visitor.sendall(wire.pack(b"E", wire.pack_error(error)))
            return
        visitor.sendall(wire.pack(b"A", b""))
        lent.carry(visitor, line.buffer)


def _request(line: Line) -> tuple[bytes, dict[str, Any]]:
    deadline = time.monotonic() + _REQUEST
    while b"\n" not in line.buffer:
        if len(line.buffer) > 100 or time.monotonic() > deadline:
            raise ValueError("this is no command of ours")
        if select.select([line.link], [], [], _TICK)[0]:
            chunk = line.link.recv(1 << 16)
            if not chunk:
                raise ValueError("the visitor left")
            line.buffer += chunk
    version, _, rest = bytes(line.buffer).partition(b"\n")
    line.buffer[:] = rest
    if version != wire.VERSION:
        return version, {}
    frame = line.receive(_REQUEST)
    if frame is None or frame[0] != b"R":
        raise ValueError("this is no request")
    return version, dict(json.loads(frame[1]))


def main(alias: str) -> None:
    """Serve *alias*, unless a link does already."""
    spot = place.place(alias)
    place.prepare(spot)
    lock = filelock.FileLock(spot.lock, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout:
        sys.exit(0)  # the other one wins
    link = Link(alias, spot, place.listen(spot))
    signal.signal(signal.SIGTERM, lambda *_: link.leave())
    try:
        link.serve()
    finally:
        lock.release()
