"""Bringing one file that a job made into its place in the project."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from colabdev.errors import ColabdevError, RemoteFailure, SyncError, system_says
from colabdev.far_words import translated
from colabdev.jobs.fetching import Fetching, Version
from colabdev.jobs.job import Artifact, Job
from colabdev.jobs.line import Line
from colabdev.language import tr
from colabdev.payload import replica as wire
from colabdev.remote.transport import Transport
from colabdev.remote.usage import METERED, this_month
from colabdev.store import Document, held
from colabdev.sync.archive import note_agreed, open_archive, state_dir
from colabdev.sync.ignore import IGNORE_FILES
from colabdev.sync.incoming import Disk
from colabdev.sync.reconcile import Agreed
from colabdev.sync.report import size_text
from colabdev.sync.snapshot import Entry, Kind, parse_row, settled_there

_FOLDER_ROW = ("d", 0, 0, 0, False, "")


class NotBrought(Exception):
    """The file is not here; the text says why, in half a sentence."""


class Superseded(NotBrought):
    """It is not the file that was told of any more; if the job wrote it, it is told of again."""


class Bringer:
    """Brings files of *job* to *project*, none larger than *limit* bytes.

    A file is written beside the project's and moved into place once its digest is right. One that
    was changed here is left as it is, and one that would not fit into what is left of a metered
    tunnel's month stays there, unless it shall come *anyway*.
    """

    def __init__(
        self, line: Line, job: Job, project: Path, limit: int, *, anyway: bool = False
    ) -> None:
        self._line = line
        self._job = job
        self._project = project
        self._limit = limit
        self._month = None if anyway else _Month()
        self._record = Document(state_dir(project) / "pulled.json", version=1)
        self._turn = state_dir(project) / "pull.lock"
        self._agreed: dict[str, Agreed] = {}  # not noted yet
        self._download: _Download | None = None  # the one under way, or the last

    @property
    def progress(self) -> tuple[int, int] | None:
        """How many bytes have come of how many of the file under way, None before any are known."""
        download = self._download
        version = download.version if download else None
        return (download.size, version.size) if download and version else None

    def bring(self, artifact: Artifact) -> Artifact:
        """Bring the file of *artifact* and return what is here now: that one, or a newer one.

        Raises:
            NotBrought: it could not come, or not take its place.
        """
        try:
            # Of several who listen to the job one brings it, and once.
            with held(self._turn, float("inf")):
                return self._bring(artifact)
        except wire.Failure as error:
            raise NotBrought(tr("it did not arrive as it was sent")) from error
        except OSError as error:
            raise NotBrought(system_says(error)) from error
        except ColabdevError as error:
            raise NotBrought(error.message.rstrip(".")) from error

    def note(self) -> None:
        """Let the next sync know what was brought; while one is under way, that must wait."""
        runtime = self._line.runtime
        with contextlib.suppress(SyncError):
            note_agreed(self._project, runtime.boot_id, self._job.cwd, self._agreed)
            self._agreed.clear()

    def _bring(self, artifact: Artifact) -> Artifact:
        self._check(artifact.path, artifact.size)
        before = self._row(artifact.path)
        if before:
            here = wire.digest_of(str(self._project), before) if before[1] == "f" else None
            if here == artifact.digest:
                self._remember(artifact)
                return artifact
            if here is None or here not in self._known(artifact.path):
                raise NotBrought(tr("a file of that name was made or changed on this computer"))
        with contextlib.closing(wire.Stage(str(self._project))) as stage:
            for parent in reversed(PurePosixPath(artifact.path).parents[:-1]):
                if not (self._project / parent).is_dir():
                    stage.take(b"p", _encoded([[str(parent), *_FOLDER_ROW], None]))
            download = _Download(self._job.id, artifact, stage, before, self._check_size)
            self._download = download
            self._line.persist(download)
            outcomes = list(stage.apply())
        for _, state, _, reason in outcomes:
            if state != "done":
                raise NotBrought(translated(str(reason or state)))
        version, digest = download.version, download.digest
        assert version, "it has come"
        there = Entry(
            Kind.FILE, version.size, version.mtime_ns, version.ctime_ns, version.executable
        )
        there = settled_there(there, version.now)
        # Written just now: another write could bear the same times.
        mine = _unsettled(parse_row(outcomes[-1][2])[1])  # the file came last
        self._agreed[artifact.path] = Agreed(mine, there, digest)
        brought = Artifact(artifact.path, digest, version.size)
        if self._month:
            self._month.carried += version.size
        self._remember(brought)
        return brought

    def _check(self, path: str, size: int) -> None:
        if reason := Disk.of(self._project).why_not(path):
            raise NotBrought(translated(reason))
        if path.rpartition("/")[2].lower() in IGNORE_FILES:
            raise NotBrought(tr("rules about what is synced are only taken from here"))
        self._check_size(size)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise NotBrought(
                tr("it has {size}, more than --pull-limit allows", size=size_text(size))
            )
        there = self._line.runtime.destination
        if self._month and there and there.via in METERED and size > (left := self._month.left()):
            raise NotBrought(
                tr(
                    "it has {size}, and of ngrok's free month some {left} are left, by an "
                    "estimate; --pull-anyway brings it",
                    size=size_text(size),
                    left=size_text(left),
                )
            )

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


class _Download:
    """A file on its way into *stage*; after a break it goes on there if it is the same one yet."""

    def __init__(
        self,
        job_id: str,
        artifact: Artifact,
        stage: wire.Stage,
        before: wire.Row | None,
        check_size: Callable[[int], None],
    ) -> None:
        self.version: Version | None = None
        self.digest = ""
        self._job_id = job_id
        self._artifact = artifact
        self._stage = stage
        self._before = before
        self._check_size = check_size
        self.size = 0

    def __call__(self, transport: Transport) -> None:
        name = self.version.name if self.version else ""
        try:
            with Fetching(
                transport, self._job_id, self._artifact, version=name, offset=self.size
            ) as fetching:
                self._begin(fetching.version)
                for chunk in fetching:
                    self.size += len(chunk)
                    self._stage.take(b"c", chunk)
                self._end(fetching.version, fetching.digest)
        except RemoteFailure as failure:
            if failure.kind == "changed":
                raise Superseded(tr("it changed there while it was brought")) from failure
            raise

    def _begin(self, version: Version) -> None:
        if self.version and version.name == self.version.name and version.offset == self.size:
            return
        if version.offset:
            raise Superseded(tr("it changed there while it was brought"))
        if self.version:
            self._stage.take(b"f", b"")  # what came of another version is taken back
        self._check_size(version.size)
        self.version, self.size = version, 0
        times = (version.mtime_ns, time.time_ns())
        row = [self._artifact.path, "f", version.size, *times, version.executable, ""]
        self._stage.take(b"p", _encoded([row, self._before]))

    def _end(self, version: Version, digest: bytes) -> None:
        self._stage.take(b"f", digest)
        self.digest = digest.hex()
        if self.digest != self._artifact.digest and not version.whole:
            raise Superseded(tr("it is another one there by now"))


class _Month:
    """What the free plan leaves of this month; what was *carried* may not be counted there yet."""

    def __init__(self) -> None:
        self._begun = this_month().left().bytes
        self.carried = 0

    def left(self) -> int:
        return max(0, min(this_month().left().bytes, self._begun - self.carried))


def _unsettled(entry: Entry) -> Entry:
    """Return *entry* as one whose contents, not times, will be compared."""
    return Entry(entry.kind, entry.size, entry.mtime_ns, -1, entry.executable)


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()
