"""The words of the results: one recorded run and how it stands."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any  # hardware is what the machine says of itself, as JSON

from colabdev.jobs.job import Artifact, GpuSample, Metric, Record


class RunState(enum.StrEnum):
    """How a run stands, as far as this laptop has seen it.

    DETACHED was left to itself by the user; INTERRUPTED is one that nobody listens to any more,
    though its end was not seen: the connection or the listening process died.
    """

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    DETACHED = "detached"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class GpuUse:
    """How busy the GPU number *gpu* was during a run, from so many *samples*.

    *mean_use* and *most_use* in per cent, *peak_memory* in bytes, *mean_power* in watts.
    """

    gpu: int
    samples: int
    mean_use: float | None
    most_use: float | None
    peak_memory: int | None
    mean_power: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of *command* on the runtime *alias*, whose *hardware* explains its numbers.

    *id* is the job's own; *kind* is ``run`` or ``exercise``; *started* and *ended* are seconds
    since 1970 by this laptop's clock. A list of runs leaves out *metrics*, whose number is
    *metric_count*, and all that follows them; *gpus* sums up the *gpu_samples*.
    """

    id: str
    kind: str
    name: str
    alias: str
    command: tuple[str, ...]
    code_digest: str
    hardware: Mapping[str, Any]
    started: float
    ended: float | None
    state: RunState
    exit_code: int | None
    metric_count: int
    metrics: tuple[Metric, ...] = ()
    records: tuple[Record, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    gpus: tuple[GpuUse, ...] = ()
    gpu_samples: tuple[GpuSample, ...] = ()
