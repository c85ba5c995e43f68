"""What a course's author is held to: complete, and honest about what passes."""

import ast
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from colabdev.errors import why_unreadable
from colabdev.exercises.course import Course, Exercise, Outcome
from colabdev.language import tr
from colabdev.payload import checker

_TREES = ("exercises", "checks", "solutions", "briefs", "explanations")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with *file* of a course."""

    file: Path
    message: str


def author_check(course: Course) -> list[Problem]:
    """Return what is wrong with *course*; nothing, if learners may have it.

    Every file must be there and say something, none may be there that belongs to no exercise;
    each starter has a TODO and fails its check; each solution passes, with warnings as errors.
    The checks run under this very interpreter, which needs what they need (torch, as a rule).
    """
    if problems := list(_files(course)):
        return problems
    for exercise in course.exercises:
        problems += _texts(exercise)
    # Each one is a process that mostly computes: as many at a time as there are processors.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for found in pool.map(_verdicts, course.exercises):
            problems += found
    return problems


def _files(course: Course) -> Iterator[Problem]:
    expected = {file for exercise in course.exercises for file in exercise.files()}
    for file in sorted(expected):
        try:
            if not file.read_text(encoding="utf-8").strip():
                yield Problem(file, tr("is empty"))
        except FileNotFoundError:
            yield Problem(file, tr("is missing"))
        except (OSError, UnicodeDecodeError) as error:
            yield Problem(file, tr("cannot be read: {error}", error=why_unreadable(error)))
    for tree in _TREES:
        for file in sorted((course.root / tree).rglob("*")):
            if file.is_file() and file not in expected and "__pycache__" not in file.parts:
                yield Problem(file, tr("belongs to no exercise"))


def _texts(exercise: Exercise) -> Iterator[Problem]:
    if "TODO" not in exercise.starter.read_text(encoding="utf-8"):
        yield Problem(exercise.starter, tr("has no TODO"))
    if "TODO" in exercise.solution.read_text(encoding="utf-8"):
        yield Problem(exercise.solution, tr("still has a TODO"))
    if _measures(exercise.check) != (exercise.gpu == "measures"):
        yield Problem(exercise.check, tr("does not do what gpu = '{gpu}' says", gpu=exercise.gpu))


def _measures(check: Path) -> bool:
    try:
        tree = ast.parse(check.read_text(encoding="utf-8"))
    except SyntaxError:
        return False  # which running it will tell
    return any(isinstance(each, ast.FunctionDef) and each.name == "measure" for each in tree.body)


def _verdicts(exercise: Exercise) -> list[Problem]:
    """Run the check on the starter, which must not pass, and on the solution, which must."""
    problems = []
    try:
        if checker.outcome(_examine(exercise, exercise.starter)) == Outcome.PASSED:
            problems.append(Problem(exercise.starter, tr("passes as it is shipped")))
        solved = _examine(exercise, exercise.solution)
    except checker.Broken as broken:
        return [Problem(exercise.check, tr("cannot run: {broken}", broken=broken))]
    for verdict in solved:
        if verdict.outcome in (Outcome.FAILED, Outcome.ERROR):
            told = f"{_english(verdict.problem)} {verdict.detail}".strip()
            problems.append(
                Problem(
                    exercise.solution,
                    tr("does not pass {task}: {told}", task=verdict.task, told=told),
                )
            )
    return problems


def _examine(exercise: Exercise, file: Path) -> list[checker.Verdict]:
    is_solution = file == exercise.solution
    order = checker.Order(
        exercise=str(file),
        check=str(exercise.check),
        slug=exercise.slug,
        seed=checker.new_seed(),
        measure=is_solution and exercise.gpu == "measures",
        strict=is_solution,
    )
    return [event for event in checker.examine(order) if isinstance(event, checker.Verdict)]


def _english(text: checker.Text) -> str:
    return text if isinstance(text, str) else text[0]
