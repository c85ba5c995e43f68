"""A socket that counts what goes through it, for the month's account of its road."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any  # what the wrapped socket has besides

from colabdev.remote import usage
from colabdev.remote.usage import Usage

_AHEAD = 256 * 1024  # bytes that are taken from the system at once


class Meter:
    """The connected socket *link* by the road *via*; it counts the bytes of both directions."""

    def __init__(self, link: Any, via: str) -> None:
        self._link = link
        self._via = via
        self._sent = 0
        self._received = 0
        self.heard = time.time()  # seconds since 1970, which go on while a laptop sleeps
        self._noted = Usage()
        self._noting = threading.Lock()
        self._ahead = memoryview(b"")  # what was received and not asked for yet
        self._gathered: bytearray | None = None
        self._sending = threading.Lock()  # so that nothing overtakes what was gathered

    def send(self, data: bytes) -> int:
        with self._sending:
            if self._gathered is None:
                return self._send(data)
            self._gathered += data
            return len(data)

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Let all that is sent inside the block leave at its end, in as few packets as it takes."""
        self._gathered = bytearray()
        try:
            yield
        finally:
            with self._sending:
                data, self._gathered = bytes(self._gathered), None
                while data:
                    with contextlib.suppress(TimeoutError):  # paramiko looks up now and then
                        data = data[self._send(data) :]

    def _send(self, data: bytes) -> int:
        size: int = self._link.send(data)
        self._sent += size
        return size

    def recv(self, size: int) -> bytes:
        """Return what has come, at most *size* bytes; what has come besides is kept for later.

        paramiko asks for each message in two pieces, and each piece costs two system calls.
        """
        if not self._ahead:
            data: bytes = self._link.recv(max(size, _AHEAD))
            self._received += len(data)
            self.heard = time.time()
            if len(data) <= size:
                return data
            self._ahead = memoryview(data)
        data = bytes(self._ahead[:size])
        self._ahead = self._ahead[size:]
        return data

    @property
    def carried(self) -> Usage:
        """What went through so far: this one connection and its bytes."""
        return Usage(self._sent, self._received, 1)

    def note(self) -> None:
        """Write what was not yet written into the month's account."""
        with self._noting:
            carried = self.carried
            more, self._noted = carried - self._noted, carried
        usage.add(self._via, sent=more.sent, received=more.received, connections=more.connections)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)
