"""A channel lent to one command: its bytes carried between the SSH connection and a socket."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any  # channels are paramiko's, which comes without types

from colabdev.errors import ColabdevError
from colabdev.remote.link import wire
from colabdev.remote.program import BEGUN

if TYPE_CHECKING:
    from colabdev.remote.link.trunk import Trunk

_CHUNK = 64 * 1024
_MOST = 4 * 1024 * 1024  # bytes: all that has come, for what is left would be moved each time
_PACKET = 32 * 1024  # what sshd takes in one message


class LentProcess:
    """The *channel* of a process; what comes is sent on as frames, each source in its order.

    With *again* the process is a waiting interpreter that was just handed a program. Ends it
    before it has begun with that, *again* starts the program on a channel of its own: nothing
    has run then, and what was written meanwhile is written once more.
    """

    def __init__(
        self, channel: Any, trunk: "Trunk", again: Callable[[], Any] | None = None
    ) -> None:
        self._trunk = trunk
        self._again = again
        self._unheard: list[bytes] = []  # what was written and may have to be again; b"" ends it
        self._turning = threading.RLock()  # held to look at or change the channel
        # One bell for all there is to hear. paramiko stops it when a buffer has been emptied,
        # and after that we look at everything once more before we wait.
        self._bell = threading.Event()
        self._adopt(channel)

    def _adopt(self, channel: Any) -> None:
        self._channel = channel
        channel.status_event = self._bell
        channel.in_buffer.set_event(self._bell)
        channel.in_stderr_buffer.set_event(self._bell)
        channel.settimeout(0.5)
        self._bell.set()

    def carry(self, visitor: socket.socket, came: bytearray) -> None:
        """Carry bytes both ways until *visitor* hangs up; *came* is what it has sent already."""
        back = threading.Thread(target=self._tell, args=(visitor,), daemon=True)
        back.start()
        try:
            self._listen(visitor, came)
        finally:
            with self._turning, contextlib.suppress(Exception):
                self._again = None
                self._channel.close()
            self._bell.set()
            with contextlib.suppress(OSError):
                visitor.shutdown(socket.SHUT_RDWR)
            back.join(timeout=5)

    def _listen(self, visitor: socket.socket, came: bytearray) -> None:
        reads = True
        while True:
            while frame := wire.take(came):
                kind, body = frame
                if kind == b"z":
                    body = b""
                if (kind == b"z" or (reads and body)) and not self._write(body):
                    reads = False  # from now on what comes is dropped
                    visitor.sendall(wire.pack(b"n", b""))
            chunk = visitor.recv(_CHUNK)
            if not chunk:
                return
            came += chunk

    def _write(self, data: bytes) -> bool:
        """Write *data*, or with ``b""`` the end; False when it is read no more."""
        with self._turning:
            channel = self._channel
            if self._again:
                self._unheard.append(data)
        if _sent(channel, data):
            return True
        with self._turning:  # a channel that never began: it is, or has been, written once more
            return self._again is not None or channel is not self._channel

    def _begin_again(self) -> None:
        """Start the program anew, as the interpreter that was to run it is gone."""
        with self._turning:
            if self._again is None:
                return
            again, self._again = self._again, None
            self._adopt(again())
            for data in self._unheard:
                _sent(self._channel, data)
            self._unheard.clear()

    def _has_begun(self) -> bool:
        """Tell whether the program runs, taking in the waiting interpreter's word that it does."""
        if self._again is None:
            return True
        if not self._channel.recv_ready():
            return False
        self._channel.recv(len(BEGUN))
        with self._turning:
            self._again = None
            self._unheard.clear()
        return True

    def _tell(self, visitor: socket.socket) -> None:
        with contextlib.suppress(OSError):
            try:
                self._pass_on(visitor)
            except ColabdevError as error:
                visitor.sendall(wire.pack(b"E", wire.pack_error(error)))
            visitor.shutdown(socket.SHUT_WR)

    def _pass_on(self, visitor: socket.socket) -> None:
        ended = coded = False
        told = time.monotonic()
        while True:
            channel = self._channel
            said: list[bytes] = []
            closed = channel.closed  # asked first: what came before it is in the buffers
            over = channel.eof_received
            if not self._has_begun():
                if closed:
                    self._begin_again()
                    continue
            else:
                if channel.recv_stderr_ready():
                    said.append(wire.pack(b"e", channel.recv_stderr(_MOST)))
                if channel.recv_ready():
                    data = channel.recv(_MOST)
                    said += (wire.HEADER.pack(b"o", len(data)), data)
                elif over and not ended and not channel.recv_stderr_ready():
                    ended = True  # of stderr as well: who has read to the end has all of it
                    said.append(wire.pack(b"z", b""))
                if channel.exit_status >= 0 and not coded and (ended or not over):
                    coded = True
                    said.append(wire.pack(b"x", str(channel.exit_status).encode()))
            if said:
                _tell_all(visitor, said)
                told = time.monotonic()
            elif closed:
                if not (ended and coded):
                    visitor.sendall(wire.pack(b"E", wire.pack_error(self._trunk.lost())))
                return
            elif not self._bell.wait(wire.BEAT) and time.monotonic() - told >= wire.BEAT - 1:
                visitor.sendall(wire.pack(b"b", b""))
                told = time.monotonic()
            if not said:
                self._bell.clear()


def _tell_all(visitor: socket.socket, said: list[bytes]) -> None:
    """Send all that was *said*, at once where it is little, and without a copy where it is much."""
    if sum(map(len, said)) < _CHUNK:
        said = [b"".join(said)]
    for part in said:
        visitor.sendall(part)


def _sent(channel: Any, data: bytes) -> bool:
    """Send *data* over *channel*, or with ``b""`` its end; False when that is closed."""
    if not data:
        with contextlib.suppress(Exception):
            channel.shutdown_write()
        return True
    at = 0
    while at < len(data):
        try:
            sent = channel.send(data[at : at + _PACKET])
        except TimeoutError:
            continue
        except Exception:  # whatever paramiko raises, the channel is closed
            return False
        if not sent:
            return False
        at += sent
    return True


class LentTunnel:
    """The *channel* to a port over there; bytes pass as they are."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def carry(self, visitor: socket.socket, came: bytearray) -> None:
        """Carry bytes both ways until both ends have been said; *came* goes first."""
        back = threading.Thread(target=self._tell, args=(visitor,), daemon=True)
        back.start()
        with contextlib.suppress(Exception):
            if came:
                self._channel.sendall(bytes(came))
            while chunk := visitor.recv(4 * _CHUNK):
                self._channel.sendall(chunk)
            self._channel.shutdown_write()
        back.join()
        self._channel.close()

    def _tell(self, visitor: socket.socket) -> None:
        with contextlib.suppress(Exception):
            while chunk := self._channel.recv(4 * _CHUNK):
                visitor.sendall(chunk)
        with contextlib.suppress(OSError):
            visitor.shutdown(socket.SHUT_RDWR if self._channel.closed else socket.SHUT_WR)
