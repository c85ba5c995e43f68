"""What the checks are worth: they catch small mistakes made from each solution's syntax tree."""

import os
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev.exercises import warm
from colabdev.exercises.course import Course, Exercise
from colabdev.payload import checker
from tests.support.mutants import Mutant, mutants

FULL = bool(os.environ.get("COLABDEV_TEST_FULL"))
SAMPLE = 3  # of each exercise, when not all are asked for
FEWEST = 5
SURVIVORS = tomllib.loads((Path(__file__).parent / "survivors.toml").read_text(encoding="utf-8"))

pytestmark = [pytest.mark.torch, pytest.mark.slow]


@pytest.fixture
def warm_checker(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let mutants write where they like, and end the warm checker that this test's home got."""
    monkeypatch.chdir(home)
    yield
    warm.stop()


def _mutants(exercise: Exercise) -> list[Mutant]:
    return list(mutants(exercise.solution.read_text(encoding="utf-8")))


def _outcome(exercise: Exercise, file: Path, mutant: Mutant, seed: int) -> str:
    file.write_text(mutant.source, encoding="utf-8")
    order = checker.Order(
        exercise=str(file), check=str(exercise.check), slug=exercise.slug, seed=seed
    )
    events = checker.examine(order, warm.start if warm.SUPPORTED else None)
    return checker.outcome([event for event in events if isinstance(event, checker.Verdict)])


def test_mutants_are_caught(folder: Path, warm_checker: None) -> None:
    """Every mutant fails its check but for those that are listed with the reason.

    A short run takes some of each exercise, new ones each time; the seed is in the message.
    """
    seed = random.SystemRandom().randrange(10**6)
    chosen = random.Random(seed)
    escaped = []
    for exercise in Course.load().exercises:
        known = SURVIVORS.get(exercise.slug, {})
        todo = [mutant for mutant in _mutants(exercise) if mutant.name not in known]
        for mutant in todo if FULL else chosen.sample(todo, min(SAMPLE, len(todo))):
            file = folder / f"{exercise.slug}.py"
            if _outcome(exercise, file, mutant, seed) == "passed":
                escaped.append(f"{exercise.slug}, {mutant.name}")
    assert not escaped, f"seed {seed}"


def test_survivors_are_few_and_known() -> None:
    """Each solution has mutants enough, at most 5 % of all survive, and no entry is out of date."""
    total = listed = 0
    for exercise in Course.load().exercises:
        names = {mutant.name for mutant in _mutants(exercise)}
        assert len(names) >= FEWEST, exercise.slug
        known = SURVIVORS.get(exercise.slug, {})
        assert known.keys() <= names, exercise.slug
        assert all(known.values()), f"{exercise.slug}: each survivor has a reason"
        total += len(names)
        listed += len(known)
    assert listed <= 0.05 * total
