"""Interpreters that wait on the machine for the next program: it costs one round trip then."""

import collections
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any  # channels are paramiko's, which comes without types

from colabdev.errors import ColabdevError
from colabdev.remote.program import READY, Program, waiting

if TYPE_CHECKING:
    from colabdev.remote.ssh import SSHTransport

_COUNT = 3  # as many as `colabdev run` needs
_OPEN = 2  # channels that are only opened ahead, for when all of those are in use
_QUIET = 0.3  # seconds without a command before any is started: they have the line first
_PAUSE = 60.0  # seconds for which a machine without room is left alone
_DEAD = 3  # so many that ended by themselves, and no more are started


class Spares:
    """The waiting interpreters of *transport*, started in the background and replaced after use.

    Beside them channels are opened ahead, at once, for whatever is no program of ours. It begins
    with the first `touch`: until then nobody may be logged in.
    """

    def __init__(self, transport: "SSHTransport") -> None:
        self._transport = transport
        self._waiting: collections.deque[_Spare] = collections.deque()
        self._kept: set[str] = set()  # the programs whose text is there by now
        self._dead = 0
        self._closed = False
        self._touched = False
        self._from = 0.0  # when any may be started
        self._turn = threading.Condition()
        self._filler = threading.Thread(target=self._fill, daemon=True)

    def touch(self) -> None:
        """Note that a command has just been started: spares are seen to when it is quiet."""
        with self._turn:
            self._from = max(self._from, time.monotonic() + _QUIET)
            self._touched = True
            if not self._closed and not self._filler.ident:
                self._filler.start()
            self._turn.notify_all()

    def handed(self, program: Program) -> Any:
        """Hand *program* to one that waits and return its channel; None when none does."""
        with self._turn:
            self._sweep()
            ready = next((one for one in self._waiting if one.is_ready()), None)
            if ready is None:
                return None
            self._waiting.remove(ready)
            self._dead = 0
            kept = program.digest in self._kept
            self._kept.add(program.digest)
        try:
            ready.channel.settimeout(10)
            ready.channel.sendall(program.handed(kept=kept))
        except Exception:  # whatever paramiko raises, half a program is none and runs not
            ready.close()
            return None
        return ready.channel

    def forget(self, program: Program) -> None:
        """Take it that the text of *program* is not kept there: one who was to run it ended."""
        with self._turn:
            self._kept.discard(program.digest)

    def give_up(self) -> None:
        """Make room: the machine opens no further channel."""
        with self._turn:
            self._from = time.monotonic() + _PAUSE
            given, self._waiting = self._waiting, collections.deque()
        for one in given:
            one.close()

    def close(self) -> None:
        """Start none any more; those that wait end with the connection."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()

    def join(self) -> None:
        """Wait for the thread, after `close` and the connection's end."""
        if self._filler.ident:
            self._filler.join(timeout=2)

    def _sweep(self) -> None:
        gone = [one for one in self._waiting if one.channel.closed]
        for one in gone:
            self._waiting.remove(one)
        self._dead += len(gone)

    def _fill(self) -> None:
        while True:
            with self._turn:
                while not (self._closed or self._touched or self._is_wanting()):
                    pause = self._from - time.monotonic()
                    self._turn.wait(pause if pause > 0 else None)
                if self._closed:
                    return
                touched, self._touched = self._touched, False
            if touched:
                self._transport.stock(_OPEN)
                continue
            try:
                spare = _Spare(self._transport.channel(waiting()))
            except ColabdevError:
                with self._turn:
                    self._from = time.monotonic() + _PAUSE
                continue
            with self._turn:
                self._waiting.append(spare)
                self._touched = True  # it took a channel that was opened ahead

    def _is_wanting(self) -> bool:
        self._sweep()
        due = time.monotonic() >= self._from
        return due and len(self._waiting) < _COUNT and self._dead < _DEAD


class _Spare:
    """A session in which an interpreter waits, or is about to."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self._said = b""

    def is_ready(self) -> bool:
        """Tell whether it waits; what the login's own files may print before that is dropped."""
        while self.channel.recv_ready() and not self._said.endswith(READY):
            self._said = (self._said + self.channel.recv(4096))[-4096:]
        return self._said.endswith(READY)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.channel.close()
