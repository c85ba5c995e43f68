"""The words of a job: what to run, how it stands, and what it tells while it runs."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self  # a report row is JSON: a mapping of anything

LOG_LIMIT = 1_000_000_000
RECONNECT_FOR = 1800.0  # seconds awake for which a broken line is dialled
NOTEBOOK = (
    "python",
    "-m",
    "colabdev_notebook",
)  # before a notebook's path: the command that runs it


class JobState(enum.StrEnum):
    """Where a job stands; LOST means that nobody can say how it ended."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return self not in (JobState.PENDING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What to run: *command* in the folder *cwd* of the far side, with *env* on top of its own.

    A first word of ``python`` means the notebook kernel's own interpreter. *id* is chosen by the
    laptop, so that a request sent twice starts one job. The log of what it tells is kept to about
    *log_limit* bytes: beyond it the oldest is dropped. Files below *cwd* that the job makes and
    that match a pattern of *pull* are told of as `Artifact` once they are complete.
    """

    id: str
    command: tuple[str, ...]
    cwd: str
    name: str
    env: Mapping[str, str] = field(default_factory=dict)
    code_digest: str = ""
    log_limit: int = LOG_LIMIT
    pull: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the far side tells of it; times are seconds since 1970 by the far clock.

    One that is *orphaned* is LOST, and its processes run on without anybody who records them.
    """

    id: str
    name: str
    command: tuple[str, ...]
    state: JobState
    created: float
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    cwd: str = ""
    orphaned: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes the job wrote to *stream*; *offset* is where the event stands in its log."""

    offset: int
    stream: Literal["stdout", "stderr"]
    data: bytes


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number: a row with the join key *case*, the same on every machine.

    *value* is a float, or one of the strings nan, inf and -inf, or None when *skipped* says why
    there is none. *better* is higher, lower or none. *replicates* counts the measurements that
    *value* is the median of, *iqr* is their interquartile range in *unit*.
    """

    metric: str
    value: float | str | None
    exercise: str = ""
    case: str = ""
    unit: str = ""
    better: str = "none"
    device: str = ""
    dtype: str = ""
    replicates: int | None = None
    iqr: float | None = None
    skipped: str = ""
    step: int | None = None
    time: float | None = None
    rank: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Build from a report row; unknown fields are ignored, wrong types are a ValueError."""
        known = {name: row[name] for name in cls.__slots__ if row.get(name) is not None}
        if not isinstance(known.get("metric"), str):
            raise ValueError("a metric row names its metric")  # noqa: TRY004 - one error for a bad row
        known.setdefault("value", None)
        for name, kinds in _METRIC_TYPES.items():
            if name in known and known[name] is not None and not isinstance(known[name], kinds):
                raise ValueError(f"{name} is of the wrong type")
        return cls(**known)


_METRIC_TYPES: Mapping[str, tuple[type, ...]] = {
    "value": (int, float, str),
    **dict.fromkeys(("exercise", "case", "unit", "better", "device", "dtype", "skipped"), (str,)),
    **dict.fromkeys(("replicates", "step", "rank"), (int,)),
    **dict.fromkeys(("iqr", "time"), (int, float)),
}


@dataclass(frozen=True, slots=True)
class Record:
    """A report row that is no metric: *kind* is env, check, note or done."""

    kind: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file the job made: its *path* below the project, SHA-256 *digest* and *size* in bytes."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class GpuSample:
    """How busy the GPU number *gpu* was at a *time* of the far clock, None for what it hides.

    *use* in per cent of the time, *memory* in bytes, *power* in watts.
    """

    gpu: int
    time: float
    use: float | None = None
    memory: int | None = None
    power: float | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was told here is gone: *size* bytes of the log, the oldest, beyond its limit."""

    size: int


@dataclass(frozen=True, slots=True)
class DiskFull:
    """What the job prints cannot be kept there for now: it waits, and so will the job."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The end: *code* is the job's own, or 128 + N when *signal* N ended it.

    *seconds* is how long the job took, by the far side's clock.
    """

    code: int
    signal: int | None = None
    cancelled: bool = False
    seconds: float | None = None

    @property
    def state(self) -> JobState:
        if self.cancelled:
            return JobState.CANCELLED
        return JobState.FAILED if self.code else JobState.SUCCEEDED


Event = Output | Metric | Record | Artifact | GpuSample | Dropped | DiskFull | Exited
