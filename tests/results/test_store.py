"""The results: what is recorded is what is read, and nothing that was recorded is lost."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabdev import paths
from colabdev.errors import ConfigError, InputError
from colabdev.jobs.job import Artifact, Event, Exited, JobState, Metric, Output, Record
from colabdev.results import schema
from colabdev.results.run import RunState
from colabdev.results.store import Results

HARDWARE = {"gpu": {"name": "Tesla T4"}, "cpus": 2}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRICS = st.builds(
    Metric,
    metric=st.text(),
    value=NUMBERS | st.sampled_from(["nan", "inf", "-inf"]) | st.none(),
    exercise=st.text(),
    case=st.text(),
    unit=st.text(),
    skipped=st.text(),
    replicates=st.none() | st.integers(0, 2**63 - 1),
    iqr=st.none() | NUMBERS,
    step=st.none() | st.integers(-(2**63), 2**63 - 1),
    time=st.none() | NUMBERS,
)


def begin(results: Results, name: str = "train.py", run_id: str | None = None) -> str:
    return results.begin("run", name, "colab", ("python", name), "d1", HARDWARE, run_id=run_id)


def test_a_run_is_read_as_it_was_recorded() -> None:
    """Everything but the output comes back, after the file was closed and opened again."""
    with Results(now=lambda: 100.0) as results:
        run_id = begin(results, "한글 train.py")
        results.record(run_id, Output(0, "stdout", b"hello"), 10)
        results.record(run_id, Record("env", {"torch": "2.13", "sizes": [1, 2]}), 20)
        results.record(run_id, Metric("loss", 0.5, step=1, case="a"), 30)
        results.record(run_id, Metric("loss", "nan", step=2), 40)
        results.record(run_id, Artifact("out/model.pt", "ab" * 32, 5), 50)
        results.record(run_id, Exited(7), 60)
        results.finish(run_id, JobState.FAILED, 7, seconds=2.5)
    with Results() as results:
        run = results.run("last")
        (listed,) = results.runs()
    assert (run.id, run.kind, run.name, run.alias) == (run_id, "run", "한글 train.py", "colab")
    assert (run.command, run.code_digest) == (("python", "한글 train.py"), "d1")
    assert run.hardware == HARDWARE
    assert (run.state, run.exit_code) == (RunState.FAILED, 7)
    assert (run.started, run.ended) == (100.0, 102.5)
    assert run.metrics == (Metric("loss", 0.5, step=1, case="a"), Metric("loss", "nan", step=2))
    assert run.records == (Record("env", {"torch": "2.13", "sizes": [1, 2]}),)
    assert run.artifacts == (Artifact("out/model.pt", "ab" * 32, 5),)
    assert (listed.id, listed.metric_count, listed.metrics) == (run_id, 2, ())


@given(st.lists(METRICS, max_size=5))
def test_any_metric_survives(metrics: list[Metric]) -> None:
    """Text of any kind and numbers up to their limits come back equal, in order."""
    with Results() as results:
        run_id = begin(results)
        for metric in metrics:
            results.record(run_id, metric)
        results.finish(run_id, RunState.SUCCEEDED, 0)
        assert results.run(run_id).metrics == tuple(metrics)


def test_what_is_told_twice_is_recorded_once() -> None:
    """A log that is read again from the start adds only what had not come before."""
    told: list[tuple[int, Event]] = [
        (10, Metric("loss", 1.0)),
        (20, Record("note", {"text": "x"})),
        (30, Metric("loss", 1.0)),
    ]
    with Results() as results:
        run_id = begin(results)
        for position, event in told[:2]:
            results.record(run_id, event, position)
        assert begin(results, run_id=run_id) == run_id
        for position, event in told:
            results.record(run_id, event, position)
        run = results.run(run_id)
    assert run.metrics == (Metric("loss", 1.0), Metric("loss", 1.0))
    assert run.records == (Record("note", {"text": "x"}),)


def test_an_end_is_final() -> None:
    """Reading an ended run's log again changes neither its state nor its times."""
    times = iter((100.0, 110.0, 500.0, 510.0))
    with Results(now=lambda: next(times)) as results:
        run_id = begin(results)
        results.finish(run_id, RunState.SUCCEEDED, 0)
        ended = results.run(run_id)
        begin(results, run_id=run_id)
        results.finish(run_id, RunState.LOST, None)
        assert results.run(run_id) == ended


def test_a_detached_run_may_go_on() -> None:
    """Left to itself it has no end; listened to again it runs, and then ends."""
    with Results() as results:
        run_id = begin(results)
        results.finish(run_id, RunState.DETACHED, None)
        assert (results.run(run_id).state, results.run(run_id).ended) == (RunState.DETACHED, None)
        begin(results, run_id=run_id)
        assert results.run(run_id).state is RunState.RUNNING
        results.finish(run_id, RunState.SUCCEEDED, 0)
        assert results.run(run_id).state is RunState.SUCCEEDED


LISTENER = """
import sys
from colabdev.results.store import Results
with Results() as results:
    results.begin("run", "train.py", "colab", ["x"], "", {}, run_id="theone")
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_run_nobody_listens_to_is_interrupted(number: signal.Signals | None) -> None:
    """While another process listens the run runs; when that one is gone in any way, it is said."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == b"begun\n"
        with Results() as results:
            assert results.run("last").state is RunState.RUNNING
            if number is None:
                child.stdin.close()
            else:
                child.send_signal(number)
            child.wait()
            assert results.run("last").state is RunState.INTERRUPTED
            assert results.runs()[0].state is RunState.INTERRUPTED
            begin(results, run_id="theone")
            assert results.run("last").state is RunState.RUNNING
    assert not list(paths.home().glob("*.theone.lock"))


FORKED = """
import ctypes, os, sys
from colabdev.results.store import Results
with Results() as results:
    results.begin("run", "train.py", "colab", ["x"], "", {}, run_id="theone")
    if ctypes.CDLL(None).fork() == 0:  # as subprocess does: no hook of Python's runs in the child
        sys.stdin.read()
        os._exit(0)
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="no process is made by forking on Windows")
def test_a_child_on_its_way_to_another_program_does_not_listen() -> None:
    """A killed listener's child that has all its descriptors still does not hold the run on."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == b"begun\n"
        child.kill()
        child.wait()
        with Results() as results:
            assert results.run("last").state is RunState.INTERRUPTED
        child.stdin.close()  # the child's child ends


def test_a_look_takes_no_claim_away() -> None:
    """In the listening process itself others may look, again and again: the run runs."""
    with Results() as results, Results() as other:
        run_id = begin(results)
        for _ in range(2):
            assert other.run(run_id).state is RunState.RUNNING
        (claim,) = paths.home().glob(f"*.{run_id}.lock")
        assert stat.S_IMODE(claim.stat().st_mode) == 0o600
        code = (
            "from colabdev.results.store import Results\n"
            f"with Results() as results: print(results.run({run_id!r}).state.value)"
        )
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
        assert done.stdout == b"running\n"


def test_a_run_is_found_by_the_beginning_of_its_id() -> None:
    """One that fits is found, several are named, and none is said to be none."""
    with Results() as results:
        with pytest.raises(InputError, match="No run has been recorded"):
            results.run("last")
        for run_id in ("abc1", "abd2", "ab"):
            begin(results, run_id=run_id)
        assert results.run("abc").id == "abc1"
        assert results.run("ab").id == "ab"
        assert results.run("last").id == "ab"
        with pytest.raises(InputError) as caught:
            results.run("a")
        assert "abc1, abd2" in caught.value.hint
        for nothing in ("x", "%", "a_c", "abc12", "한글"):
            with pytest.raises(InputError):
                results.run(nothing)


def test_runs_are_listed_newest_first() -> None:
    """The limit and the kind choose among them."""
    times = iter(range(100))
    with Results(now=lambda: float(next(times))) as results:
        made = [
            results.begin(kind, str(number), "colab", (), "", {})
            for number, kind in enumerate(("run", "exercise", "run", "exercise"))
        ]
        assert [run.id for run in results.runs()] == made[::-1]
        assert [run.id for run in results.runs(2)] == made[:1:-1]
        assert [run.id for run in results.runs(kind="run")] == [made[2], made[0]]


def test_the_hardware_may_come_later() -> None:
    """What a run runs on is added once it is known."""
    with Results() as results:
        run_id = results.begin("run", "x", "colab", (), "", {})
        results.describe(run_id, HARDWARE)
        assert results.run(run_id).hardware == HARDWARE


def test_no_one_else_reads_the_file() -> None:
    """The database and what SQLite puts beside it are for the owner alone."""
    with Results() as results:
        begin(results)
        files = list(paths.home().glob("results*"))
        assert len(files) >= 3
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert stat.S_IMODE(paths.home().stat().st_mode) == 0o700


def test_many_record_at_once(tmp_path: Path) -> None:
    """Writers that start on no file at all lose nothing to each other."""
    path = tmp_path / "results.sqlite3"
    ready = threading.Barrier(4)

    def write(number: int) -> None:
        ready.wait()
        with Results(path) as results:
            run_id = begin(results, run_id=f"run{number}")
            for step in range(25):
                results.record(run_id, Metric("loss", float(step), step=step))
            results.finish(run_id, RunState.SUCCEEDED, 0)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Results(path) as results:
        for number in range(4):
            steps = [metric.step for metric in results.run(f"run{number}").metrics]
            assert steps == list(range(25))


def _damage(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 100)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    database.close()


def _row(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE runs SET command = 'no json'")
    database.close()


@pytest.mark.parametrize("spoil", [_damage, _cut, _newer, _row])
def test_what_cannot_be_read_is_left_as_it_is(spoil: Callable[[Path], None]) -> None:
    """A damaged file, or one of a newer colabdev, is an error that names it, never replaced."""
    with Results() as results:
        begin(results)
    path = paths.results_file()
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught, Results() as results:
        results.runs()
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == before


def test_a_place_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    """A folder in the way of the file, or a file in the way of the folder, is named."""
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "results.sqlite3"):
        with pytest.raises(ConfigError, match=str(tmp_path)):
            Results(path)


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQLite cannot write ends in one sentence, and what it had written stays."""
    with Results() as results:
        run_id = begin(results)
        results.record(run_id, Metric("loss", 1.0))
    code = (
        "import resource\n"
        "from colabdev.errors import ConfigError\n"
        "from colabdev.jobs.job import Metric\n"
        "from colabdev.results.store import Results\n"
        "results = Results()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "try: results.record(results.run('last').id, Metric('loss', 2.0))\n"
        "except ConfigError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert str(paths.results_file()) in done.stdout
    with Results() as results:
        assert results.run(run_id).metrics == (Metric("loss", 1.0),)


def test_no_number_is_bent() -> None:
    """SQLite would make text of some numbers and nothing of nan; the store does not let it."""
    values: list[float | str | None] = [0.1, 1e308, 2**53 + 1, "nan", "inf", None]
    with Results() as results:
        run_id = begin(results)
        for value in values:
            results.record(run_id, Metric("x", value))
        stored = [metric.value for metric in results.run(run_id).metrics]
    assert [repr(value) for value in stored] == [repr(value) for value in values]
