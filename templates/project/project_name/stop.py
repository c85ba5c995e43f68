"""Reasons to end early: a signal, or the time that was given is over."""

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self


class Stop:
    """While open, SIGTERM and SIGINT only leave a note, so that a step is never cut in two.

    A second SIGINT interrupts at once, for whoever does not want to wait.
    """

    def __init__(
        self, max_minutes: float = 0.0, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._deadline = now() + 60 * max_minutes if max_minutes else None
        self._signal = ""
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() gave us

    @property
    def reason(self) -> str:
        """Why to stop, or nothing."""
        if self._signal:
            return self._signal
        late = self._deadline is not None and self._now() >= self._deadline
        return "the time is over" if late else ""

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = f"it got {signal.Signals(number).name}"
