"""A way to a port on the far side's own loopback, as a socket that bytes pass through."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol  # a paramiko channel comes without types

from colabdev import paths
from colabdev.errors import ConnectionLost, HostKeyMismatch, HostUnreachable
from colabdev.remote.link.client import ask
from colabdev.remote.runtime import Runtime
from colabdev.settings import setting

SSHD = 0  # the port of the server that we log in to ourselves
_CHUNK = 256 * 1024


class Pipe(Protocol):
    """What a socket and a paramiko channel have in common."""

    def recv(self, size: int, /) -> bytes: ...

    def sendall(self, data: bytes, /) -> Any: ...

    def shutdown(self, how: int, /) -> Any: ...

    def close(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The open way *pipe*; *first* has come already, *end* is called after it is closed."""

    pipe: Pipe
    first: bytes = b""
    end: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Close it; twice equals once."""
        with contextlib.suppress(Exception):
            self.pipe.shutdown(2)
        with contextlib.suppress(Exception):
            self.pipe.close()
        self.end()


def open_tunnel(runtime: Runtime, port: int) -> Tunnel:
    """Return a way to *port* of *runtime*'s loopback through its link, else one of our own.

    For `SSHD` without a link that is the road to the SSH server itself. A runtime that does not
    answer is looked for at the address that it has moved to.

    Raises:
        OSError: nothing answers at its address.
        TransportError: nothing listens there, or the machine cannot be reached.
    """
    for last in (False, False, True):
        try:
            return _opened(runtime, port)
        except ConnectionLost:  # in this very moment, and nothing was done there
            if last:
                raise
        except (HostUnreachable, HostKeyMismatch, OSError):
            from colabdev.remote.discovery import follow  # urllib: only where something has moved

            moved = None if last else follow(runtime)
            if moved is None:
                raise
            runtime = moved
    raise AssertionError("the last one returns or raises")


def _opened(runtime: Runtime, port: int) -> Tunnel:
    assert runtime.destination is not None, "this machine needs no tunnel"
    if setting("link").value:
        line = ask(runtime, {"do": "tcp", "port": port})
        if line is not None:
            line.link.setblocking(True)
            return Tunnel(line.link, bytes(line.buffer))
    if port == SSHD:
        from colabdev.remote.dial import dial

        road = dial(runtime.destination)
        road.settimeout(None)
        return Tunnel(road)
    from colabdev.remote.ssh import SSHTransport  # paramiko: only where there is no link

    transport = SSHTransport.connect(runtime.destination, paths.key_file())
    try:
        return Tunnel(transport.tunnel(port), end=transport.close)
    except BaseException:
        transport.close()
        raise


def carry(source: Callable[[int], bytes], sink: Callable[[bytes], Any], first: bytes = b"") -> None:
    """Pass *first* and then all that *source* gives to *sink*, until one of them ends."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        if first:
            sink(first)
        while chunk := source(_CHUNK):
            sink(chunk)


def beside(function: Callable[..., None], *arguments: Any) -> threading.Thread:
    """Run *function* in a thread of its own."""
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread
