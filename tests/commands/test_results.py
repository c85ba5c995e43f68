"""What is recorded, as a command gives it out."""

import pytest

from colabdev.commands.results import list_runs, show_run
from colabdev.errors import InputError
from colabdev.jobs.job import Metric
from colabdev.results.run import RunState
from colabdev.results.store import Results


def test_runs_are_listed_and_shown() -> None:
    """The list is newest first and bare; one run is shown whole, by any beginning of its id."""
    assert list_runs() == []
    for number, kind in enumerate(("run", "exercise", "run")):
        with Results(now=lambda moment=float(number): moment) as results:  # type: ignore[misc]
            run_id = results.begin(kind, "x", "colab", ("x",), "", {}, run_id=f"{number}abc")
            results.record(run_id, Metric("loss", 0.5))
            results.finish(run_id, RunState.SUCCEEDED, 0)
    assert [run.id for run in list_runs()] == ["2abc", "1abc", "0abc"]
    assert [run.id for run in list_runs(limit=1)] == ["2abc"]
    assert [run.id for run in list_runs(kind="exercise")] == ["1abc"]
    assert [(run.metric_count, run.metrics) for run in list_runs(limit=1)] == [(1, ())]
    assert show_run().id == "2abc"
    assert show_run("1").metrics == (Metric("loss", 0.5),)


def test_what_cannot_be_listed_is_bad_input() -> None:
    """An unknown kind, no number of runs, an unknown run: each is a sentence and exit code 2."""
    for wrong in (
        lambda: list_runs(kind="runs"),
        lambda: list_runs(limit=0),
        lambda: show_run("last"),
        lambda: show_run("nope"),
    ):
        with pytest.raises(InputError) as caught:
            wrong()
        assert caught.value.exit_code == 2
        assert caught.value.hint
