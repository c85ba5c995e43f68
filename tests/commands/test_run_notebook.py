"""A notebook runs on the machine, tells its outputs as they come, and comes back with them."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev.commands.jobs import find_job
from colabdev.commands.reporter import Silent
from colabdev.commands.run import run_target
from colabdev.commands.target import script_target
from colabdev.errors import InputError
from colabdev.jobs.client import cancel
from colabdev.jobs.job import Event, JobState, Metric, Output
from colabdev.remote.local import LocalTransport
from colabdev.results.store import Results
from tests.support.far import far_side, output


class Hearing(Silent):
    """A reporter that keeps the events, and opens *gate* at the first output."""

    def __init__(self, gate: Path | None = None) -> None:
        self.events: list[Event] = []
        self._gate = gate

    def event(self, event: Event) -> None:
        self.events.append(event)
        if self._gate and isinstance(event, Output):
            self._gate.touch()


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a project, and end what still runs afterwards."""
    folder = home / "project"
    (folder / "sub dir").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    monkeypatch.chdir(folder)
    with far_side("local", home):
        yield folder


def _notebook(path: Path, *cells: str) -> str:
    made = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "id": str(number),
                "cell_type": "code",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": text,
            }
            for number, text in enumerate(cells)
        ],
    }
    path.write_text(json.dumps(made))
    return str(path)


def _outputs(path: Path) -> list[str]:
    return [json.dumps(cell["outputs"]) for cell in json.loads(path.read_text())["cells"]]


def test_the_outputs_of_cells_stream_and_come_back(project: Path, home: Path) -> None:
    """A print is here while its cell still runs; the kernel is the interpreter's own."""
    gate = home / "gate"
    wait = (
        "import pathlib, time\nprint('first')\nend = time.monotonic() + 30\n"
        f"while not pathlib.Path({str(gate)!r}).exists() and time.monotonic() < end:\n"
        "    time.sleep(.01)\nprint(time.monotonic() < end)"
    )
    notebook = _notebook(
        project / "sub dir" / "[a] 한글.ipynb",
        wait,
        "import os, sys\nos.path.basename(os.getcwd()), sys.executable",
        "import colabdev_report\ncolabdev_report.metric('loss', 0.5)\nprint('e', file=sys.stderr)",
    )
    reporter = Hearing(gate)
    outcome = run_target(script_target(notebook), reporter, on="here")
    told = output(reporter.events, "stdout").decode()
    assert outcome.code == 0, output(reporter.events, "stderr").decode()
    assert told.splitlines() == ["first", "True", str(("sub dir", sys.executable))]
    assert output(reporter.events, "stderr") == b"e\n"
    assert [event.value for event in reporter.events if isinstance(event, Metric)] == [0.5]
    first, second, _ = _outputs(project / "sub dir" / "[a] 한글.executed.ipynb")
    assert "first" in first
    assert "sub dir" in second
    with Results() as results:
        (artifact,) = results.run("last").artifacts
    assert artifact.path == "sub dir/[a] 한글.executed.ipynb"


def test_a_failing_cell_ends_with_1_and_brings_what_there_is(project: Path) -> None:
    """Its error is told, later cells do not run, and the notebook comes as far as it came."""
    notebook = _notebook(project / "n.ipynb", "print('one')", "1 / 0", "print('never')")
    reporter = Hearing()
    assert run_target(script_target(notebook), reporter, on="here").code == 1
    assert output(reporter.events, "stdout") == b"one\n"
    assert b"ZeroDivisionError" in output(reporter.events, "stderr")
    first, second, third = _outputs(project / "n.executed.ipynb")
    assert "one" in first
    assert "ZeroDivisionError" in second
    assert third == "[]"
    assert _outputs(project / "n.ipynb") == ["[]"] * 3


class Stopping(Hearing):
    """A reporter that asks the job to stop once it has said *word*."""

    def __init__(self, word: bytes, *signals: str) -> None:
        super().__init__()
        self._word = word
        self._signals = signals

    def event(self, event: Event) -> None:
        super().event(event)
        if isinstance(event, Output) and self._word in event.data:
            with LocalTransport() as transport:
                for word in self._signals:
                    cancel(transport, find_job(transport, "last").id, word, grace=float("inf"))


def test_a_cancelled_notebook_comes_as_far_as_it_came(project: Path) -> None:
    """The cell is interrupted as by Jupyter's stop button, and no other one begins: 130."""
    notebook = _notebook(
        project / "n.ipynb",
        "print('one')",
        "import time\ntry:\n    print('two')\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('saved')",
        "print('never')",
    )
    reporter = Stopping(b"two", "INT")
    outcome = run_target(script_target(notebook), reporter, on="here")
    assert (outcome.job.state, outcome.code) == (JobState.CANCELLED, 130)
    assert output(reporter.events, "stdout") == b"one\ntwo\nsaved\n"
    assert output(reporter.events, "stderr").splitlines() == [
        b"The notebook was stopped before its last cell."
    ]
    first, second, third = _outputs(project / "n.executed.ipynb")
    assert "one" in first
    assert "saved" in second
    assert third == "[]"


def test_an_interrupted_cell_is_told_as_jupyter_tells_it(project: Path) -> None:
    """KeyboardInterrupt with the cell's line, and nothing of what runs the notebook."""
    notebook = _notebook(project / "n.ipynb", "import time\nprint('on')\ntime.sleep(60)", "2")
    reporter = Stopping(b"on", "INT")
    assert run_target(script_target(notebook), reporter, on="here").code == 130
    told = output(reporter.events, "stderr")
    assert b"KeyboardInterrupt" in told
    assert b"nbclient" not in told
    assert "KeyboardInterrupt" in _outputs(project / "n.executed.ipynb")[0]


def test_a_cell_that_ignores_the_interrupt_is_ended(project: Path) -> None:
    """SIGTERM takes the kernel away; 143, without a traceback, and what there is comes."""
    notebook = _notebook(
        project / "n.ipynb",
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf')\n"
        "time.sleep(60)",
    )
    reporter = Stopping(b"deaf", "INT", "TERM")
    outcome = run_target(script_target(notebook), reporter, on="here")
    assert (outcome.job.state, outcome.code) == (JobState.CANCELLED, 143)
    assert b"Traceback" not in output(reporter.events, "stderr")
    assert "deaf" in _outputs(project / "n.executed.ipynb")[0]


def test_what_is_no_notebook_is_said(project: Path) -> None:
    """A damaged one is named by the machine; arguments are refused before anything is sent."""
    (project / "n.ipynb").write_text("{")
    reporter = Hearing()
    assert run_target(script_target("n.ipynb"), reporter, on="here").code == 1
    assert b"n.ipynb" in output(reporter.events, "stderr")
    assert b"Traceback" not in output(reporter.events, "stderr")
    with pytest.raises(InputError):
        script_target("n.ipynb", ("--epochs", "3"))


def test_a_machine_without_jupyter_says_so(
    project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names what is missing and the command that installs it."""
    bare = home / "python"
    bare.write_text(f'#!/bin/sh\nexec "{os.path.realpath(sys.executable)}" -S "$@"\n')
    bare.chmod(0o700)
    monkeypatch.setenv("COLABDEV_PYTHON", str(bare))
    reporter = Hearing()
    notebook = _notebook(project / "n.ipynb", "print('one')")
    assert run_target(script_target(notebook), reporter, on="here").code == 1
    told = output(reporter.events, "stderr").decode()
    assert "nbclient is not installed" in told
    assert "pip install nbclient ipykernel" in told
