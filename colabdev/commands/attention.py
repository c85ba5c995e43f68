"""What a command heeds while it waits for a job: Ctrl-C, and a line that breaks."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Self, TypeVar  # what signal.getsignal returns

from colabdev.commands.reporter import Reporter
from colabdev.commands.typed import typed
from colabdev.jobs.client import cancel
from colabdev.jobs.job import DiskFull, Dropped, Event, Exited, Job, Output
from colabdev.jobs.line import Line
from colabdev.language import tr
from colabdev.sync.report import size_text

if TYPE_CHECKING:
    from concurrent.futures import Future

TICK = 0.1  # seconds between looks at what goes on
_SAID_AGAIN = 60.0  # seconds after which it is worth a word that it goes on
_BLIP = 1.0  # seconds that a line may be broken before it is worth a word

_Value = TypeVar("_Value")


class Attention:
    """Counts Ctrl-C in its block instead of raising, so that none cuts an event in two.

    The first one asks the job to stop, as soon as it runs and the line holds; after the second
    the user has *left*. Outside of the main thread, and where Ctrl-C is ignored, nothing changes,
    nor does it for one who merely looks on (not *stopping*).
    """

    def __init__(self, line: Line, reporter: Reporter, *, stopping: bool = True) -> None:
        self.over = False  # the job has ended, and its last results are brought
        self._line = line
        self._stopping = stopping
        self._reporter = reporter
        self._pressed = 0
        self._warned = False
        self._asked: Future[Job] | None = None
        self._before: Any = None
        self._inside = False  # the job's stderr stopped in the middle of a line
        self._held: list[Callable[[], None]] = []
        self._reconnecting: contextlib.ExitStack | None = None
        self._said_full = self._said_dropped = float("-inf")
        self._dropped = 0  # bytes that were not told of yet

    @property
    def left(self) -> bool:
        """Whether the user wants to be left alone by the job."""
        return self._pressed > 1

    def wait(self, call: Callable[[], _Value]) -> _Value | None:
        """Return what *call* returns, None when the user left before; it goes on beside us then."""
        future = beside(call)
        while not self.left:
            with contextlib.suppress(TimeoutError):
                return future.result(TICK)
            self.look()
        return None

    def look(self, job: Job | None = None) -> None:
        """Act on what happened since: *job* is the one to stop when Ctrl-C was pressed.

        Raises:
            ColabdevError: the job cannot be asked to stop.
        """
        if self._pressed and not self._warned:
            self._warned = True
            self._say_pressed(job)
        if self._pressed and job and not self.over and not self._asked:
            # Beside, so that a second Ctrl-C counts even when the line is dead.
            wish = job.id
            # The one signal and nothing harder: whoever leaves now leaves a job that goes on.
            self._asked = beside(
                lambda: self._line.persist(lambda line: cancel(line, wish, grace=float("inf")))
            )
        if self._asked and self._asked.done() and (error := self._asked.exception()):
            raise error
        self._watch_line()

    def heard(self, event: Event) -> None:
        """Pass on what the job tells; what we have to say ourselves waits for the line's end."""
        self._reporter.event(event)
        if isinstance(event, Dropped):
            self._dropped += event.size
        self._say_dropped(over=isinstance(event, Exited))
        if isinstance(event, DiskFull):
            self._say_full()
        if isinstance(event, Output) and event.stream == "stderr" and event.data:
            self._inside = not event.data.endswith(b"\n")
        if isinstance(event, Exited):
            self._inside = False
        self.say()

    def _say_pressed(self, job: Job | None) -> None:
        if self.over:
            text = tr("The job has ended; its last results are on their way.")
            self._reporter.warn(text, tr("Ctrl-C again leaves them on the runtime."))
            return
        cancelling = typed("cancel", self._line.runtime, job.id if job else "last")
        self._reporter.warn(
            tr("The job is asked to stop."),
            tr(
                "Ctrl-C again leaves it running. To end it in any case: {cancelling}",
                cancelling=cancelling,
            ),
        )

    def _say_dropped(self, *, over: bool) -> None:
        """Tell of the first loss at once, of those that follow in one, now and then."""
        soon = time.monotonic() - self._said_dropped < _SAID_AGAIN and not over
        if not self._dropped or soon:
            return
        self._said_dropped = time.monotonic()
        lost, self._dropped = size_text(self._dropped), 0
        text = tr("{lost} of what the job told are gone, the oldest.", lost=lost)
        hint = tr("Its log keeps the newest only; give it more room with --log-limit.")
        self.say(lambda: self._reporter.warn(text, hint))

    def _say_full(self) -> None:
        if time.monotonic() - self._said_full < _SAID_AGAIN:
            return
        self._said_full = time.monotonic()
        text = tr("The runtime's disk is full: what the job prints waits, and the job with it.")
        shell = typed("shell", self._line.runtime)
        hint = tr("Make room there; then it goes on: {shell}", shell=shell)
        self.say(lambda: self._reporter.warn(text, hint))

    def _watch_line(self) -> None:
        since = self._line.broken_since
        alias = self._line.runtime.alias
        if since is None and self._reconnecting:
            self._reconnecting.close()
            self._reconnecting = None
            self.say(lambda: self._reporter.done(tr("Connected to {alias} again.", alias=alias)))
        elif since and not self._reconnecting and time.time() - since > _BLIP:
            clock = time.strftime("%H:%M:%S", time.localtime(since))
            text = tr(
                "The connection to {alias} broke; reconnecting since {clock}.",
                alias=alias,
                clock=clock,
            )
            self.say(lambda: self._reporter.warn(text, tr("The job needs no connection to go on.")))
            step = tr("{alias}: reconnecting since {clock}", alias=alias, clock=clock)
            self._reconnecting = contextlib.ExitStack()
            self._reconnecting.enter_context(self._reporter.step(step))

    def say(self, *words: Callable[[], None]) -> None:
        """Call *words* as soon as the job's stderr is not in the middle of a line."""
        self._held += words
        while self._held and not self._inside:
            self._held.pop(0)()

    def _press(self, _signal: int, _frame: FrameType | None) -> None:
        self._pressed += 1

    def __enter__(self) -> Self:
        before = signal.getsignal(signal.SIGINT)
        heeded = self._stopping and before not in (signal.SIG_IGN, None)
        if heeded and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._reconnecting:
            self._reconnecting.close()
        self._inside = False
        self._say_dropped(over=True)
        self.say()


def beside(call: Callable[[], _Value]) -> "Future[_Value]":
    """Run *call* in a thread, which ends with the line it uses at the latest."""
    from concurrent.futures import Future  # it brings logging along: only when something is begun

    future: Future[_Value] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # not swallowed: raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future
