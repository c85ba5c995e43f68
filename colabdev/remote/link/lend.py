"""A channel lent to one command: its bytes carried between the SSH connection and a socket."""

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any  # channels are paramiko's, which comes without types

from colabdev.remote.link import wire

if TYPE_CHECKING:
    from colabdev.remote.link.trunk import Trunk

_CHUNK = 64 * 1024
_PACKET = 32 * 1024  # what sshd takes in one message


class LentProcess:
    """The *channel* of a process; what comes is sent on as frames, each source in its order."""

    def __init__(self, channel: Any, trunk: "Trunk") -> None:
        self._channel = channel
        self._trunk = trunk
        # One bell for all there is to hear. paramiko stops it when a buffer has been emptied,
        # and after that we look at everything once more before we wait.
        self._bell = threading.Event()
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
            with contextlib.suppress(Exception):
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
                    with contextlib.suppress(Exception):
                        self._channel.shutdown_write()
                elif reads and not self._write(body):
                    reads = False  # from now on what comes is dropped
                    visitor.sendall(wire.pack(b"n", b""))
            chunk = visitor.recv(_CHUNK)
            if not chunk:
                return
            came += chunk

    def _write(self, data: bytes) -> bool:
        at = 0
        while at < len(data):
            try:
                sent = self._channel.send(data[at : at + _PACKET])
            except TimeoutError:
                continue
            except Exception:  # whatever paramiko raises, the channel is closed
                return False
            if not sent:
                return False
            at += sent
        return True

    def _tell(self, visitor: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._pass_on(visitor)
            visitor.shutdown(socket.SHUT_WR)

    def _pass_on(self, visitor: socket.socket) -> None:
        channel = self._channel
        ended = coded = False
        told = time.monotonic()
        while True:
            said = b""
            closed = channel.closed  # asked first: what came before it is in the buffers
            over = channel.eof_received
            if channel.recv_stderr_ready():
                said += wire.pack(b"e", channel.recv_stderr(_CHUNK))
            if channel.recv_ready():
                said += wire.pack(b"o", channel.recv(_CHUNK))
            elif over and not ended:
                ended = True
                said += wire.pack(b"z", b"")
            if channel.exit_status >= 0 and not coded:
                coded = True
                said += wire.pack(b"x", str(channel.exit_status).encode())
            if said:
                visitor.sendall(said)
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
