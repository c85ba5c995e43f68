"""Checking what a learner wrote, on this machine or on a runtime, with one and the same verdict."""

import ast
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # a row is a mapping of anything

from colabdev.commands.reporter import Reporter, Silent
from colabdev.errors import CourseError, InputError
from colabdev.exercises import warm
from colabdev.exercises.course import Exercise, Language, Outcome
from colabdev.exercises.workbook import Workbook
from colabdev.far_words import translated
from colabdev.jobs.job import Metric, Output, Record
from colabdev.language import tr
from colabdev.payload import checker
from colabdev.remote.runtime import HERE, Registry, Runtime


@dataclass(frozen=True, slots=True)
class Checked:
    """How *exercise* stands; *passed* of *tasks* are done; 0 where a job did not tell."""

    exercise: Exercise
    outcome: Outcome | None
    passed: int = 0
    tasks: int = 0


def check(
    workbook: Workbook,
    exercises: Sequence[Exercise],
    reporter: Reporter,
    *,
    on: str | None = None,
    language: Language = "en",
    seed: int | None = None,
) -> list[Checked]:
    """Check the learner's files of *exercises* and mark how they stand.

    On this machine, if it has what the checks import, else on a runtime; *on* chooses one. The
    verdicts go to *reporter* as the output and rows of a job, wherever they come from.

    Raises:
        InputError: a file is missing, or there is neither torch here nor a runtime.
        CourseError, RemoteFailure: the checks themselves cannot run.
    """
    for exercise in exercises:
        _must_be_there(workbook, exercise)
    runtime = checking_place(exercises, on)
    if runtime is None:
        found = [_here(workbook, each, reporter, language, seed) for each in exercises]
    else:
        found = _there(workbook, exercises, runtime, reporter, language, seed)
    _record(workbook, found)
    return found


def check_all(
    workbook: Workbook, reporter: Reporter, *, on: str | None = None, seed: int | None = None
) -> list[Checked]:
    """Check the whole workbook, several at a time, and mark afresh what is done and what is not.

    A file that is missing is one that is not done. Only how many tasks passed is told.
    """
    known = [each for each in workbook.course.exercises if workbook.file(each).is_file()]
    runtime = checking_place(known, on)
    with reporter.step(tr("Checking {known} exercises", known=len(known))) as progress:
        if runtime is not None:
            found = _there(workbook, known, runtime, Silent(), "en", seed)
        else:
            found = []
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                calls = [pool.submit(_here, workbook, each, Silent(), "en", seed) for each in known]
                try:
                    for call in calls:
                        found.append(call.result())
                        progress.say(f"Checking {len(known)} exercises: {len(found)} done")
                finally:
                    pool.shutdown(wait=False, cancel_futures=True)
    checked = {each.exercise.slug: each for each in found}
    found = [
        checked.get(each.slug, Checked(each, Outcome.FAILED)) for each in workbook.course.exercises
    ]
    _record(workbook, found)
    return found


def checking_place(exercises: Sequence[Exercise], on: str | None) -> Runtime | None:
    """Return where to check: None is this very machine.

    Raises:
        InputError: it lacks what the checks import, and no runtime is known.
    """
    if on not in (None, HERE):
        return Registry().get(on)
    lacking = next((name for each in exercises for name in _lacking(each)), None)
    if lacking is None:
        return None
    if on is None and (known := Registry().all()):
        return known[0]
    raise InputError(
        tr(
            "The checks need {lacking}, which this machine's Python ({python}) lacks, and no "
            "runtime is connected.",
            lacking=lacking,
            python=sys.executable,
        )
        if on is None
        else tr(
            "The checks need {lacking}, which this machine's Python ({python}) lacks.",
            lacking=lacking,
            python=sys.executable,
        ),
        tr("Install {lacking} for it, or connect a runtime: colabdev cell --copy", lacking=lacking),
    )


def _must_be_there(workbook: Workbook, exercise: Exercise) -> None:
    if not workbook.file(exercise).is_file():
        raise InputError(
            tr("There is no file {exercise}.", exercise=workbook.file(exercise)),
            tr("Put its starter there: colabdev exercises start"),
        )


def _here(
    workbook: Workbook, exercise: Exercise, reporter: Reporter, language: Language, seed: int | None
) -> Checked:
    done: dict[str, Any] = {}
    said = 0

    def say(line: str) -> None:
        nonlocal said
        data = f"{line}\n".encode(errors="replace")
        reporter.event(Output(said, "stdout", data))
        said += len(data)

    def report(kind: str, **fields: Any) -> None:
        if kind == "done":
            done.update(fields)
        row = Metric.from_row(fields) if kind == "metric" else Record(kind, fields)
        reporter.event(row)

    order = checker.Order(
        exercise=str(workbook.file(exercise)),
        check=str(exercise.check),
        slug=exercise.slug,
        seed=checker.new_seed() if seed is None else seed,
    )
    ended = checker.tell(order, language, say, report, warm.start)
    if ended == checker.BROKEN:
        raise CourseError(
            tr(
                "The checks of '{slug}' cannot run: {done}",
                slug=exercise.slug,
                done=translated(done["message"]),
            ),
            tr(
                "If it lacks a package, install it; a course is proved by: colabdev "
                "exercises author check"
            ),
        )
    return Checked(exercise, Outcome(ended), done["passed"], done["tasks"])


def _there(
    workbook: Workbook,
    exercises: Sequence[Exercise],
    runtime: Runtime,
    reporter: Reporter,
    language: Language,
    seed: int | None,
) -> list[Checked]:
    # Only here: they load what reaches a machine, and a check on this one is to answer at once.
    from colabdev.commands.exercises.run import run_exercise
    from colabdev.remote.reach import reach

    with reporter.step(tr("Connecting to {alias}", alias=runtime.alias)):
        transport = reach(runtime)
    with transport:
        found = []
        for exercise in exercises:
            ended = run_exercise(
                exercise.slug,
                runtime,
                transport,
                reporter,
                mine=workbook.file(exercise),
                course=workbook.course,
                language=language,
                seed=seed,
                measure=False,
            )
            found.append(Checked(exercise, ended.outcome, ended.passed, ended.tasks))
    return found


def _record(workbook: Workbook, found: Sequence[Checked]) -> None:
    workbook.record({each.exercise.slug: each.outcome for each in found if each.outcome})


def _lacking(exercise: Exercise) -> Iterator[str]:
    """Yield what the checks and the solution import and this Python does not have."""
    for file in (exercise.check, exercise.solution):
        for name in _imports(file):
            if name not in sys.stdlib_module_names and importlib.util.find_spec(name) is None:
                yield name


def _imports(file: Path) -> Iterator[str]:
    """Yield the packages that *file* imports; one that Python cannot read imports nothing."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # which the check itself will tell
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
