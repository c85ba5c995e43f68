"""A job is listened to over a line that is cut, stalled, refused and moved: nothing is missed."""

import contextlib
import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.follow import follow_job
from colabdev.commands.options import PullOptions
from colabdev.commands.reporter import Silent
from colabdev.errors import (
    ConnectionLost,
    EndedEarly,
    HostUnreachable,
    RuntimeForgotten,
    RuntimeGone,
)
from colabdev.jobs.client import jobs, new_job_id
from colabdev.jobs.job import Artifact, Event, Exited, JobSpec, JobState, Output
from colabdev.jobs.line import Line
from colabdev.jobs.listener import Listener
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.local import LocalProcess, LocalTransport
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import Transport
from colabdev.results.run import RunState
from colabdev.results.store import Results
from tests.support.far import output, spec, until
from tests.support.link import link_process, linked
from tests.support.road import Noting, Road
from tests.support.runtime import StartedRuntime, start_runtime

pytestmark = pytest.mark.sshd

FULL = bool(os.environ.get("COLABDEV_TEST_FULL"))
RUNS = 100 if FULL else 1000  # without FULL the time decides
SECONDS = 3600.0 if FULL else 20.0
LINES = 400


class Weather:
    """Faults on *road* at random moments, in a thread of its own until the block ends."""

    def __init__(self, road: Road, chance: random.Random) -> None:
        self._road = road
        self._chance = chance
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._blow)

    def _blow(self) -> None:
        for _ in range(self._chance.randint(1, 4)):
            if self._over.wait(self._chance.uniform(0, 0.4)):
                break
            self._chance.choice((self._cut, self._cut, self._move, self._stall, self._refuse))()

    def _cut(self) -> None:
        self._road.relay.cut()

    def _move(self) -> None:
        self._road.relay.move()
        self._over.wait(self._chance.uniform(0, 0.3))
        self._road.tell()

    def _stall(self) -> None:
        self._road.relay.stall()
        self._over.wait(self._chance.uniform(0, 0.2))
        self._road.relay.resume()

    def _refuse(self) -> None:
        self._road.relay.refuse()
        self._road.relay.cut()
        self._over.wait(self._chance.uniform(0, 0.3))
        self._move()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()


def test_every_line_arrives_once_whatever_the_weather(road: Road, home: Path) -> None:
    """Random faults, also during the submit: each line once, in order, one start, its own code."""
    _brave_the_weather(road, home, RUNS, SECONDS)


@pytest.mark.usefixtures("link")
def test_every_line_arrives_once_over_the_link(road: Road, home: Path) -> None:
    """The same when a link holds the connection, and programs run in interpreters that waited."""
    _brave_the_weather(road, home, RUNS // 4, SECONDS / 2)


def _brave_the_weather(road: Road, home: Path, runs: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    for number in range(runs):
        if time.monotonic() > end:
            break
        seed = random.SystemRandom().randrange(10**9)
        print(f"run {number}: seed {seed}")
        chance = random.Random(seed)
        trace = home / f"trace {number}"
        code = chance.randrange(2, 100)
        job = spec("numbers", str(seed), str(LINES), str(trace), str(code))
        reporter = Noting()
        runtime = road.runtime
        with reach(runtime) as transport, Weather(road, chance):
            outcome = follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
        for name, stream in (("out", "stdout"), ("err", "stderr")):
            expected = "".join(f"{name} {n}\n" for n in range(LINES))
            assert output(reporter.events, stream).decode() == expected
        assert outcome.code == code
        assert trace.read_text() == "started\n"
    assert number  # at the least one run was through


@pytest.mark.usefixtures("link")
def test_a_killed_link_is_no_end(road: Road, home: Path) -> None:
    """kill -9 of the link under us: the job is listened to on over another, to its own code."""
    gate = home / "gate"
    killed: list[int] = []

    def kill(_: Event) -> None:
        if not killed:
            killed.append(link_process().pid)
            os.kill(killed[0], signal.SIGKILL)
            gate.touch()

    reporter = Noting(kill)
    job = spec("gate", str(gate))
    runtime = road.runtime
    with reach(runtime) as transport:
        outcome = follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
    assert (outcome.code, outcome.job.state) == (0, JobState.SUCCEEDED)
    assert output(reporter.events, "stdout") == b"before 0\nthrough\n"
    assert link_process().pid != killed[0]


def test_a_long_break_is_told_and_mended(road: Road, home: Path) -> None:
    """The user hears that it reconnects and since when, and that it came back."""
    gate = home / "gate"
    reporter = Noting(lambda _: road.relay.move())
    runtime = road.runtime

    def mend() -> None:
        until(lambda: bool(reporter.steps))
        reporter.act = None
        road.tell()
        gate.touch()

    with reach(runtime) as transport, _beside(mend):
        outcome = follow_job(
            transport, spec("gate", str(gate)), kind="run", runtime=runtime, reporter=reporter
        )
    assert outcome.code == 0
    assert output(reporter.events, "stdout") == b"before 0\nthrough\n"
    (broke, back) = reporter.told
    assert "colab broke; reconnecting since " in broke
    assert back == "Connected to colab again."
    assert reporter.steps[0].startswith("colab: reconnecting since ")


def test_no_word_of_ours_stands_inside_a_line_of_the_jobs(road: Road, home: Path) -> None:
    """While the job's stderr stops in the middle of a line, what we have to say waits."""
    gate = home / "gate"
    said: list[str] = []
    reporter = Noting()

    def hear(event: Event) -> None:
        if isinstance(event, Output):
            said.append(event.data.decode())
            if len(said) == 1:
                road.relay.move()

    reporter.act = hear
    reporter.warn = lambda text, hint="": said.append("ours")  # type: ignore[method-assign]  # noqa: ARG005 - the seam's own signature
    reporter.done = lambda text: said.append("ours")  # type: ignore[method-assign]  # noqa: ARG005 - the seam's own signature
    runtime = road.runtime

    def mend() -> None:
        until(lambda: bool(reporter.steps))
        road.tell()
        gate.touch()

    script = f"printf 'half a ' >&2; while [ ! -e '{gate}' ]; do sleep .02; done; echo line >&2"
    job = JobSpec(new_job_id(), ("sh", "-c", script), "~", "halves")
    with reach(runtime) as transport, _beside(mend):
        follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
    assert said == ["half a ", "line\n", "ours", "ours"]


def test_patience_ends_with_the_way_back(road: Road, home: Path) -> None:
    """After the time it was given, 69 and the command to listen again; the job went on."""
    job = spec("gate", str(home / "gate"))
    runtime = road.runtime

    def part(_: Event) -> None:
        road.relay.refuse()
        road.relay.cut()

    with reach(runtime) as transport, pytest.raises(ConnectionLost) as caught:
        follow_job(
            transport,
            job,
            kind="run",
            runtime=runtime,
            reporter=Noting(part),
            patience=1.0,
        )
    assert caught.value.exit_code == 69
    assert f"colabdev attach {job.id}" in caught.value.hint
    with Results() as results:
        assert results.run(job.id).state is RunState.INTERRUPTED


def test_ctrl_c_keeps_its_meaning_while_it_reconnects(road: Road, home: Path) -> None:
    """Once: the job is asked to stop as soon as the line is back, and heard to its end."""
    reporter = Noting(lambda _: road.relay.move())
    runtime = road.runtime

    def press() -> None:
        until(lambda: bool(reporter.steps))
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: any("asked to stop" in text for text in reporter.told))
        reporter.act = None
        road.tell()

    job = spec("gate", str(home / "never"))
    with reach(runtime) as transport, _beside(press):
        outcome = follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
    assert (outcome.code, outcome.job.state) == (130, JobState.CANCELLED)


def test_a_second_ctrl_c_leaves_a_job_out_of_reach(road: Road, home: Path) -> None:
    """Twice while nothing answers: 130 at once, with the way back; the job runs on."""
    reporter = Noting(lambda _: road.relay.move())
    runtime = road.runtime

    def press() -> None:
        until(lambda: bool(reporter.steps))
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: any("asked to stop" in text for text in reporter.told))
        os.kill(os.getpid(), signal.SIGINT)

    job = spec("gate", str(home / "never"))
    with reach(runtime) as transport, _beside(press):
        outcome = follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
    assert (outcome.code, outcome.job.state) == (130, JobState.RUNNING)
    assert f"colabdev attach {job.id}" in reporter.told[-1]
    road.tell()
    with reach(road.runtime) as transport:
        assert jobs(transport)[0].state is JobState.RUNNING


def test_a_stranger_at_the_old_address_counts_as_moved(road: Road, home: Path) -> None:
    """Another machine's key is met, nothing is sent to it, and the new address is found."""
    gate = home / "gate"
    reporter = Noting()
    runtime = road.runtime
    assert runtime.destination
    with start_runtime(home / "stranger") as stranger:
        other = connect(stranger.connect_string, "other", Silent()).runtime
        Registry().forget("other")
        assert other.destination
        strangers = other.destination.port

        def swap(_: Event) -> None:
            if not gate.exists():
                road.relay.upstream = strangers  # the port is a stranger's by now
                road.relay.cut()

        reporter.act = swap

        def mend() -> None:
            until(lambda: bool(reporter.steps))
            road.relay.upstream = road.machine.facts["port"]
            road.relay.move()
            road.tell()
            gate.touch()

        with reach(runtime) as transport, _beside(mend):
            outcome = follow_job(
                transport, spec("gate", str(gate)), kind="run", runtime=runtime, reporter=reporter
            )
        assert outcome.code == 0
        assert not (stranger.home / ".colabdev" / "jobs").exists()
    assert output(reporter.events, "stdout") == b"before 0\nthrough\n"


def test_another_life_of_the_machine_means_lost(road: Road, home: Path) -> None:
    """The alias leads to another machine by now: 69, recorded as lost, what came is kept."""
    reporter = Noting()
    runtime = road.runtime

    def replaced(_: Event) -> None:
        Registry().put(replace(runtime, boot_id="0" * 32))
        road.relay.cut()

    reporter.act = replaced
    job = spec("measure", str(home / "never"))
    with reach(runtime) as transport, pytest.raises(RuntimeGone) as caught:
        follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
    assert caught.value.exit_code == 69
    assert "its output up to there, 1 measurement." in caught.value.hint
    assert f"colabdev results show {job.id}" in caught.value.hint
    with Results() as results:
        run = results.run(job.id)
    assert run.state is RunState.LOST
    assert [row.value for row in run.metrics] == [1.0]


def test_what_was_saved_of_a_lost_job_is_said(road: Road, home: Path) -> None:
    """The file that came is named as kept, one that was too large for us as not brought."""
    project, there = home / "project", home / "there"
    for folder in (project, there):
        folder.mkdir()
    runtime = road.runtime
    script = (
        "seq 9999 > b.new; mv b.new b.csv; while [ ! -e go ]; do sleep .02; done;"
        " echo 1 > a.new; mv a.new a.csv; sleep 30"
    )
    job = JobSpec(new_job_id(), ("sh", "-c", script), str(there), "makes", pull=("*.csv",))

    def replaced(event: Event) -> None:
        if isinstance(event, Artifact):
            Registry().put(replace(runtime, boot_id="0" * 32))
            road.relay.cut()

    reporter = Noting(replaced)

    def go_on() -> None:
        until(lambda: any("b.csv was not brought" in text for text in reporter.told))
        (there / "go").touch()

    with reach(runtime) as transport, pytest.raises(RuntimeGone) as caught, _beside(go_on):
        follow_job(
            transport,
            job,
            kind="run",
            runtime=runtime,
            reporter=reporter,
            pull=PullOptions(project, limit=1000),
        )
    assert "its output up to there, a.csv." in caught.value.hint
    assert "Not brought any more: b.csv." in caught.value.hint
    assert (project / "a.csv").read_text() == "1\n"


def test_a_forgotten_runtime_has_not_lost_its_job(road: Road, home: Path) -> None:
    """disconnect in another terminal: 69, and the record says that nobody listens, not lost."""
    gate = home / "gate"
    runtime = road.runtime

    def forget(_: Event) -> None:
        Registry().forget("colab")
        road.relay.cut()

    job = spec("gate", str(gate))
    with reach(runtime) as transport, pytest.raises(RuntimeForgotten) as caught:
        follow_job(transport, job, kind="run", runtime=runtime, reporter=Noting(forget))
    assert caught.value.exit_code == 69
    assert f"colabdev attach --on colab {job.id}" in caught.value.hint
    gate.touch()
    with Results() as results:
        assert results.run(job.id).state is RunState.INTERRUPTED


def test_a_stalled_line_is_noticed_and_replaced(road: Road, home: Path) -> None:
    """Nothing passes though all is open: the keep-alive finds it, another connection goes on."""
    gate = home / "gate"
    runtime = road.runtime
    assert runtime.destination

    def dial(there: Runtime) -> SSHTransport:
        assert there.destination
        return SSHTransport.connect(there.destination, paths.key_file(), keepalive=0.3)

    job = spec("gate", str(gate))
    events: list[Event] = []
    with dial(runtime) as transport:
        from colabdev.jobs.client import start

        start(transport, job)
        with Line(runtime, transport, dial=dial) as line, Listener(line, job.id) as listener:
            until(lambda: _take(listener, events))
            road.relay.stall()
            until(lambda: line.broken_since is not None)
            road.relay.move()
            road.relay.resume()
            road.tell()
            gate.touch()
            until(lambda: _take(listener, events) and isinstance(events[-1], Exited))
    assert output(events, "stdout") == b"before 0\nthrough\n"


def test_an_hour_asleep_is_no_hour_of_trying(road: Road, home: Path) -> None:
    """The clock leaps ahead while it waits, twice: it goes on trying, and hears all to the end."""
    gate = home / "gate"
    runtime = road.runtime
    leaps = [0.0]

    def clock() -> float:
        return time.monotonic() + leaps[0]

    def dial(there: Runtime) -> Transport:
        if leaps[0] < 7200:
            leaps[0] += 3600.0
            raise HostUnreachable("no network yet, as after waking up")
        return reach(there)

    job = spec("gate", str(gate))
    events: list[Event] = []
    with (
        reach(runtime) as transport,
        Line(runtime, transport, patience=600, dial=dial, clock=clock) as line,
        Listener(line, job.id, spec=job) as listener,
    ):
        until(lambda: _take(listener, events))
        road.relay.cut()
        until(lambda: leaps[0] == 7200)
        gate.touch()
        until(lambda: _take(listener, events) and isinstance(events[-1], Exited))
    assert output(events, "stdout") == b"before 0\nthrough\n"


def test_an_hour_of_trying_is_enough(road: Road, home: Path) -> None:
    """Awake, the time that was given ends it, however long each try takes."""
    runtime = road.runtime
    leaps = [0.0]
    tries = []

    def dial(there: Runtime) -> Transport:
        leaps[0] += 100.0
        tries.append(there)
        raise HostUnreachable("no answer")

    job = spec("gate", str(home / "never"))
    events: list[Event] = []
    with (
        reach(runtime) as transport,
        Line(
            runtime,
            transport,
            patience=250,
            dial=dial,
            clock=lambda: time.monotonic() + leaps[0],
        ) as line,
        Listener(line, job.id, spec=job) as listener,
    ):
        until(lambda: _take(listener, events))
        road.relay.cut()
        with pytest.raises(ConnectionLost, match="within 4 minutes"):
            until(lambda: _take(listener, events) and isinstance(events[-1], Exited))
    assert len(tries) == 3


def test_a_killed_server_session_is_no_end(road: Road, home: Path) -> None:
    """kill -9 of the SSH server's child under us: the job is listened to on, to its own code."""
    gate = home / "gate"
    runtime = road.runtime
    server = psutil.Process(int((road.machine.home / ".colabdev" / "sshd" / "pid").read_text()))

    def kill(_: Event) -> None:
        if not gate.exists():
            for session in server.children(recursive=True):
                if session.name().startswith("sshd"):
                    session.kill()
            gate.touch()

    reporter = Noting(kill)
    job = spec("gate", str(gate))
    with reach(runtime) as transport:
        outcome = follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
    assert (outcome.code, outcome.job.state) == (0, JobState.SUCCEEDED)
    assert output(reporter.events, "stdout") == b"before 0\nthrough\n"


def test_a_killed_listener_there_is_no_end(road: Road, home: Path) -> None:
    """kill -9 of the program that tells us of the job: another one goes on where it stopped."""
    gate = home / "gate"
    runtime = road.runtime
    server = psutil.Process(int((road.machine.home / ".colabdev" / "sshd" / "pid").read_text()))
    killed: list[int] = []

    def kill(_: Event) -> None:
        if not gate.exists():
            sessions = [one for one in server.children(True) if one.name().startswith("sshd")]
            for program in itertools.chain(*(session.children() for session in sessions)):
                if not program.name().startswith("sshd"):
                    program.kill()
                    killed.append(program.pid)
            gate.touch()

    reporter = Noting(kill)
    with reach(runtime) as transport:
        outcome = follow_job(
            transport, spec("gate", str(gate)), kind="run", runtime=runtime, reporter=reporter
        )
    assert killed
    assert (outcome.code, outcome.job.state) == (0, JobState.SUCCEEDED)
    assert output(reporter.events, "stdout") == b"before 0\nthrough\n"


class Dying(LocalTransport):
    """A machine that ends our program there each time it has said hello."""

    started = 0

    def start(self, argv: Sequence[str]) -> LocalProcess:  # noqa: ARG002 - the seam's own signature
        self.started += 1
        return LocalProcess(["printf", r"\0colabdev jobs 1\n"])


def test_a_machine_that_ends_every_listener_is_given_up() -> None:
    """A few times it is tried in vain; then the failure is the listener's own."""
    runtime = Registry().get("here")
    with Dying() as transport, Line(runtime, transport) as line:
        with Listener(line, "0" * 12) as listener, pytest.raises(EndedEarly):
            until(lambda: listener.next(0.05) is not None)
        assert transport.started == 4


def test_every_line_arrives_once_though_links_are_killed(
    machine: StartedRuntime, home: Path
) -> None:
    """The link dies at random moments, also during the submit: one start, each line in order."""
    with linked(parse_connect_string(machine.connect_string)) as runtime:
        for number in range(20 if FULL else 2):
            seed = random.SystemRandom().randrange(10**9)
            print(f"run {number}: seed {seed}")
            chance = random.Random(seed)
            over = threading.Event()

            def kill(chance: random.Random = chance, over: threading.Event = over) -> None:
                for _ in range(chance.randint(1, 3)):
                    if over.wait(chance.uniform(0, 1.0)):
                        return
                    with contextlib.suppress(AssertionError, psutil.Error):  # none at the moment
                        link_process().kill()

            trace = home / f"trace {number}"
            job = spec("numbers", str(seed), str(LINES), str(trace), "7")
            reporter = Noting()
            with reach(runtime) as transport, _beside(kill):
                outcome = follow_job(transport, job, kind="run", runtime=runtime, reporter=reporter)
                over.set()
            for name, stream in (("out", "stdout"), ("err", "stderr")):
                expected = "".join(f"{name} {n}\n" for n in range(LINES))
                assert output(reporter.events, stream).decode() == expected
            assert outcome.code == 7
            assert trace.read_text() == "started\n"


def _take(listener: Listener, events: list[Event]) -> bool:
    told = listener.next(0.05)
    if told:
        events.append(told[1])
    return bool(told)


@contextlib.contextmanager
def _beside(call: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        thread.join()
