"""A TCP relay on loopback that can cut, stall, refuse and move, as a tunnel may."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Relays every connection made to *port* to *upstream*, another port on loopback."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._frozen: list[threading.Event] = []
        self._listen()

    def stall(self) -> None:
        """Pass nothing on any more, with every connection left open."""
        self._flowing.clear()

    def resume(self) -> None:
        """Pass on again, also what came meanwhile."""
        self._flowing.set()

    def freeze(self) -> None:
        """Pass nothing on over what is open, for good; a new connection knows nothing of it."""
        self._frozen.append(self._flowing)
        self._flowing.clear()
        self._flowing = threading.Event()
        self._flowing.set()

    def cut(self) -> None:
        """Break every connection that is open."""
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Answer no more at *port*; what is open stays open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def move(self) -> None:
        """Listen on another port; what is open breaks, and the old port answers no more."""
        self.refuse()
        self.cut()
        self._listen()

    def close(self) -> None:
        """Stop listening, break what is open, and wait for the threads."""
        self.refuse()
        for flowing in (self._flowing, *self._frozen):
            flowing.set()
        self.cut()
        for thread in self._threads:
            thread.join(timeout=5)
        for end in self._ends:
            end.close()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept, self._listener)

    def _spawn(self, *target: object) -> None:
        function, *arguments = target
        assert callable(function)
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._ends.append(near)
                far = socket.create_connection(("127.0.0.1", self.upstream))
                self._ends.append(far)
                self._spawn(self._pump, near, far)
                self._spawn(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        flowing = self._flowing
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                flowing.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relay_to(upstream: int) -> Iterator[Relay]:
    """Lend a relay to the loopback port *upstream*."""
    relay = Relay(upstream)
    try:
        yield relay
    finally:
        relay.close()
