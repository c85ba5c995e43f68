"""What an exercise measured on each machine it ran on, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from colabdev.exercises.course import Exercise
from colabdev.jobs.job import Metric
from colabdev.results.run import Run
from colabdev.results.store import Results

_REMEMBERED = 10_000  # runs of exercises that are looked through, the newest first


@dataclass(frozen=True, slots=True)
class Line:
    """One number on several machines: *values* has one for each run, None where it has none."""

    case: str
    metric: str
    unit: str
    better: str
    values: tuple[Metric | None, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The *runs* of an exercise that are compared, the oldest first, and the *lines* they share."""

    exercise: Exercise
    runs: tuple[Run, ...]
    lines: tuple[Line, ...]


def side_by_side(exercise: Exercise, *, last: int = 0) -> SideBySide:
    """Compare the last run on each machine that measured anything, or simply the *last* runs.

    Rows are joined by case and metric, which are the same on every machine.
    """
    with Results() as results:
        known = [
            run
            for run in results.runs(_REMEMBERED, kind="exercise")
            if run.name == exercise.slug and run.metric_count
        ]
        chosen = known[:last] if last else _one_each(known)
        runs = [results.run(run.id) for run in reversed(chosen)]
    keys = dict.fromkeys(key for run in runs for key in _by_key(run))
    tables = [_by_key(run) for run in runs]
    lines = tuple(_line(key, tuple(table.get(key) for table in tables)) for key in keys)
    return SideBySide(exercise, tuple(runs), lines)


def _one_each(runs: list[Run]) -> list[Run]:
    machines: dict[tuple[str, str], Run] = {}
    for run in runs:
        machines.setdefault((run.alias, _machine(run.hardware)), run)
    return list(machines.values())


def _machine(hardware: Mapping[str, object]) -> str:
    gpu = hardware.get("gpu")
    return str(gpu.get("name", "")) if isinstance(gpu, Mapping) else str(hardware.get("cpus", ""))


def _by_key(run: Run) -> dict[tuple[str, str], Metric]:
    return {(metric.case, metric.metric): metric for metric in run.metrics}


def _line(key: tuple[str, str], values: tuple[Metric | None, ...]) -> Line:
    first = next(value for value in values if value)
    return Line(*key, first.unit, first.better, values)
