"""Telling a lone line, which goes on at once, from a burst, which is gathered."""

import time

QUIET = 0.02  # seconds within which more than a FEW pieces are a burst
FEW = 4
GATHER = 0.005  # seconds in which a burst of small pieces becomes one


class Pace:
    """How long to wait after each piece for the ones that follow it."""

    def __init__(self) -> None:
        self._since = 0.0
        self._count = 0

    def pause(self) -> float:
        """Return the seconds to wait after a piece that came just now."""
        now = time.monotonic()
        if now - self._since > QUIET:
            self._since, self._count = now, 0
        self._count += 1
        return GATHER if self._count > FEW else 0.0
