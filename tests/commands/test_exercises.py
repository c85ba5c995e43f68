"""An exercise runs as a job on a runtime, and what it measures is recorded there and then."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.exercises.author import check_course
from colabdev.commands.exercises.history import side_by_side
from colabdev.commands.exercises.run import ExerciseOutcome, run_course, run_exercise
from colabdev.commands.reporter import Silent
from colabdev.errors import InputError, RemoteFailure
from colabdev.exercises.course import Course, Outcome
from colabdev.exercises.workbook import Workbook
from colabdev.jobs.job import Event, Metric, Output
from colabdev.remote.local import LocalTransport
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Transport
from colabdev.results.run import RunState
from colabdev.results.store import Results
from tests.support.checks import MINI_COURSE, copy_of_mini
from tests.support.runtime import StartedRuntime


@dataclass
class Heard(Silent):
    """A reporter that keeps the events of the job."""

    events: list[Event] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def output(self) -> str:
        """Return what the job printed."""
        told = (event.data for event in self.events if isinstance(event, Output))
        return b"".join(told).decode()


@pytest.fixture
def heard() -> Heard:
    """Return a reporter that remembers what the job told."""
    return Heard()


@pytest.fixture
def here() -> Runtime:
    """Return this very machine as a runtime."""
    return Registry().get("here")


@pytest.fixture
def transport() -> Iterator[Transport]:
    """Lend the way to this very machine."""
    with LocalTransport() as transport:
        yield transport


MINI = Course.load(MINI_COURSE)


def _id(done: ExerciseOutcome) -> str:
    """Return the id of the run, which is there when the checks could run."""
    assert done.run
    return done.run.run_id


def test_an_exercise_is_checked_measured_and_recorded(
    here: Runtime, transport: Transport, heard: Heard
) -> None:
    """The solution passes; its metrics and rows stand in the results with the hardware."""
    done = run_exercise("measured", here, transport, heard, course=MINI)
    assert done.outcome is Outcome.PASSED
    assert done.code == 0
    assert "PASSED   measured: 2/2" in heard.output
    with Results() as results:
        run = results.run(_id(done))
    assert (run.kind, run.name, run.alias) == ("exercise", "measured", "here")
    assert run.state is RunState.SUCCEEDED
    assert run.hardware["cpus"] >= 1
    assert len(run.code_digest) == 64
    rows = {(metric.case, metric.metric): metric for metric in run.metrics}
    assert set(rows) == {("sum-1m", "seconds"), ("sum-1m", "odd"), ("sum-1m-gpu", "seconds")}
    assert all(metric.exercise == "measured" for metric in run.metrics)
    assert rows["sum-1m", "odd"].value == "nan"
    assert rows["sum-1m-gpu", "seconds"].skipped == "no cuda"
    assert run.metrics == tuple(event for event in heard.events if isinstance(event, Metric))
    assert [record.kind for record in run.records] == ["env", "check", "check", "done"]


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        ("def total(n):\n    return sum(range(n))\n", Outcome.PASSED, "PASSED"),
        ("def total(n):\n    return n\n", Outcome.FAILED, "your line: measured.py:2: return n"),
        ("def total(n):\n    return 1 / 0\n", Outcome.ERROR, "ZeroDivisionError"),
        ("import os; os._exit(0)\n", Outcome.ERROR, "ended its whole process"),
        ("", Outcome.FAILED, "does not define"),
    ],
)
def test_my_own_answer(
    here: Runtime,
    transport: Transport,
    heard: Heard,
    folder: Path,
    answer: str,
    outcome: Outcome,
    said: str,
) -> None:
    """A learner's file, whatever it is called, is checked in the place of the solution."""
    mine = folder / "내 답 (1)\n.py"
    mine.write_text(answer)
    done = run_exercise("measured", here, transport, heard, course=MINI, mine=mine)
    assert done.outcome is outcome
    assert done.code == (0 if outcome is Outcome.PASSED else 1)
    assert said in heard.output


def test_what_only_a_gpu_can_show_is_skipped(
    here: Runtime, transport: Transport, heard: Heard
) -> None:
    """An exercise with nothing to do here is neither passed nor failed."""
    done = run_exercise("needs-gpu", here, transport, heard, course=MINI)
    assert done.outcome is Outcome.SKIPPED


def test_a_seed_and_a_language_arrive(here: Runtime, transport: Transport, heard: Heard) -> None:
    """The far side uses the seed it was given, and speaks Korean when asked to."""
    starter = MINI.exercise("wrong-value").starter
    run_exercise(
        "wrong-value", here, transport, heard, course=MINI, mine=starter, seed=5, language="ko"
    )
    assert "seed 5" in heard.output
    assert "값이 다릅니다." in heard.output


def test_twice_is_two_runs_of_the_same_code(
    here: Runtime, transport: Transport, heard: Heard
) -> None:
    """Running again records again; the code, and the folder it lies in, is the same."""
    one, other = (run_exercise("measured", here, transport, heard, course=MINI) for _ in range(2))
    assert _id(one) != _id(other)
    with Results() as results:
        runs = [results.run(_id(done)) for done in (one, other)]
    assert runs[0].code_digest == runs[1].code_digest
    assert len(list((Path(here.root) / "colabdev-course").iterdir())) == 1


def test_checks_that_cannot_run_there(
    here: Runtime, transport: Transport, heard: Heard, folder: Path
) -> None:
    """Checks that lack a package fail as the far side's fault, with a next step."""
    course = copy_of_mini(folder)
    (course / "checks" / "measured.py").write_text("import no_such_package\n")
    with pytest.raises(RemoteFailure) as failed:
        run_exercise("measured", here, transport, heard, course=Course.load(course))
    assert failed.value.exit_code == 70
    assert "no_such_package" in failed.value.message
    assert failed.value.hint


def test_bad_input_is_refused_before_anything_is_sent(
    here: Runtime, transport: Transport, heard: Heard, folder: Path
) -> None:
    """An unknown exercise and a missing file are the user's to mend; nothing has happened."""
    with pytest.raises(InputError, match="no exercise 'measurd'"):
        run_exercise("measurd", here, transport, heard, course=MINI)
    for mine in (folder / "nowhere.py", folder):
        with pytest.raises(InputError, match="cannot be read"):
            run_exercise("measured", here, transport, heard, course=MINI, mine=mine)
    assert not Path(here.root).exists()
    assert not paths.results_file().exists()


@pytest.mark.sshd
@pytest.mark.torch
def test_over_ssh_on_the_runtime_of_the_cell(machine: StartedRuntime, heard: Heard) -> None:
    """An exercise of ours passes on a runtime that the shipped cell started."""
    connect(machine.connect_string, "colab", heard)
    runtime = Registry().get("colab")
    with reach(runtime) as transport:
        done = run_exercise("tiny-autograd", runtime, transport, heard)
    assert done.outcome is Outcome.PASSED
    with Results() as results:
        run = results.run("last")
    assert (run.alias, run.name, run.state) == ("colab", "tiny-autograd", RunState.SUCCEEDED)
    assert run.records[0].kind == "env"
    assert run.records[0].fields["torch"]
    assert list((machine.home / "content" / "colabdev-course").glob("tiny-autograd-*"))


def test_a_whole_course_runs_in_turn(
    here: Runtime, transport: Transport, heard: Heard, folder: Path
) -> None:
    """Each exercise is a run of its own; checks that cannot run end only their own."""
    root = copy_of_mini(folder, "wrong-value", "needs-gpu", "measured")
    (root / "checks" / "wrong-value.py").write_text("import no_such_package\n")
    course = Course.load(root)
    outcomes = list(run_course(here, transport, heard, course=course))
    assert [(each.exercise.slug, each.outcome, each.code) for each in outcomes] == [
        ("wrong-value", None, 70),
        ("needs-gpu", Outcome.SKIPPED, 1),
        ("measured", Outcome.PASSED, 0),
    ]
    assert [each.passed for each in outcomes] == [0, 0, 2]
    with Results() as results:
        assert {run.name for run in results.runs(kind="exercise")} == {
            each.slug for each in course.exercises
        }


def test_a_whole_course_of_my_own(
    here: Runtime, transport: Transport, heard: Heard, folder: Path
) -> None:
    """With a workbook it is the learner's files that run."""
    book = Workbook(folder / "mine", Course.load(copy_of_mini(folder, "wrong-value", "measured")))
    book.lay_down()
    outcomes = list(run_course(here, transport, heard, course=book.course, mine=book))
    assert [each.outcome for each in outcomes] == [Outcome.FAILED, Outcome.FAILED]


def test_runs_stand_side_by_side(here: Runtime, transport: Transport, heard: Heard) -> None:
    """The last run on each machine, or the last ones, joined by case and metric."""
    exercise = MINI.exercise("measured")
    assert side_by_side(exercise).runs == ()
    runs = [run_exercise("measured", here, transport, heard, course=MINI).run for _ in range(2)]
    known = [run.run_id for run in runs if run]
    assert [run.id for run in side_by_side(exercise).runs] == known[-1:]
    both = side_by_side(exercise, last=5)
    assert [run.id for run in both.runs] == known
    assert [(line.case, line.metric) for line in both.lines] == [
        ("sum-1m", "seconds"),
        ("sum-1m", "odd"),
        ("sum-1m-gpu", "seconds"),
    ]
    seconds, odd, skipped = both.lines
    for run, value in zip(both.runs, seconds.values, strict=True):
        assert value
        assert value in run.metrics
    assert [value and value.value for value in odd.values] == ["nan", "nan"]
    assert [value and value.skipped for value in skipped.values] == ["no cuda", "no cuda"]


def test_what_only_one_machine_measured(here: Runtime, transport: Transport, heard: Heard) -> None:
    """Another machine's run has a column of its own; what it lacks is empty there."""
    done = run_exercise("measured", here, transport, heard, course=MINI).run
    assert done
    with Results() as results:
        other = results.begin("exercise", "measured", "colab", (), "", {"gpu": {"name": "T4"}})
        results.record(other, Metric("seconds", 0.5, case="sum-1m-gpu", unit="s"))
        results.finish(other, RunState.SUCCEEDED, 0)
        results.begin("exercise", "measured", "colab", (), "", {})  # which measured nothing
    found = side_by_side(MINI.exercise("measured"))
    assert [run.alias for run in found.runs] == ["here", "colab"]
    values = {(line.case, line.metric): line.values for line in found.lines}
    assert values["sum-1m", "seconds"][1] is None
    gpu = values["sum-1m-gpu", "seconds"][1]
    assert gpu
    assert gpu.value == 0.5


def test_the_author_check() -> None:
    """The author check takes a folder of anybody's course."""
    assert check_course(MINI_COURSE, Silent()) == []
