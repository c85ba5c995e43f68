"""A job's events read ahead by a thread, so that who waits for them stays free in between."""

import contextlib
import queue
import threading
from typing import Self

from colabdev.errors import ProtocolError
from colabdev.jobs.client import Following
from colabdev.jobs.job import Event

_BACKLOG = 256  # events that wait for a slow taker; beyond it the far side waits


class Listener:
    """The events of *following*, which it closes at the end of the block."""

    def __init__(self, following: Following) -> None:
        self._following = following
        self._inbox: queue.Queue[tuple[int, Event]] = queue.Queue(_BACKLOG)
        self._trouble: BaseException | None = None
        self._over = threading.Event()
        self._left = False
        self._thread = threading.Thread(target=self._read, name="job events", daemon=True)
        self._thread.start()

    def next(self, timeout: float) -> tuple[int, Event] | None:
        """Return the next event and the offset after it, or None after *timeout* seconds.

        Raises:
            ProtocolError: there will be no other, though the job's end was not told.
            ColabdevError: whatever reading raised, once the events before it have been taken.
        """
        with contextlib.suppress(queue.Empty):
            return self._inbox.get(timeout=timeout)
        if not self._over.is_set() or not self._inbox.empty():
            return None
        if self._trouble:
            raise self._trouble
        raise ProtocolError("The far side fell silent before the job's end.")

    def close(self) -> None:
        """Hang up; on a dead line the thread stays until the transport is closed."""
        self._left = True
        self._following.stop()
        self._thread.join(timeout=2)
        self._following.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read(self) -> None:
        try:
            for told in self._following:
                self._put(told)
        except BaseException as error:  # not swallowed: raised where it is waited for
            self._trouble = error
        finally:
            self._over.set()

    def _put(self, told: tuple[int, Event]) -> None:
        while not self._left:
            try:
                self._inbox.put(told, timeout=0.1)
            except queue.Full:
                continue
            return
