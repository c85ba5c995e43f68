"""``colabdev forward``: ports of this computer that lead to a runtime's own loopback."""

import contextlib
import errno
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from colabdev.commands.reporter import Reporter
from colabdev.errors import ColabdevError, InputError
from colabdev.language import tr
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.tunnel import Tunnel, beside, carry, open_tunnel

_TICK = 0.5  # on Windows Ctrl-C does not end a wait
_TRIES = 3  # to reach the machine for one visitor: what broke is dialled anew
_PAUSE = 1.0  # seconds between them


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The port *local* of this computer, which leads to *remote* over there."""

    local: int
    remote: int
    url: str


def parse_port(word: str) -> tuple[int, int]:
    """Return the ports that ``[LOCAL:]PORT`` names, here and there.

    Raises:
        InputError: it names none.
    """
    local, _, remote = word.rpartition(":")
    numbers = [int(part) if part.isascii() and part.isdigit() else 0 for part in (local, remote)]
    here, there = (numbers[0] if local else numbers[1]), numbers[1]
    if not (0 < here < 65536 and 0 < there < 65536) or (":" in word and not local):
        raise InputError(
            tr("{word} is no port, and no LOCAL:PORT.", word=ascii(word)),
            tr("For TensorBoard, as an example: colabdev forward 6006"),
        )
    return here, there


class Forwarding:
    """Ports that are open here until the block ends; every visitor has a channel of his own."""

    def __init__(self, alias: str | None, words: Sequence[str], reporter: Reporter) -> None:
        """Open the ports.

        Raises:
            InputError: a port is taken here, or is none, or there is no such runtime.
        """
        self._runtime = Registry().get(alias)
        if self._runtime.destination is None:
            raise InputError(
                tr("The ports of this very machine are here already."),
                tr("Name another runtime with --on."),
            )
        self._reporter = reporter
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._counting = threading.Lock()
        self._open: list[socket.socket | Tunnel] = []
        self._listeners: list[socket.socket] = []
        self.ports: list[Forwarded] = []
        try:
            for local, remote in [parse_port(word) for word in words]:
                self._listeners.append(_listener(local))
                self.ports.append(Forwarded(local, remote, f"http://localhost:{local}/"))
        except BaseException:
            self._end_listening()
            raise
        for listener, port in zip(self._listeners, self.ports, strict=True):
            self._threads.append(beside(self._welcome, listener, port))

    def wait(self) -> None:
        """Wait until it is ended (by Ctrl-C)."""
        while not self._over.wait(_TICK):
            pass

    def close(self) -> None:
        """Close the ports and what goes through them."""
        self._over.set()
        self._end_listening()
        for one in list(self._open):
            if isinstance(one, socket.socket):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            else:
                one.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def __enter__(self) -> "Forwarding":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _end_listening(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _welcome(self, listener: socket.socket, port: Forwarded) -> None:
        while not self._over.is_set():
            try:
                visitor, _ = listener.accept()
            except OSError:  # it was closed; or more is open than this computer allows: for now
                self._over.wait(_PAUSE)
                continue
            with self._counting:
                self._threads = [thread for thread in self._threads if thread.is_alive()]
                self._threads.append(beside(self._serve, visitor, port))

    def _serve(self, visitor: socket.socket, port: Forwarded) -> None:
        with visitor:
            self._open.append(visitor)
            tunnel = self._reached(port)
            if tunnel is not None:
                self._open.append(tunnel)
                back = beside(_back, tunnel, visitor)
                carry(visitor.recv, tunnel.pipe.sendall)
                with contextlib.suppress(Exception):
                    tunnel.pipe.shutdown(1)
                back.join()
                tunnel.close()
                self._open.remove(tunnel)
            self._open.remove(visitor)

    def _reached(self, port: Forwarded) -> Tunnel | None:
        error: ColabdevError | OSError | None = None
        for _ in range(_TRIES):
            try:
                return open_tunnel(self._looked_up(), port.remote)
            except (ColabdevError, OSError) as failed:
                error = failed
            if self._over.wait(_PAUSE):
                return None
        if isinstance(error, ColabdevError):
            self._reporter.warn(error.message, error.hint)
        else:
            self._reporter.warn(
                tr(
                    "Port {port} over there does not answer: {reason}",
                    port=port.remote,
                    reason=error,
                ),
                tr("Start what shall listen there, on 127.0.0.1, and load the page again."),
            )
        return None

    def _looked_up(self) -> Runtime:
        return Registry().get(self._runtime.alias)


def _back(tunnel: Tunnel, visitor: socket.socket) -> None:
    carry(tunnel.pipe.recv, visitor.sendall, tunnel.first)
    with contextlib.suppress(OSError):
        visitor.shutdown(socket.SHUT_RDWR)


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if error.errno == errno.EACCES:
            hint = tr("Choose one above 1023: colabdev forward 8080:{port}", port=port)
        else:
            hint = tr("Choose another: colabdev forward {other}:{port}", other=port + 1, port=port)
        raise InputError(
            tr("Port {port} of this computer cannot be used: it is taken.", port=port)
            if error.errno == errno.EADDRINUSE
            else tr("Port {port} of this computer cannot be used.", port=port),
            hint,
        ) from error
