"""The database of recorded runs on the laptop."""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Self  # rows and hardware hold anything that JSON does

from colabdev import paths
from colabdev.errors import ConfigError, InputError
from colabdev.jobs.job import Artifact, Event, GpuSample, Metric, Record
from colabdev.language import tr
from colabdev.results import schema
from colabdev.results.run import GpuUse, Run, RunState
from colabdev.store import locked, private_dir

_METRIC_FIELDS = tuple(field.name for field in fields(Metric))
_SAMPLE_FIELDS = tuple(field.name for field in fields(GpuSample))
_GPUS = """
    SELECT gpu, COUNT(*) AS samples, AVG(use) AS mean_use, MAX(use) AS most_use,
        MAX(memory) AS peak_memory, AVG(power) AS mean_power
    FROM gpu_samples WHERE run = ? GROUP BY gpu ORDER BY gpu
"""
_RUNS = """
    SELECT *, (SELECT COUNT(*) FROM metrics WHERE run = runs.id) AS metric_count FROM runs
"""


class Results:
    """The recorded runs in the file *path*, open until the block ends.

    A run that was begun and not finished when the block or the process ends is INTERRUPTED.

    Raises:
        ConfigError: the file is damaged, of a newer colabdev, or cannot be written; it is never
            replaced.
    """

    def __init__(self, path: Path | None = None, *, now: Callable[[], float] = time.time) -> None:
        self.path = path or paths.results_file()
        self._now = now
        self._claims: dict[str, sqlite3.Connection] = {}
        with self._explained():
            self._database = _open(self.path)

    def begin(
        self,
        kind: str,
        name: str,
        alias: str,
        command: Sequence[str],
        code_digest: str,
        hardware: Mapping[str, Any],
        *,
        run_id: str | None = None,
    ) -> str:
        """Record that a run is under way and return its id, by default a new one.

        One that is known goes on unless it has ended: what was recorded of it stays.
        """
        run_id = run_id or os.urandom(6).hex()
        with self._explained():
            self._take_claim(run_id)
            self._database.execute(
                "INSERT INTO runs (id, kind, name, alias, command, code_digest, hardware, started,"
                " state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET state = excluded.state WHERE ended IS NULL",
                (
                    run_id,
                    kind,
                    name.encode(errors="replace").decode(),  # a file's name may be no UTF-8
                    alias,
                    json.dumps(list(command)),
                    code_digest,
                    json.dumps(dict(hardware)),
                    self._now(),
                    RunState.RUNNING,
                ),
            )
        return run_id

    def describe(self, run_id: str, hardware: Mapping[str, Any]) -> None:
        """Record what the run *run_id* runs on."""
        with self._explained():
            self._database.execute(
                "UPDATE runs SET hardware = ? WHERE id = ?", (json.dumps(dict(hardware)), run_id)
            )

    def record(self, run_id: str, event: Event, position: int | None = None) -> None:
        """Keep what a run measured, noted or made; its output is not kept.

        *position* is the event's place in the job's log: one that is recorded already is not
        recorded twice.
        """
        match event:
            case Metric():
                row = {name: getattr(event, name) for name in _METRIC_FIELDS}
                self._insert("metrics", {"run": run_id, "position": position, **row})
            case Record(kind, values):
                row = {"kind": kind, "fields": json.dumps(dict(values))}
                self._insert("records", {"run": run_id, "position": position, **row})
            case Artifact(path, digest, size):
                row = {"path": path, "digest": digest, "size": size}
                self._insert("artifacts", {"run": run_id, "position": position, **row})
            case GpuSample():
                self._insert("gpu_samples", {"run": run_id, "position": position, **asdict(event)})

    def finish(
        self, run_id: str, state: str, exit_code: int | None, *, seconds: float | None = None
    ) -> None:
        """Record how the run *run_id* ended, or that it was left to itself (DETACHED).

        *seconds* is how long it took, by default the time since it was begun. A run that has
        ended stays as it is.
        """
        ended = None if state == RunState.DETACHED else self._now()
        with self._explained():
            self._database.execute(
                "UPDATE runs SET state = ?, exit_code = ?, ended = coalesce(started + ?, ?)"
                " WHERE id = ? AND ended IS NULL",
                (RunState(state), exit_code, seconds, ended, run_id),
            )
        if claim := self._claims.pop(run_id, None):
            _give_up(self._claim(run_id), claim)

    def runs(self, limit: int = 20, *, kind: str | None = None) -> list[Run]:
        """Return the last *limit* runs, the newest first, without their metrics and records."""
        with self._explained():
            found = self._select(
                f"{_RUNS} WHERE ? IN (kind, '') ORDER BY started DESC, rowid DESC LIMIT ?",
                (kind or "", limit),
            )
            return [self._run(row) for row in found]

    def run(self, which: str) -> Run:
        """Return a run whole: the one whose id begins with *which*, or the ``last``.

        Raises:
            InputError: there is none, or more than one.
        """
        if which == "last":
            found = self._select(f"{_RUNS} ORDER BY started DESC, rowid DESC LIMIT 1", ())
        else:
            found = self._select(
                f"{_RUNS} WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 9", (len(which), which)
            )
        if not found:
            raise InputError(
                tr("No run has been recorded yet.")
                if which == "last"
                else tr("No recorded run has an id that begins with {which!a}.", which=which),
                tr("List the recorded runs: colabdev results list"),
            )
        if len(found) > 1 and found[0]["id"] != which:
            raise InputError(
                tr("More than one recorded run begins with {which!a}.", which=which),
                tr("Say which one: {value}", value=", ".join(row["id"] for row in found)),
            )
        with self._explained():
            return self._run(found[0], whole=True)

    def close(self) -> None:
        """Close the file; runs that were not finished become INTERRUPTED."""
        self._database.close()
        while self._claims:
            run_id, claim = self._claims.popitem()
            _give_up(self._claim(run_id), claim)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _take_claim(self, run_id: str) -> None:
        """Take what tells others that this process listens to the run."""
        if run_id not in self._claims and (claim := _claimed(self._claim(run_id), patience=1)):
            self._claims[run_id] = claim  # else somebody else listens to it as well

    def _insert(self, table: str, row: Mapping[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        with self._explained():
            self._database.execute(
                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of ours, values bound
                tuple(row.values()),
            )

    def _select(self, query: str, values: Sequence[object]) -> list[sqlite3.Row]:
        with self._explained():
            return self._database.execute(query, values).fetchall()

    def _run(self, row: sqlite3.Row, *, whole: bool = False) -> Run:
        run = dict(row)
        run["command"] = tuple(json.loads(run["command"]))
        run["hardware"] = json.loads(run["hardware"])
        run["state"] = self._state(row)
        if whole:
            run["metrics"] = tuple(
                Metric(**{name: found[name] for name in _METRIC_FIELDS})
                for found in self._parts("metrics", row["id"])
            )
            run["records"] = tuple(
                Record(found["kind"], json.loads(found["fields"]))
                for found in self._parts("records", row["id"])
            )
            run["artifacts"] = tuple(
                Artifact(found["path"], found["digest"], found["size"])
                for found in self._parts("artifacts", row["id"])
            )
            run["gpus"] = tuple(GpuUse(**dict(use)) for use in self._select(_GPUS, (row["id"],)))
            run["gpu_samples"] = tuple(
                GpuSample(**{name: found[name] for name in _SAMPLE_FIELDS})
                for found in self._parts("gpu_samples", row["id"])
            )
        return Run(**run)

    def _parts(self, table: str, run_id: str) -> Iterable[sqlite3.Row]:
        return self._select(f"SELECT * FROM {table} WHERE run = ? ORDER BY rowid", (run_id,))  # noqa: S608 - a table of ours

    def _state(self, row: sqlite3.Row) -> RunState:
        """Return the run's state; one that runs has somebody who holds its claim."""
        state = RunState(row["state"])
        if state is not RunState.RUNNING or row["id"] in self._claims:
            return state
        file = self._claim(row["id"])
        with self._explained():
            claim = _claimed(file)
        if claim is None:
            return state
        _give_up(file, claim)
        return RunState.INTERRUPTED

    def _claim(self, run_id: str) -> Path:
        return Path(f"{self.path}.{run_id}.lock")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise ConfigError(
                tr("The results in {path} cannot be used: {error}.", path=self.path, error=error),
                tr(
                    "Check its permissions and the free space; to start afresh, move the "
                    "file aside."
                ),
            ) from error


def _open(path: Path) -> sqlite3.Connection:
    private_dir(path.parent)
    with locked(path):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # never wider, not for a moment
        database = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            database.row_factory = sqlite3.Row
            found = schema.version(database)
            # A commit then waits for no disk: a job may report thousands of rows a second.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA foreign_keys = ON")
            if found < schema.VERSION:
                schema.migrate(database)
        except BaseException:
            database.close()
            raise
    return database


def _claimed(file: Path, *, patience: float = 0) -> sqlite3.Connection | None:
    """Return what holds *file* for this process, None when another one holds it.

    It is a lock of SQLite's, which belongs to the process alone: when that is killed, a child on
    its way from fork to exec does not hold it on, as it would a flock.
    """
    while True:
        claim = sqlite3.connect(file, timeout=patience, isolation_level=None)
        try:
            claim.execute("PRAGMA journal_mode = MEMORY")  # no second file beside it
            claim.execute("BEGIN EXCLUSIVE")
            file.chmod(0o600)
        except FileNotFoundError:  # given up by its holder just now, and with it the name
            claim.close()
            continue
        except sqlite3.OperationalError as error:
            claim.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return None
        return claim


def _give_up(file: Path, claim: sqlite3.Connection) -> None:
    with contextlib.suppress(OSError):  # Windows removes nothing that is open: it stays, empty
        file.unlink()
    claim.close()
