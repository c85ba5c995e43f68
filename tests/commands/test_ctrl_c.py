"""Ctrl-C in a real terminal, under each command that waits for a job."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.jobs import list_jobs
from colabdev.commands.reporter import Silent
from colabdev.jobs.job import JobState
from colabdev.remote.runtime import Registry
from tests.remote.relay import relay_to
from tests.support.cli import colabdev
from tests.support.far import far_side, until
from tests.support.runtime import StartedRuntime
from tests.support.terminal import terminal

CTRL_C = "\x03"
SAVING = "trap 'echo saved; exit 3' INT; echo ready; while :; do sleep .05; done"
STUBBORN = "trap 'echo no' INT; echo ready; while :; do sleep .05; done"


@pytest.fixture(autouse=True)
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a project, and end what still runs on this machine afterwards."""
    folder = home / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    monkeypatch.chdir(folder)
    with far_side("local", home):
        yield folder


def _detached(script: str) -> None:
    assert colabdev("run", "--on", "here", "--detach", "--", "sh", "-c", script).returncode == 0


def test_run_asks_the_job_to_stop_and_hears_it_out() -> None:
    """What the job says in its last moments is on the screen, and its code is the command's."""
    with terminal("run", "--on", "here", "--", "sh", "-c", SAVING) as screen:
        screen.until("ready")
        screen.type(CTRL_C)
        assert screen.end() == 3
    asked, _, rest = screen.screen.partition("asked to stop")
    assert asked
    assert "saved\r\n" in rest
    assert "exit code 3" in rest
    assert "Traceback" not in screen.screen


@pytest.mark.parametrize("command", ["run", "attach"])
def test_a_second_one_leaves_the_job_running(command: str) -> None:
    """It ends with 130 and the way back, and the job goes on."""
    words = ["run", "--on", "here", "--", "sh", "-c", STUBBORN]
    if command == "attach":
        _detached(STUBBORN)
        words = ["attach", "--on", "here", "last"]
    with terminal(*words) as screen:
        screen.until("ready")
        screen.type(CTRL_C)
        screen.until("no\r\n")
        screen.type(CTRL_C)
        assert screen.end() == 130
    (job,) = list_jobs("here")
    assert f"colabdev attach --on here {job.id}" in screen.screen
    assert job.state is JobState.RUNNING


@pytest.mark.sshd
def test_who_does_not_wait_for_the_last_results_hears_where_they_are(
    machine: StartedRuntime,
) -> None:
    """The job has ended: nobody is asked to stop, and a second Ctrl-C leaves what has not come."""
    runtime = connect(machine.connect_string, "colab", Silent()).runtime
    assert runtime.destination
    with relay_to(runtime.destination.port) as relay:
        there = replace(runtime.destination, port=relay.port)
        Registry().put(replace(runtime, destination=there))
        script = "head -c 30000000 /dev/urandom > x.new; mv x.new x.bin; echo made"
        with terminal("run", "--pull", "x.bin", "--", "sh", "-c", script) as screen:
            screen.until("Bringing back the last results")
            relay.stall()
            screen.type(CTRL_C)
            screen.until("on their way")
            screen.type(CTRL_C)
            screen.until("1 result stays on the runtime")
            relay.resume()
            assert screen.end() == 0
    assert "colabdev attach" in screen.screen
    assert "asked to stop" not in screen.screen
    assert not Path("x.bin").exists()


@pytest.mark.parametrize("words", [["logs", "-f"], ["wait"]])
def test_one_who_only_looks_on_asks_nothing_of_the_job(words: list[str]) -> None:
    """130 without an error; the job was sent no signal."""
    _detached(STUBBORN)
    with terminal(*words, "--on", "here", "last") as screen:
        screen.until("ready" if words[0] == "logs" else "Waiting for")
        screen.type(CTRL_C)
        assert screen.end() == 130
    assert "Error" not in screen.screen
    assert "Traceback" not in screen.screen
    assert [job.state for job in list_jobs("here")] == [JobState.RUNNING]
    assert colabdev("logs", "--on", "here", "last").stdout == b"ready\n"


def test_two_listen_and_one_stops_the_job() -> None:
    """Both hear all of it and its end, whichever of them pressed Ctrl-C."""
    _detached(SAVING)
    words = ("attach", "--on", "here", "last")
    with terminal(*words) as one, terminal(*words) as other:
        for screen in (one, other):
            screen.until("ready")
        one.type(CTRL_C)
        assert (one.end(), other.end()) == (3, 3)
    assert "saved" in one.screen
    assert "saved" in other.screen
    assert "asked to stop" not in other.screen
    until(lambda: list_jobs("here")[0].state is JobState.CANCELLED)
