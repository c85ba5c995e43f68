"""A step that takes long, told to programs now and then."""

import time
from collections.abc import Callable

_EVERY = 1.0  # seconds, before the first time too


class ToldStep:
    """The step *text* under way; *tell* takes the fields of a line, at most one a second.

    What takes less than a second is not told of at all. *rate* is in bytes a second since the
    first of them, *left* in seconds, and null as long as nobody can know.
    """

    def __init__(
        self,
        text: str,
        tell: Callable[..., None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._text = text
        self._tell = tell
        self._clock = clock
        self._told = self._began = clock()
        self._first: int | None = None

    def advance(self, done: int, total: int | None = None) -> None:
        """Say that *done* of *total* bytes are behind us."""
        now = self._clock()
        if self._first is None:
            self._first, self._began = done, now
        if total is None or now - self._told < _EVERY:
            return
        self._told = now
        seconds = now - self._began
        rate = (done - self._first) / seconds if seconds else 0.0
        left = round((total - done) / rate, 1) if rate else None
        self._tell(step=self._text, done=done, total=total, rate=round(rate), left=left)

    def say(self, text: str) -> None:
        """Change the step's text."""
        self._text = text
