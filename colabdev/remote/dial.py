"""From a destination to a socket: TCP, or a program of the road at its other end."""

import contextlib
import math
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from colabdev.errors import HostKeyMismatch, LoginRefused, TransportError
from colabdev.remote import colab, tunnels
from colabdev.remote.complaints import complaint
from colabdev.remote.destination import Destination

TIMEOUT = 20.0  # seconds for each step
# Seconds; ngrok cuts a TCP connection after five idle minutes, and after three unanswered words a
# connection counts as lost, within a minute in all.
KEEPALIVE = 14.0
KEEPALIVES_UNANSWERED = 3

_SAID = 4096  # bytes kept of what a road's program complains
_END = 2.0  # seconds that it gets to end
_TAKEN = 10.0  # seconds that Colab may take to see that a connection has ended
_AGAIN = 1.0


class Dialling:
    """`dial` in a thread of its own, while something else is done; called, it waits for it."""

    def __init__(self, destination: Destination) -> None:
        self._link: socket.socket | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._dial, args=(destination,), daemon=True)
        self._thread.start()

    def __call__(self) -> socket.socket:
        while self._thread.is_alive():  # a wait without end would not hear of Ctrl-C on Windows
            self._thread.join(0.5)
        if self._error:
            raise self._error
        assert self._link, "it stands when there was no error"
        return self._link

    def _dial(self, destination: Destination) -> None:
        try:
            self._link = dial(destination)
        except BaseException as error:  # raised where it is waited for
            self._error = error


def dial(
    destination: Destination,
    timeout: float = TIMEOUT,
    patience: float = KEEPALIVE * KEEPALIVES_UNANSWERED,
) -> socket.socket:
    """Return a socket that leads to the SSH server of *destination*.

    What was sent and not acknowledged for *patience* seconds breaks it, where the system can.

    Raises:
        OSError: nothing answers.
        ConfigError: the program that the road takes is not on this computer.
        RuntimeGone: there is no such runtime; nothing is made by dialling it.
    """
    if destination.via == "colab":
        return _the_only_one(destination, timeout)
    if destination.via in ("cloudflared", "relay"):
        return _through_command(destination)
    link = socket.create_connection((destination.hostname, destination.port), timeout)
    # Nagle's algorithm would hold back each small message behind an unacknowledged one.
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if option := patience_option(patience):
        with contextlib.suppress(OSError):  # an old system does not know it
            link.setsockopt(socket.IPPROTO_TCP, *option)
    return link


def patience_option(seconds: float, platform: str = sys.platform) -> tuple[int, int] | None:
    """Return the option, and its value, by which TCP gives up what nobody acknowledges for so long.

    Without it a send into a dead network goes on for as many minutes as the system tries again,
    and no keep-alive gets in between.
    """
    options = {
        "linux": (18, math.ceil(1000 * seconds)),  # TCP_USER_TIMEOUT, linux/tcp.h
        "darwin": (0x80, math.ceil(seconds)),  # TCP_RXT_CONNDROPTIME, netinet/tcp.h
        "win32": (5, math.ceil(seconds)),  # TCP_MAXRT, ws2ipdef.h
    }
    return options.get(platform)


@contextlib.contextmanager
def explained(link: socket.socket, destination: Destination) -> Iterator[None]:
    """Let the road's program say why, when a connection inside the block comes to nothing."""
    try:
        yield
    except (HostKeyMismatch, LoginRefused) as error:
        # A runtime that ended between the question and the dial: Google's CLI made another.
        if isinstance(link, CommandSocket) and "Creating runtime" in link.heard():
            raise complaint(destination, link.heard()) from error
        raise
    except TransportError as error:
        said = link.said() if isinstance(link, CommandSocket) else ""
        if not said.strip():
            raise
        raise complaint(destination, said) from error


class CommandSocket(socket.socket):
    """A socket whose other end is stdin and stdout of a program; closing it ends the program."""

    def __init__(self, argv: Sequence[str], folder: tempfile.TemporaryDirectory[str]) -> None:
        near, far = socket.socketpair()
        super().__init__(near.family, near.type, near.proto, fileno=near.detach())
        self._folder = folder
        self._errors = bytearray()
        self._pumps: list[threading.Thread] = []
        try:
            self._child = self._start(argv, far)
        except BaseException:
            super().close()
            far.close()
            folder.cleanup()
            raise
        assert self._child.stderr is not None
        self._pump(self._listen, self._child.stderr)

    def said(self) -> str:
        """Return the end of what the program wrote to stderr, waiting for it if it ends now."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_END)
            self._pumps[-1].join(_END)
        return self.heard()

    def heard(self) -> str:
        """Return what the program has written to stderr so far, the end of it."""
        return self._errors.decode(errors="replace")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        super().close()
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(_END)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for pump in self._pumps:
            if pump is not threading.current_thread():
                pump.join(_END)
        self._folder.cleanup()

    def _start(self, argv: Sequence[str], far: socket.socket) -> subprocess.Popen[bytes]:
        if os.name == "posix":
            with far:
                return subprocess.Popen(
                    argv,
                    stdin=far.fileno(),
                    stdout=far.fileno(),
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C is for us
                )
        child = subprocess.Popen(  # a program on Windows takes no socket for its stdin
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert child.stdin is not None
        assert child.stdout is not None
        self._pump(_send, far, child.stdin)
        self._pump(_receive, child.stdout, far)
        return child

    def _pump(self, *target: object) -> None:
        function, *arguments = target
        assert callable(function)
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._pumps.append(thread)
        thread.start()

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            while chunk := os.read(stream.fileno(), 4096):
                self._errors += chunk
                del self._errors[:-_SAID]


def _send(source: socket.socket, stream: IO[bytes]) -> None:
    with contextlib.suppress(OSError), stream:
        while chunk := source.recv(65536):
            stream.write(chunk)


def _receive(stream: IO[bytes], sink: socket.socket) -> None:
    with contextlib.suppress(OSError), sink, stream:
        while chunk := os.read(stream.fileno(), 65536):
            sink.sendall(chunk)


def _the_only_one(destination: Destination, timeout: float) -> socket.socket:
    """Dial a runtime that takes one connection at a time: one that just ended may still hold it."""
    deadline = time.monotonic() + _TAKEN
    while True:
        colab.check(destination)
        link = _through_command(destination)
        try:
            greeted = not select.select([link], [], [], timeout)[0] or link.recv(1, socket.MSG_PEEK)
            if greeted or "HTTP 429" not in link.said() or time.monotonic() > deadline:
                return link  # whoever speaks SSH on it finds out what it is
        except BaseException:
            link.close()
            raise
        link.close()
        time.sleep(_AGAIN)


def _through_command(destination: Destination) -> "CommandSocket":
    folder = tempfile.TemporaryDirectory(prefix="colabdev-", ignore_cleanup_errors=True)
    try:
        known_hosts = Path(folder.name) / "known_hosts"
        if destination.relay is not None:
            known_hosts.write_text(tunnels.known_relay(destination.relay))
        argv = tunnels.command(destination, known_hosts)
    except BaseException:
        folder.cleanup()
        raise
    assert argv is not None, "the caller looked"
    return CommandSocket(argv, folder)
