"""A check says the same wherever it runs, and marks what it found."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.exercises.check import check, check_all, checking_place
from colabdev.commands.exercises.learn import start
from colabdev.commands.reporter import Silent
from colabdev.errors import CourseError, InputError
from colabdev.exercises.course import Course, Outcome
from colabdev.exercises.workbook import Workbook
from colabdev.jobs.job import Event, Metric, Output, Record
from tests.support.checks import MINI_COURSE, copy_of_mini, warm_checker
from tests.support.runtime import StartedRuntime

RIGHT = "wrong-value"


@dataclass
class Heard(Silent):
    """A reporter that keeps the events."""

    events: list[Event] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def output(self) -> str:
        return b"".join(each.data for each in self.events if isinstance(each, Output)).decode()

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.events if isinstance(each, Record)]


@pytest.fixture(autouse=True)
def cool(home: Path) -> Iterator[None]:
    """End the warm checker of the test."""
    with warm_checker():
        yield


@pytest.fixture
def heard() -> Heard:
    """Return a reporter that remembers."""
    return Heard()


@pytest.fixture
def book(folder: Path) -> Workbook:
    """Lend a workbook of the mini-course."""
    return Workbook.find(start(None, folder, course=MINI_COURSE).folder)


def _solve(book: Workbook, slug: str) -> None:
    exercise = book.course.exercise(slug)
    book.file(exercise).write_bytes(exercise.solution.read_bytes())


def test_from_failure_to_success(book: Workbook, heard: Heard) -> None:
    """A starter fails, the solution passes and is marked, and a damaged one fails again."""
    exercise = book.course.exercise(RIGHT)
    (found,) = check(book, [exercise], heard, seed=5, language="ko")
    assert (found.outcome, found.passed, found.tasks) == (Outcome.FAILED, 0, 1)
    assert "값이 다릅니다." in heard.output
    assert "seed 5" in heard.output
    assert heard.kinds == ["env", "check", "done"]
    assert not book.again().passed(exercise)
    _solve(book, RIGHT)
    (found,) = check(book, [exercise], heard)
    assert (found.outcome, found.passed, found.tasks) == (Outcome.PASSED, 1, 1)
    assert book.again().passed(exercise)
    book.file(exercise).write_text("x = (\n")
    (found,) = check(book, [exercise], heard)
    assert found.outcome is Outcome.ERROR
    assert not book.again().passed(exercise)
    assert not any(isinstance(event, Metric) for event in heard.events)


def test_all_of_them_are_marked_afresh(book: Workbook) -> None:
    """Each exercise has its own outcome; a missing file is not done; a hang ends in time."""
    for slug in (RIGHT, "measured", "calls-exit"):
        _solve(book, slug)
    book.record({"raises-error": Outcome.PASSED})
    book.file(book.course.exercise("calls-exit")).unlink()
    found = check_all(book.again(), Silent())
    assert {each.exercise.slug: each.outcome for each in found} == {
        RIGHT: Outcome.PASSED,
        "raises-error": Outcome.ERROR,
        "never-ends": Outcome.ERROR,
        "calls-exit": Outcome.FAILED,
        "needs-gpu": Outcome.SKIPPED,
        "measured": Outcome.PASSED,
    }
    after = book.again()
    assert [each.slug for each in after.course.exercises if after.passed(each)] == [
        RIGHT,
        "measured",
    ]


def test_a_missing_file_is_the_learners_to_mend(book: Workbook, heard: Heard) -> None:
    """It is named, with the way to have it back; nothing is checked."""
    exercise = book.course.exercise(RIGHT)
    book.file(exercise).unlink()
    with pytest.raises(InputError) as missing:
        check(book, [exercise], heard)
    assert f"{RIGHT}.py" in missing.value.message
    assert "exercises start" in missing.value.hint
    assert heard.events == []


def test_checks_that_are_broken_are_not_the_learners_fault(folder: Path, heard: Heard) -> None:
    """A check file that raises is told as such, and nothing is marked."""
    root = copy_of_mini(folder, RIGHT)
    book = Workbook.find(start(None, folder, course=root).folder)
    exercise = book.course.exercises[0]
    book.record({RIGHT: Outcome.PASSED})
    exercise.check.write_text("raise RuntimeError('mine')\n")
    with pytest.raises(CourseError, match="mine") as broken:
        check(book, [exercise], heard)
    assert "author check" in broken.value.hint
    assert book.again().passed(exercise)


def test_no_torch_and_no_runtime(folder: Path, heard: Heard) -> None:
    """Checks that import what this machine lacks want a runtime, and say so if there is none."""
    root = copy_of_mini(folder, RIGHT)
    book = Workbook.find(start(None, folder, course=root).folder)
    exercise = book.course.exercises[0]
    exercise.check.write_text("import no_such_torch.nn\nfrom os import path\n")
    for on, said in ((None, "no runtime is connected"), ("here", "no_such_torch")):
        with pytest.raises(InputError, match=said) as lacking:
            check(book, [exercise], heard, on=on)
        assert "cell --copy" in lacking.value.hint
    with pytest.raises(InputError):
        check(book, [exercise], heard, on="colab")


@pytest.mark.sshd
def test_the_same_verdict_on_a_runtime(book: Workbook, machine: StartedRuntime) -> None:
    """On a runtime the learner reads the very lines they read here, and it is marked as well."""
    connect(machine.connect_string, "colab", Silent())
    _solve(book, RIGHT)
    exercises = [book.course.exercise(slug) for slug in (RIGHT, "raises-error", "measured")]
    local, remote = Heard(), Heard()
    ours = check(book, exercises, local, seed=3)
    book.record(dict.fromkeys((each.slug for each in exercises), Outcome.FAILED))
    theirs = check(book.again(), exercises, remote, on="colab", seed=3)
    assert ours == theirs
    assert book.again().passed(exercises[0])
    assert local.kinds == remote.kinds

    def told(heard: Heard) -> list[str]:
        """Return what was said but the machine and the seconds that it took."""
        lines = heard.output.splitlines()
        return [line.rpartition(",")[0] or line for line in lines if ": device " not in line]

    assert told(local) == told(remote)


@pytest.mark.sshd
def test_a_runtime_steps_in_for_what_is_lacking_here(folder: Path, machine: StartedRuntime) -> None:
    """Without being told, the check goes where its packages may be."""
    connect(machine.connect_string, "colab", Silent())
    root = copy_of_mini(folder, RIGHT)
    exercise = Course.load(root).exercises[0]
    assert checking_place([exercise], None) is None
    exercise.check.write_text("import no_such_torch\n")
    chosen = checking_place([exercise], None)
    assert chosen
    assert chosen.alias == "colab"
