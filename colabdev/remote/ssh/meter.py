"""A socket that counts what goes through it, for the month's account of its road."""

import threading
from typing import Any  # what the wrapped socket has besides

from colabdev.remote import usage
from colabdev.remote.usage import Usage


class Meter:
    """The connected socket *link* by the road *via*; it counts the bytes of both directions."""

    def __init__(self, link: Any, via: str) -> None:
        self._link = link
        self._via = via
        self._sent = 0
        self._received = 0
        self._noted = Usage()
        self._noting = threading.Lock()

    def send(self, data: bytes) -> int:
        size: int = self._link.send(data)
        self._sent += size
        return size

    def recv(self, size: int) -> bytes:
        data: bytes = self._link.recv(size)
        self._received += len(data)
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
