"""Bringing a job's results back to the project while the job runs."""

import contextlib
import json
import os
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from colabdev.commands.attention import TICK, Attention
from colabdev.commands.reporter import Reporter
from colabdev.errors import ColabdevError
from colabdev.jobs.client import fetch
from colabdev.jobs.job import Artifact, Job
from colabdev.jobs.line import Line
from colabdev.payload import replica as wire
from colabdev.remote.transport import Transport
from colabdev.store import Document
from colabdev.sync.archive import open_archive, state_dir
from colabdev.sync.report import size_text

PULL_LIMIT = 500_000_000
_FOLDER_ROW = ("d", 0, 0, 0, False, "")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of an *artifact*: it is here, or *trouble* says why not (once it matters)."""

    artifact: Artifact
    trouble: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class PullOptions:
    """Where to bring results: to *project*, if it is here, none larger than *limit* bytes."""

    project: Path | None = None
    limit: int = PULL_LIMIT


class Harvest:
    """The results of *job* as they are told of: brought, and named to the user once they are here.

    Without a project to bring them to they are counted.
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
        self._homeless = 0

    def want(self, artifact: Artifact) -> None:
        """Bring *artifact* as soon as those before it have come."""
        project = self._options.project
        if project is None:
            self._homeless += 1
            return
        if self._pull is None:
            self._pull = Pull(self._line, self._job, project, limit=self._options.limit)
        self._pull.want(artifact)

    def look(self) -> None:
        """Tell of what has come since."""
        for arrival in self._pull.arrived() if self._pull else ():
            self._tell(arrival)

    def finish(self) -> None:
        """Wait until the last of them is here, or the user has left."""
        if self._pull and self._pull.left:
            with self._reporter.step("Bringing back the last results") as step:
                while (left := self._pull.left) and not self._attention.left:
                    step.say(f"Bringing back the last results ({left} left)")
                    time.sleep(TICK)
                    self._attention.look(self._job)
                    self.look()
        self.look()
        if self._homeless:
            self._attention.say(
                lambda: self._reporter.warn(
                    f"The job's results stay on the runtime, in {self._job.cwd}.",
                    f"In the project's folder here, this brings them: "
                    f"colabdev attach {self._job.id}",
                )
            )

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
            text = f"{artifact.path} was not brought back: {arrival.trouble}."
            say(lambda: self._reporter.warn(text, arrival.hint))
        else:
            self._attention.heard(artifact)
            text = f"Brought back {artifact.path} ({size_text(artifact.size)})."
            say(lambda: self._reporter.done(text))


class Pull:
    """Results of *job* on their way to *project*, one after the other in a thread of their own.

    A file is written beside the project's and moved into place once its digest is right. One that
    was changed here, and one larger than *limit* bytes, is left where it is and named.
    """

    def __init__(self, line: Line, job: Job, project: Path, *, limit: int = PULL_LIMIT) -> None:
        self._line = line
        self._job = job
        self._project = project
        self._limit = limit
        self._record = Document(state_dir(project) / "pulled.json", version=1)
        self._wanted: dict[str, Artifact] = {}
        self._lock = threading.Lock()
        self._more = threading.Event()
        self._over = threading.Event()
        self._arrived: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="results", daemon=True)
        self._thread.start()

    def want(self, artifact: Artifact) -> None:
        """Bring *artifact*, in the place of an older one at its path that has not come yet."""
        with self._lock:
            self._wanted[artifact.path] = artifact
        self._more.set()

    def arrived(self) -> Iterator[Arrival]:
        """Yield what came since, and what could not come."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._arrived.get_nowait()

    @property
    def left(self) -> int:
        """How many have neither come nor failed yet."""
        with self._lock:
            return len(self._wanted)

    def close(self) -> None:
        """Bring nothing more; one on its way stays with the line."""
        self._over.set()
        self._more.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _work(self) -> None:
        while self._more.wait() and not self._over.is_set():
            with self._lock:
                artifact = next(iter(self._wanted.values()), None)
                if artifact is None:
                    self._more.clear()
            if artifact:
                arrival = self._brought(artifact)
                with self._lock:
                    # A newer one at the path is wanted meanwhile: that one is what matters.
                    if self._wanted[artifact.path] is artifact:
                        del self._wanted[artifact.path]
                        self._arrived.put(arrival)

    def _brought(self, artifact: Artifact) -> Arrival:
        there = f"It stays on the runtime: {self._job.cwd}/{artifact.path}"
        try:
            trouble = self._why_not(artifact) or self._bring(artifact)
        except (wire.Failure, _Superseded):
            trouble = "it changed there while it was brought"
        except OSError as error:
            trouble = f"{error.strerror or error}"
        except ColabdevError as error:
            trouble = error.message.rstrip(".")
        return Arrival(artifact, trouble, there)

    def _why_not(self, artifact: Artifact) -> str:
        if artifact.size > self._limit:
            return f"it has {size_text(artifact.size)}, more than --pull-limit allows"
        return wire.why_unsafe(artifact.path, windows=os.name == "nt")

    def _bring(self, artifact: Artifact) -> str:
        """Bring one file and return why it could not take its place, nothing when it has."""
        before = self._row(artifact.path)
        if before:
            here = wire.digest_of(str(self._project), before) if before[1] == "f" else None
            if here == artifact.digest:
                self._remember(artifact)
                return ""
            if here is None or here not in self._known(artifact.path):
                return "a file of that name was made or changed on this computer"
        with contextlib.closing(wire.Stage(str(self._project))) as stage:
            for parent in reversed(PurePosixPath(artifact.path).parents[:-1]):
                if not (self._project / parent).is_dir():
                    stage.take(b"p", _encoded([[str(parent), *_FOLDER_ROW], None]))
            now = time.time_ns()
            row = [artifact.path, "f", artifact.size, now, now, False, ""]
            stage.take(b"p", _encoded([row, before]))
            self._line.persist(_Download(self._job.id, artifact, stage))
            stage.take(b"f", bytes.fromhex(artifact.digest))
            for _, state, _, reason in stage.apply():
                if state != "done":
                    return str(reason or state)
        self._remember(artifact)
        return ""

    def _row(self, path: str) -> wire.Row | None:
        """Describe what stands at *path* here."""
        try:
            return wire.make_row(path, os.lstat(self._project / path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _known(self, path: str) -> set[str]:
        """Return the digests with which the file came from there, or went there, before."""
        known = {str(self._record.read().get("digests", {}).get(path))}
        runtime = self._line.runtime
        with open_archive(self._project, runtime.boot_id, self._job.cwd) as archive:
            if agreed := archive.entries.get(path):
                known.add(agreed.digest)
        return known

    def _remember(self, artifact: Artifact) -> None:
        with self._record.edit() as contents:
            contents.setdefault("digests", {})[artifact.path] = artifact.digest


class _Superseded(Exception):
    """The file is not the one that was told of any more."""


class _Download:
    """The contents of *artifact* on their way into *stage*, continued where a break cut them."""

    def __init__(self, job_id: str, artifact: Artifact, stage: wire.Stage) -> None:
        self._job_id = job_id
        self._artifact = artifact
        self._stage = stage
        self._size = 0

    def __call__(self, transport: Transport) -> None:
        with contextlib.closing(
            fetch(transport, self._job_id, self._artifact.path, self._size)
        ) as chunks:
            for chunk in chunks:
                self._size += len(chunk)
                if self._size > self._artifact.size:
                    raise _Superseded
                self._stage.take(b"c", chunk)


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()
