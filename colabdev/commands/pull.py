"""Bringing a job's results back to the project while the job runs."""

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from colabdev.commands.attention import TICK, Attention
from colabdev.commands.options import PULL_LIMIT, PullOptions
from colabdev.commands.reporter import Reporter
from colabdev.commands.typed import typed
from colabdev.jobs.job import Artifact, Job
from colabdev.jobs.line import Line
from colabdev.language import tr, tr_n
from colabdev.sync.report import size_text

_SHARE = 4  # times as long as a version took to come, the next one of its file waits
_SAID_AGAIN = 60.0  # seconds after which another version of a file is worth a line


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of an *artifact*: it is here, or *trouble* says why not (once it matters)."""

    artifact: Artifact
    trouble: str = ""
    hint: str = ""


class Harvest:
    """The results of *job* as they are told of: brought, and named to the user once they are here.

    Without a project to bring them to they are counted. *brought* and *missing* are paths.
    """

    def __init__(
        self, line: Line, job: Job, options: PullOptions, reporter: Reporter, attention: Attention
    ) -> None:
        self._line = line
        self._job = job
        self._options = options
        self._reporter = reporter
        self._attention = attention
        self._pull: Pull | None = None
        self.brought: set[str] = set()
        self.missing: set[str] = set()  # told of, and not here
        self._homeless = 0
        self._said: dict[str, float] = {}  # when each file was named last

    def want(self, artifact: Artifact) -> None:
        """Bring *artifact* as soon as those before it have come."""
        self.missing.add(artifact.path)
        project = self._options.project
        if project is None:
            self._homeless += 1
            return
        if self._pull is None:
            limit, anyway = self._options.limit, self._options.anyway
            self._pull = Pull(self._line, self._job, project, limit=limit, anyway=anyway)
        self._pull.want(artifact)

    def look(self) -> None:
        """Tell of what has come since."""
        for arrival in self._pull.arrived() if self._pull else ():
            self._tell(arrival)

    def finish(self) -> None:
        """Wait until the last of them is here, or the user has left; say what is not."""
        self._attention.over = True
        if self._pull and self._pull.finish():
            with self._reporter.step(tr("Bringing back the last results")) as step:
                while (left := self._pull.left) and not self._attention.left:
                    step.say(tr("Bringing back the last results ({left} left)", left=left))
                    if progress := self._pull.progress:
                        step.advance(*progress)
                    time.sleep(TICK)
                    self._attention.look(self._job)
                    self.look()
        self.look()
        if left := self._pull.left if self._pull else 0:
            self._say_left(
                tr_n(
                    "{count} result stays on the runtime, in {cwd}.",
                    "{count} results stay on the runtime, in {cwd}.",
                    left,
                    cwd=self._job.cwd,
                )
            )
        elif self._homeless:
            self._say_left(
                tr("The job's results stay on the runtime, in {cwd}.", cwd=self._job.cwd)
            )

    def _say_left(self, text: str) -> None:
        attaching = typed("attach", self._line.runtime, self._job.id)
        hint = tr(
            "In the project's folder here, this brings them: {attaching}", attaching=attaching
        )
        self._attention.say(lambda: self._reporter.warn(text, hint))

    def close(self) -> None:
        """Bring nothing more."""
        if self._pull:
            self._pull.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _tell(self, arrival: Arrival) -> None:
        artifact, say = arrival.artifact, self._attention.say
        if arrival.trouble:
            text = tr(
                "{path} was not brought back: {trouble}.",
                path=artifact.path,
                trouble=arrival.trouble,
            )
            say(lambda: self._reporter.warn(text, arrival.hint))
            return
        self.brought.add(artifact.path)
        self.missing.discard(artifact.path)
        self._attention.heard(artifact)
        now = time.monotonic()
        if now - self._said.get(artifact.path, float("-inf")) > _SAID_AGAIN:
            self._said[artifact.path] = now
            size = size_text(artifact.size)
            text = tr("Brought back {path} ({size}).", path=artifact.path, size=size)
            say(lambda: self._reporter.done(text))


class Pull:
    """Results of *job* on their way to *project*, one after the other in a thread of their own.

    What comes of a file is the version that stands there when its turn has come, to its end; the
    newest one is next. Files that are written again and again get a share of the line, not all.
    What cannot come, as one larger than *limit* bytes, is named.
    """

    def __init__(
        self,
        line: Line,
        job: Job,
        project: Path,
        *,
        limit: int = PULL_LIMIT,
        anyway: bool = False,
    ) -> None:
        from colabdev.commands.bringing import Bringer  # most jobs bring nothing

        self._job = job
        self._bringer = Bringer(line, job, project, limit, anyway=anyway)
        self._wanted: dict[str, Artifact] = {}
        self._due: dict[str, float] = {}  # when a file that has come may come again
        self._stale: dict[str, Arrival] = {}  # not what was told of; a newer one may be
        self._busy = False  # one is on its way, or not quite told of
        self._finishing = False
        self._over = False
        self._changed = threading.Condition()
        self._arrived: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="results", daemon=True)
        self._thread.start()

    def want(self, artifact: Artifact) -> None:
        """Bring *artifact*, in the place of an older one at its path that has not come yet."""
        with self._changed:
            self._wanted[artifact.path] = artifact
            self._stale.pop(artifact.path, None)
            self._changed.notify()

    def arrived(self) -> Iterator[Arrival]:
        """Yield what came since, and what could not come."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._arrived.get_nowait()

    def finish(self) -> int:
        """Let nothing wait any more, for no newer ones are told of; return how many are left."""
        with self._changed:
            self._finishing = True
            self._changed.notify()
        return self.left

    @property
    def left(self) -> int:
        """How many have neither come nor failed yet."""
        with self._changed:
            return len(self._wanted) + len(self._stale) * self._finishing or self._busy

    @property
    def progress(self) -> tuple[int, int] | None:
        """How many bytes have come of how many of the file that is on its way."""
        return self._bringer.progress

    def close(self) -> None:
        """Bring nothing more; one on its way stays with the line."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _work(self) -> None:
        from colabdev.commands.bringing import NotBrought, Superseded

        while artifact := self._next():
            begun = time.monotonic()
            try:
                arrival = Arrival(self._bringer.bring(artifact))
            except Superseded as error:
                self._set_aside(artifact, self._failed(artifact, error))
                continue
            except NotBrought as error:
                arrival = self._failed(artifact, error)
            with self._changed:
                wanted = self._wanted.pop(artifact.path)
                # A newer one was told of meanwhile: it is next in line, unless it is what came.
                if wanted is not artifact and wanted.digest != arrival.artifact.digest:
                    self._wanted[artifact.path] = wanted
                now = time.monotonic()
                self._due[artifact.path] = now + _SHARE * (now - begun)
                drained = not self._wanted
            if drained:
                self._bringer.note()
            self._arrived.put(arrival)

    def _next(self) -> Artifact | None:
        """Wait for the next one to bring; None when there will be none."""
        with self._changed:
            self._busy = False
            while not self._over:
                now = time.monotonic()
                for path, artifact in self._wanted.items():
                    if self._finishing or self._due.get(path, 0) <= now:
                        self._busy = True
                        return artifact
                if self._finishing:
                    while self._stale:
                        self._arrived.put(self._stale.popitem()[1])
                soonest = min((self._due[path] for path in self._wanted), default=None)
                self._changed.wait(None if soonest is None else soonest - now)
        return None

    def _set_aside(self, artifact: Artifact, arrival: Arrival) -> None:
        """Wait for what is told of it next; if nothing is, that it did not come is said."""
        with self._changed:
            if self._wanted[artifact.path] is artifact:
                del self._wanted[artifact.path]
                self._stale[artifact.path] = arrival

    def _failed(self, artifact: Artifact, error: Exception) -> Arrival:
        place = f"{self._job.cwd}/{artifact.path}"
        return Arrival(artifact, str(error), tr("It stays on the runtime: {place}", place=place))
