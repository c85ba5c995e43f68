"""A job's events read ahead by a thread, so that who waits for them stays free in between."""

import contextlib
import queue
import threading
import time
from typing import Self

from colabdev.errors import EndedEarly, ProtocolError
from colabdev.jobs.client import Following, follow, run
from colabdev.jobs.job import Event, Job, JobSpec
from colabdev.jobs.line import Line
from colabdev.language import tr
from colabdev.remote.transport import Transport

_BACKLOG = 256  # events that wait for a slow taker; beyond it the far side waits
_HANGING_UP = 2.0  # seconds
_TRIES = 4  # to listen, when our program there is ended before it tells anything
_PAUSE = 0.5  # seconds before the next of them


class Listener:
    """The events of a job from *offset* on, each once and in order, however often *line* breaks.

    With *spec* the job is started first, exactly once, and listened to in the same request.
    *ahead* is that request where it was made already.
    """

    def __init__(
        self,
        line: Line,
        job_id: str,
        offset: int = 0,
        *,
        spec: JobSpec | None = None,
        ahead: Following | None = None,
    ) -> None:
        self._ahead = ahead
        self._line = line
        self._job_id = job_id
        self._offset = offset
        self._spec = spec
        self._job: Job | None = None
        self._begun = threading.Event()
        self._following: Following | None = None
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
        raise ProtocolError(tr("The far side fell silent before the job's end."))

    def started(self, timeout: float) -> Job | None:
        """Return the job once it was started, or None after *timeout* seconds.

        Raises:
            ColabdevError: whatever starting it raised.
        """
        self._begun.wait(timeout)
        if self._job is None and self._over.is_set() and self._trouble:
            raise self._trouble
        return self._job

    def close(self) -> None:
        """Hang up; on a broken line the thread stays until that is closed."""
        self._left = True
        if self._following:
            self._following.stop()
        if self._line.broken_since is None and self._begun.is_set() == bool(self._spec):
            self._thread.join(timeout=_HANGING_UP)
        if self._following:
            self._following.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read(self) -> None:
        try:
            self._insist()
        except BaseException as error:  # not swallowed: raised where it is waited for
            self._trouble = error
        finally:
            self._over.set()
            self._begun.set()

    def _insist(self) -> None:
        """Listen on though our program there is ended, as by a machine short of memory."""
        tries = 0
        while True:
            heard = self._offset
            try:
                self._line.persist(self._listen)
                return
            except EndedEarly:
                tries = 1 if self._offset > heard else tries + 1
                if self._left or tries == _TRIES:
                    raise
            time.sleep(_PAUSE)

    def _listen(self, transport: Transport) -> None:
        """Take what is told over *transport*, from where the last one stopped."""
        if self._left:
            return
        if self._spec and not self._job:
            # Asked anew when the answer was lost: the id sees to it that one job starts.
            following, self._ahead = self._ahead, None
            if not (following and following.begin()):
                following = run(transport, self._spec)
            self._job = following.job
            self._begun.set()
        else:
            following = follow(transport, self._job_id, self._offset)
        with following:
            self._following = following
            for told in following:
                self._put(told)
                self._offset = told[0]

    def _put(self, told: tuple[int, Event]) -> None:
        while not self._left:
            try:
                self._inbox.put(told, timeout=0.1)
            except queue.Full:
                continue
            return
