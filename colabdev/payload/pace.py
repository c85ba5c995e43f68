"""Telling a lone line, which goes on at once, from a burst, which is gathered."""

import time
from collections.abc import Callable

QUIET = 0.02  # seconds within which more than a FEW pieces are a burst, and which end one
FEW = 4
GATHER = 0.005  # seconds in which a burst of small pieces becomes one
FLOOD = 0.1  # seconds after which a burst is a flood, of which nobody reads the single lines,
FAST = 4000  # if it brings that many bytes a second; else lines that come steadily would wait
GATHER_FLOOD = 0.05


class Pace:
    """How long to wait after each piece for the ones that follow it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = self._due = self._last = self._slow = float("-inf")
        self._count = 0

    def pause(self, size: int) -> float:
        """Return the seconds to wait after a piece of *size* bytes that came just now."""
        now = self._clock()
        if now > self._due or (self._count <= FEW and now - self._since > QUIET):
            self._since, self._count = now, 0
        if not self._count or size < FAST * (now - self._last):
            self._slow = now
        self._last = now
        self._count += 1
        pause = 0.0
        if self._count > FEW:
            pause = GATHER_FLOOD if now - self._slow > FLOOD else GATHER
        self._due = now + pause + QUIET
        return pause
