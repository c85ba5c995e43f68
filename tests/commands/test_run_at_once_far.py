"""A job asked for along with the sync's question, over a real server and through the link."""

import os
import random
import signal
import threading
from pathlib import Path

import pytest

from colabdev.commands.jobs import attach
from colabdev.commands.run import run_target
from colabdev.commands.target import command_target
from colabdev.errors import ConnectionLost
from colabdev.jobs.client import jobs
from colabdev.remote.reach import Dial, reach
from tests.commands.test_run_at_once import Watched, settle
from tests.support import actions
from tests.support.far import output, until
from tests.support.link import link_process
from tests.support.road import Noting, Road

pytestmark = pytest.mark.sshd

FULL = bool(os.environ.get("COLABDEV_TEST_FULL"))
LINES = 50


@pytest.fixture
def project(home: Path, road: Road, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project that both sides agree on, and have for a while."""
    folder = home / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    (folder / "told").write_text("first")
    monkeypatch.chdir(folder)
    with reach(road.runtime) as transport:
        settle(folder, road.runtime, transport)
    return folder


def _run(road: Road, watched: Watched, reporter: Noting, *words: str) -> int:
    with Dial(road.runtime, lambda _: watched) as dial:
        return run_target(command_target(words), reporter, dial=dial).code


@pytest.mark.usefixtures("project")
def test_one_question_over_a_connection_of_its_own(road: Road) -> None:
    """Both are asked for at once, without a link."""
    watched, reporter = Watched(reach(road.runtime)), Noting()
    assert _run(road, watched, reporter, "cat", "told") == 0
    assert watched.started == ["replica", "jobs run"]
    assert output(reporter.events, "stdout") == b"first"


@pytest.mark.usefixtures("project", "link")
def test_one_question_over_the_link(road: Road) -> None:
    """Both are asked for at once, in interpreters that wait or not, and the code is the job's."""
    for turn in range(3):
        watched, reporter = Watched(reach(road.runtime)), Noting()
        script = f"cat told; exit {turn}"
        assert _run(road, watched, reporter, "sh", "-c", script) == turn
        assert watched.started == ["replica", "jobs run"]
        assert output(reporter.events, "stdout") == b"first"
    link_process()


@pytest.mark.usefixtures("project", "link")
@pytest.mark.parametrize("how", ["cut", "kill"])
def test_a_link_that_breaks_between_question_and_answer(road: Road, home: Path, how: str) -> None:
    """Its connection cut, or itself killed, at any moment: one start at the most, and it is told.

    Either the job is heard to its own code all the same, or the command ends with 69 and the way to
    a job that may have started.
    """

    heard: set[Path] = set()
    for number in range(50 if FULL else 4):
        seed = random.SystemRandom().randrange(10**9)
        print(f"{how} {number}: seed {seed}")
        chance = random.Random(seed)
        trace = home / f"trace {number}"
        words = ("python", actions.__file__, "numbers", str(seed), str(LINES), str(trace), "7")
        reporter = Noting()
        breaking = _Breaking(road, how, chance.choice((0.0, 0.01, 0.03, 0.1)))
        try:
            code = _run(road, Watched(reach(road.runtime), breaking), reporter, *words)
        except ConnectionLost:
            assert "may have started" in " ".join(reporter.told)
            with reach(road.runtime) as transport:
                known = {job.command[-2]: job.id for job in jobs(transport)}
            if str(trace) not in known:
                continue
            reporter.events.clear()
            code = attach(known[str(trace)], reporter).code
        finally:
            breaking.done()
        assert code == 7
        lines = "".join(f"out {line}\n" for line in range(LINES))
        assert output(reporter.events, "stdout").decode() == lines
        heard.add(trace)
    with reach(road.runtime) as transport:
        until(lambda: all(job.state.ended for job in jobs(transport)))
    traces = set(home.glob("trace *"))
    assert heard <= traces
    assert {trace.read_text() for trace in traces} <= {"started\n"}


class _Breaking:
    """What breaks the road a *delay* after the job was asked for; *how* is cut or kill."""

    def __init__(self, road: Road, how: str, delay: float) -> None:
        self._road = road
        self._kills = how == "kill"
        self._timer = threading.Timer(delay, self._break)

    def __call__(self, started: str) -> None:
        if started == "jobs run" and not self._timer.ident:
            self._timer.start()

    def done(self) -> None:
        if self._timer.ident:
            self._timer.join()

    def _break(self) -> None:
        if self._kills:
            os.kill(link_process().pid, signal.SIGKILL)
        else:
            self._road.relay.cut()
