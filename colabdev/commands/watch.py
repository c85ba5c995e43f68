"""``sync --watch``: sync on every save, over one connection, until the user has enough."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from colabdev.commands.reporter import Progress, Reporter
from colabdev.commands.sync import sync_project
from colabdev.errors import ConfigError, InputError, RemoteError, SyncError, TransportError
from colabdev.jobs.job import Event
from colabdev.jobs.line import Line
from colabdev.language import tr
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport
from colabdev.sync.options import Options
from colabdev.sync.report import SyncReport, size_text
from colabdev.sync.saves import saves

EVERY = 20.0  # seconds between looks at the runtime while nothing is saved here


@dataclass(slots=True)
class Watched:
    """What a watch has seen: how often it looked, what it carried, and what is not well."""

    looks: int = 0
    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0
    deleted: int = 0
    trouble: str = ""

    def add(self, report: SyncReport) -> None:
        """Count what one sync did."""
        self.sent += len(report.sent)
        self.sent_bytes += report.bytes
        self.received += len(report.received)
        self.received_bytes += report.received_bytes
        self.deleted += len(report.deleted_here) + len(report.deleted_there)

    def summary(self) -> str:
        """Return one line for the user."""
        return tr(
            "{looks} syncs: {sent} sent ({up}), {received} received ({down}), {deleted} deleted",
            looks=self.looks,
            sent=self.sent,
            up=size_text(self.sent_bytes),
            received=self.received,
            down=size_text(self.received_bytes),
            deleted=self.deleted,
        )


def watch_project(
    project: Path,
    runtime: Runtime,
    transport: Transport,
    reporter: Reporter,
    *,
    options: Options | None = None,
    tell: Callable[[SyncReport], None] = lambda _report: None,
    moments: Iterable[bool] | None = None,
) -> Watched:
    """Sync *project* now and after each save, until Ctrl-C; return what that came to.

    Each sync that did something is told with *tell*; *moments* are those to sync at. What stands
    in the way of a sync is said once and ends nothing; a connection that breaks is dialled anew.

    Raises:
        TransportError, RuntimeGone: the connection could not be mended.
        InputError, ConfigError: there is no project to watch.
    """
    watched = Watched()
    with _interruptible(), Line(runtime, transport) as line:
        round_ = _Rounds(project, reporter, options, watched, tell)
        line.persist(lambda open_: round_.first(line.runtime, open_))
        for _ in moments if moments is not None else saves(project, EVERY):
            line.persist(lambda open_: round_.next(line.runtime, open_))
    return watched


class _Rounds:
    """One sync after the other, each telling only what the one before did not."""

    def __init__(
        self,
        project: Path,
        reporter: Reporter,
        options: Options | None,
        watched: Watched,
        tell: Callable[[SyncReport], None],
    ) -> None:
        self._project = project
        self._reporter = _Once(reporter)
        self._options = options
        self._watched = watched
        self._tell = tell
        self._broken = False

    def first(self, runtime: Runtime, transport: Transport) -> None:
        """Sync; what is wrong with the project itself ends the watch before it begins."""
        self._go(runtime, transport)

    def next(self, runtime: Runtime, transport: Transport) -> None:
        """Sync; whatever is wrong may be mended before the next time."""
        try:
            self._go(runtime, transport)
        except (InputError, ConfigError) as error:
            self._trouble(error.message, error.hint)

    def _go(self, runtime: Runtime, transport: Transport) -> None:
        self._reporter.begin()
        if self._broken:
            self._broken = False
            self._reporter.done(tr("Connected to {alias} again.", alias=runtime.alias))
        self._watched.trouble = ""
        try:
            sync_project(
                self._project,
                runtime,
                transport,
                self._reporter,
                options=self._options,
                heard=self._heard,
            )
        except TransportError as error:
            self._broken = True
            text = tr("The connection broke and is dialled anew: {reason}", reason=error.message)
            self._reporter.warn(text)
            raise
        except (SyncError, RemoteError) as error:
            self._trouble(error.message, error.hint)

    def _heard(self, report: SyncReport) -> None:
        self._watched.looks += 1
        self._watched.add(report)
        if report.sent or report.received or report.deleted_here or report.deleted_there:
            self._tell(report)

    def _trouble(self, message: str, hint: str) -> None:
        self._watched.trouble = message
        self._reporter.warn(message, hint)


class _Once:
    """A reporter that leaves out the warnings which the sync before has given already."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._before: set[str] = set()
        self._now: set[str] = set()

    def begin(self) -> None:
        self._before, self._now = self._now, set()

    def warn(self, text: str, hint: str = "") -> None:
        if text not in self._before | self._now:
            self._reporter.warn(text, hint)
        self._now.add(text)

    def done(self, text: str) -> None:
        if text not in self._before | self._now:
            self._reporter.done(text)
        self._now.add(text)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Progress]:
        with self._reporter.step(text) as step:
            yield step

    def event(self, event: Event) -> None:
        self._reporter.event(event)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block and nothing else."""
    with contextlib.suppress(KeyboardInterrupt):
        yield
