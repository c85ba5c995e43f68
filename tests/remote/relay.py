"""A TCP relay on loopback that can cut and stall what passes through it, as a tunnel may."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Relays every connection made to *port* to *upstream*, another port on loopback."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._spawn(self._accept)

    def stall(self) -> None:
        """Pass nothing on any more, with every connection left open."""
        self._flowing.clear()

    def cut(self) -> None:
        """Break every connection that is open."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening, break what is open, and wait for the threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._flowing.set()
        self.cut()
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()
        for end in self._ends:
            end.close()

    def _spawn(self, *target: object) -> None:
        function, *arguments = target
        assert callable(function)
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._upstream))
                self._ends += [near, far]
                self._spawn(self._pump, near, far)
                self._spawn(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
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
