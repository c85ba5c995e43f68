"""Running a project's script as a job: what is sent, told, recorded, and how it can be left."""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.jobs import attach, cancel_job, find_job, list_jobs
from colabdev.commands.reporter import Silent
from colabdev.commands.run import run_target
from colabdev.commands.target import command_target, project_root, script_target
from colabdev.errors import (
    ColabdevError,
    InputError,
    JobNotFound,
    RemoteFailure,
    SyncConflict,
)
from colabdev.jobs.client import cancel, start
from colabdev.jobs.job import Event, JobSpec, JobState, Metric
from colabdev.remote.local import LocalTransport
from colabdev.remote.runtime import Registry
from colabdev.results.run import RunState
from colabdev.results.store import Results
from tests.support import actions
from tests.support.far import far_side, output, until
from tests.support.runtime import StartedRuntime


@dataclass
class Listening(Silent):
    """A reporter that keeps what it hears, and lets the test act on each event."""

    act: Callable[[Event], None] | None = None
    events: list[Event] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)
        if self.act:
            self.act(event)

    def done(self, text: str) -> None:
        self.told.append(text)

    def warn(self, text: str, hint: str = "") -> None:
        self.told.append(f"{text} {hint}")


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a project with an awkward name, and end what still runs on ``here`` afterwards."""
    folder = home / "내 프로젝트 'one'"
    (folder / "src").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (folder / "act.py").write_bytes(Path(actions.__file__).read_bytes())
    monkeypatch.chdir(folder)
    with far_side("local", home):
        yield folder


def test_a_script_is_named_from_its_project(project: Path, home: Path) -> None:
    """However it is typed, the job runs the script by its path in the project."""
    (project / "src" / "train.py").touch()
    (project / "-v.py").touch()
    (home / "link").symlink_to(project / "src")
    for typed in ("src/train.py", "./src/../src/train.py", str(project / "src/train.py")):
        target = script_target(typed, ("--lr", "1 e"))
        assert target.project == project
        assert target.command == ("python", "src/train.py", "--lr", "1 e")
        assert target.name == "src/train.py"
    assert script_target(str(home / "link" / "train.py")).command[1] == "src/train.py"
    assert script_target("./-v.py").command == ("python", "./-v.py")
    assert script_target("act.py", name="mine").name == "mine"
    assert command_target(("nvidia-smi", "-L")).project == project


@pytest.mark.parametrize("script", ["no.py", "src", "", "한글.py", "data.csv", "two\nlines.py"])
def test_a_script_that_cannot_run_is_said_before_anything_is_sent(
    project: Path, script: str
) -> None:
    """No connection is made for it: the runtime is not even looked up."""
    (project / "data.csv").touch()
    with pytest.raises(InputError) as caught:
        run_target(script_target(script), Silent(), on="no such runtime")
    assert "runtime" not in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert not Path(Registry().get("here").root).exists()


def test_a_script_that_is_never_synced_is_said_before_anything_is_sent(project: Path) -> None:
    """What the ignore rules leave out cannot run there, by its name or by its folder's."""
    (project / ".gitignore").write_text("/scratch/\n*_old.py\n")
    (project / "scratch").mkdir()
    for name in ("scratch/try.py", "train_old.py"):
        (project / name).touch()
        with pytest.raises(InputError, match=Path(name).name):
            script_target(str(project / name))
    (project / ".colabdevignore").write_text("!train_old.py\n")
    assert script_target(str(project / "train_old.py")).name == "train_old.py"


def test_the_home_folder_is_no_project_by_its_marks(home: Path) -> None:
    """A .git in the home folder, as of dotfiles, does not make everything below one project."""
    (home / ".git").mkdir()
    (home / "a" / "b" / "c").mkdir(parents=True)
    assert project_root(home / "a" / "b" / "c") == home / "a" / "b" / "c"
    (home / "a" / ".git").touch()  # as in a worktree
    assert project_root(home / "a" / "b" / "c") == home / "a"


def test_a_run_is_synced_told_and_recorded(project: Path) -> None:
    """Its bytes are exact, its code is the job's own, and the record says what ran on what."""
    reporter = Listening()
    outcome = run_target(script_target("act.py", ("noise", "1", "9999")), reporter, on="here")
    for stream in ("stdout", "stderr"):
        assert output(reporter.events, stream) == actions.noise_bytes("1", "9999", stream)
    assert (outcome.code, outcome.job.state) == (0, JobState.SUCCEEDED)
    assert run_target(script_target("act.py", ("leave", "7")), Silent(), on="here").code == 7
    assert run_target(script_target("act.py", ("die", "SIGKILL")), Silent(), on="here").code == 137
    with Results() as results:
        killed, failed, run = results.runs()
    assert (run.id, run.state, run.exit_code) == (outcome.run_id, RunState.SUCCEEDED, 0)
    assert (failed.state, failed.exit_code) == (RunState.FAILED, 7)
    assert (killed.state, killed.exit_code) == (RunState.FAILED, 137)
    assert (run.kind, run.name, run.alias) == ("run", "act.py", "here")
    assert run.command == ("python", "act.py", "noise", "1", "9999")
    assert len(run.code_digest) == 64
    assert run.code_digest == failed.code_digest
    assert run.hardware["python"] == platform.python_version()
    assert run.hardware["cpus"] == os.cpu_count()
    assert run.ended is not None
    assert run.ended >= run.started


def test_a_command_runs_in_the_project_there(project: Path, home: Path) -> None:
    """Without a script, what is typed runs as it is in the synced folder."""
    reporter = Listening()
    run_target(command_target(("sh", "-c", "pwd; ls")), reporter, on="here")
    there = Path(Registry().get("here").root) / project.name
    assert output(reporter.events, "stdout").decode().split("\n")[:2] == [str(there), "act.py"]


def test_a_script_may_have_a_name_that_is_no_text(project: Path) -> None:
    """A file name of stray bytes, as Linux allows, is run and recorded all the same."""
    name = os.fsdecode(b"\xff\xfe.py")
    (project / name).write_text("print('ran')")
    reporter = Listening()
    assert run_target(script_target(name), reporter, on="here").code == 0
    assert output(reporter.events, "stdout") == b"ran\n"
    with Results() as results:
        assert results.run("last").name.endswith(".py")


def test_a_conflict_starts_nothing(project: Path) -> None:
    """Edits on both sides stop the run with exit code 3, before any job."""
    target = script_target("act.py", ("leave", "0"))
    run_target(target, Silent(), on="here")
    there = Path(Registry().get("here").root) / project.name / "act.py"
    there.write_text("print('theirs')")
    (project / "act.py").write_text("print('ours, longer')")
    with pytest.raises(SyncConflict) as caught:
        run_target(target, Silent(), on="here")
    assert caught.value.exit_code == 3
    assert len(list_jobs("here")) == 1
    with Results() as results:
        assert len(results.runs()) == 1


def test_metrics_are_recorded_while_the_job_runs(project: Path, home: Path) -> None:
    """A row is in the results before the job has ended, so nothing of it can be lost later."""
    gates = [home / "gate 0", home / "gate 1"]
    waiting = list(gates)
    seen: list[list[float | str | None]] = []

    def look(event: Event) -> None:
        if isinstance(event, Metric):
            with Results() as results:
                seen.append([row.value for row in results.run("last").metrics])
            waiting.pop(0).touch()

    target = script_target("act.py", ("measure", *map(str, gates)))
    run_target(target, Listening(look), on="here")
    assert seen == [[1.0], [1.0, 0.5]]


def test_a_detached_job_is_found_and_listened_to_again(project: Path, home: Path) -> None:
    """It runs on by itself; listening twice shows all of it twice and records it once."""
    gate = home / "gate"
    reporter = Listening()
    target = script_target("act.py", ("measure", str(gate)), name="my job")
    left = run_target(target, reporter, on="here", detach=True)
    assert left.code == 0
    assert reporter.told[-1].endswith(f"colabdev attach --on here {left.run_id}")
    assert reporter.events == []
    with Results() as results:
        assert results.run(left.run_id).state is RunState.DETACHED
    assert [job.state for job in list_jobs("here")] == [JobState.RUNNING]
    gate.touch()
    for which in (left.run_id[:6], "my job", "last"):
        reporter = Listening()
        outcome = attach(which, reporter, on="here")
        assert (outcome.run_id, outcome.code) == (left.run_id, 0)
        assert output(reporter.events, "stdout") == b"step 0\n"
    with Results() as results:
        run = results.run(left.run_id)
    assert run.state is RunState.SUCCEEDED
    assert [row.value for row in run.metrics] == [1.0]
    assert run.hardware["cpus"] == os.cpu_count()


def test_a_job_is_found_by_what_names_it(project: Path) -> None:
    """An id's beginning, a name (the newest of it), or ``last``; otherwise a clear error."""
    with LocalTransport() as transport:
        with pytest.raises(JobNotFound):
            find_job(transport, "last")
        ids = [
            run_target(command_target(("true",), name=name), Silent(), on="here").run_id
            for name in ("a", "b", "a")
        ]
        assert find_job(transport, "last").id == ids[2]
        assert find_job(transport, ids[1][:8]).id == ids[1]
        assert find_job(transport, "a").id == ids[2]
        for nothing in ("", "nope", "\n"):
            with pytest.raises((JobNotFound, InputError)) as caught:
                find_job(transport, nothing)
            assert caught.value.exit_code == 2


def test_a_beginning_that_fits_several_ids_is_said_to(project: Path) -> None:
    """Nothing is guessed: the ids are named, and one more letter is enough."""
    with LocalTransport() as transport:
        for job_id in ("abc1", "abc2", "ab-3"):
            start(transport, JobSpec(job_id, ("true",), "~", "ab"))
        assert find_job(transport, "abc2").id == "abc2"
        assert find_job(transport, "ab-").id == "ab-3"
        with pytest.raises(InputError) as caught:
            find_job(transport, "abc")
        assert caught.value.exit_code == 2
        assert "abc1" in caught.value.hint
        assert "abc2" in caught.value.hint
        assert "ab-3" not in caught.value.hint
        until(lambda: all(job.state.ended for job in list_jobs("here")))


def test_a_name_that_is_not_found_is_shown_as_typed(project: Path) -> None:
    """Korean stays Korean; what would move the cursor is escaped."""
    with LocalTransport() as transport:
        with pytest.raises(JobNotFound, match="학습"):
            find_job(transport, "학습")
        with pytest.raises(JobNotFound) as caught:
            find_job(transport, "a\x1b[2J\n")
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_job_can_be_cancelled_by_name(project: Path, home: Path) -> None:
    """It is asked to stop; asked again once it has, it says how it stands."""
    target = script_target("act.py", ("gate", str(home / "never")), name="long")
    run_target(target, Silent(), on="here", detach=True)
    cancel_job("long", on="here")
    until(lambda: list_jobs("here")[0].state is JobState.CANCELLED)
    assert cancel_job("long", on="here").exit_code == 130
    assert attach("long", Silent(), on="here").code == 130
    with Results() as results:
        assert results.run("last").state is RunState.CANCELLED


def test_what_cannot_start_is_not_recorded(project: Path) -> None:
    """No such program: the sentence comes from the far side, and no run is left behind."""
    with pytest.raises(RemoteFailure, match="no-such-program"):
        run_target(command_target(("no-such-program",)), Silent(), on="here")
    with Results() as results:
        assert results.runs() == []


def test_results_that_cannot_be_kept_start_nothing(project: Path) -> None:
    """A damaged database is said before the job starts, as its measurements would be lost."""
    paths.home().mkdir()
    paths.results_file().write_bytes(b"no database" * 100)
    with pytest.raises(ColabdevError):
        run_target(script_target("act.py", ("leave", "0")), Silent(), on="here")
    assert list_jobs("here") == []


def test_a_lost_job_is_recorded_as_lost(project: Path, home: Path) -> None:
    """Its supervisor dies: what had come stays, and the record says that nobody knows the end."""

    def kill(event: Event) -> None:
        (folder,) = (home / ".colabdev" / "jobs").iterdir()
        supervisor = psutil.Process(json.loads((folder / "state.json").read_text())["pid"])
        children.extend(supervisor.children())
        supervisor.kill()

    children: list[psutil.Process] = []
    target = script_target("act.py", ("measure", str(home / "never")))
    with pytest.raises(RemoteFailure) as caught:
        run_target(target, Listening(kill), on="here")
    for child in children:
        child.kill()
    assert caught.value.exit_code == 70
    with Results() as results:
        run = results.run("last")
    assert run.state is RunState.LOST
    assert [row.value for row in run.metrics] == [1.0]


DRIVER = """
import sys
from colabdev.commands.reporter import Silent
from colabdev.commands.run import run_target
from colabdev.commands.target import command_target
from colabdev.jobs.job import Output

class Plain(Silent):
    def event(self, event):
        if isinstance(event, Output):
            sys.stdout.buffer.write(event.data)
            sys.stdout.buffer.flush()
    def warn(self, text, hint=""):
        print(text, hint, file=sys.stderr, flush=True)

outcome = run_target(command_target(sys.argv[1:]), Plain(), on="here")
print(outcome.job.state.value)
sys.exit(outcome.code)
"""


@contextlib.contextmanager
def _driven(*command: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as driver:
        try:
            yield driver
        finally:
            driver.kill()


def test_ctrl_c_asks_the_job_to_stop_and_hears_it_out(project: Path) -> None:
    """What the job says after SIGINT still arrives, and its own code is the command's."""
    script = "trap 'echo saved; exit 3' INT; echo ready; while :; do sleep .05; done"
    with _driven("sh", "-c", script) as driver:
        assert driver.stdout
        assert driver.stdout.readline() == "ready\n"
        driver.send_signal(signal.SIGINT)
        rest, messages = driver.communicate(timeout=30)
    assert rest == "saved\ncancelled\n"
    assert driver.returncode == 3
    assert "asked to stop" in messages
    with Results() as results:
        run = results.run("last")
    assert (run.state, run.exit_code) == (RunState.CANCELLED, 3)


def test_a_second_ctrl_c_leaves_the_job_running(project: Path) -> None:
    """The command ends with 130 and says how to come back; the job does not end."""
    with _driven("sh", "-c", "trap '' INT; echo ready; sleep 60") as driver:
        assert driver.stdout
        assert driver.stderr
        assert driver.stdout.readline() == "ready\n"
        driver.send_signal(signal.SIGINT)
        assert "asked to stop" in driver.stderr.readline()
        driver.send_signal(signal.SIGINT)
        rest, messages = driver.communicate(timeout=30)
    (job,) = list_jobs("here")
    assert driver.returncode == 130
    assert rest == "running\n"
    assert f"colabdev attach --on here {job.id}" in messages
    assert job.state is JobState.RUNNING
    with Results() as results:
        assert results.run("last").state is RunState.DETACHED
    with LocalTransport() as transport:
        cancel(transport, job.id, "KILL")
    assert attach(job.id, Silent(), on="here").code == 137


def test_a_job_that_was_left_is_not_ended_later(project: Path) -> None:
    """Ctrl-C is SIGINT and nothing harder: what takes longer than cancel's patience goes on."""
    script = (
        "trap 'echo int' INT; trap 'echo term' TERM; echo ready;"
        " n=0; while [ $n -lt 115 ]; do sleep .1; n=$((n + 1)); done; exit 5"
    )
    with _driven("sh", "-c", script) as driver:
        assert driver.stdout
        assert driver.stderr
        assert driver.stdout.readline() == "ready\n"
        driver.send_signal(signal.SIGINT)
        assert driver.stdout.readline() == "int\n"
        driver.send_signal(signal.SIGINT)
        driver.communicate(timeout=30)
    reporter = Listening()
    assert attach("last", reporter, on="here").code == 5
    assert output(reporter.events, "stdout") == b"ready\nint\n"


def test_a_killed_command_leaves_a_run_that_can_go_on(project: Path, home: Path) -> None:
    """kill -9 of the listening command: the job runs on, the record says interrupted."""
    gate = home / "gate"
    script = f"echo ready; while [ ! -e '{gate}' ]; do sleep .02; done; exit 4"
    with _driven("sh", "-c", script) as driver:
        assert driver.stdout
        assert driver.stdout.readline() == "ready\n"
        driver.kill()
        driver.wait()
    with Results() as results:
        assert results.run("last").state is RunState.INTERRUPTED
    gate.touch()
    assert attach("last", Silent(), on="here").code == 4
    with Results() as results:
        assert results.run("last").state is RunState.FAILED


@pytest.mark.sshd
def test_a_script_runs_over_ssh_under_the_kernels_interpreter(
    machine: StartedRuntime, project: Path
) -> None:
    """``python`` is the interpreter that the cell ran with, in the project's folder there."""
    runtime = connect(machine.connect_string, "colab", Silent()).runtime
    reporter = Listening()
    code = "import sys, os; print(sys.executable); print(os.getcwd()); print(os.environ['HOME'])"
    outcome = run_target(command_target(("python", "-c", code)), reporter)
    assert outcome.code == 0
    assert output(reporter.events, "stdout").decode().splitlines() == [
        sys.executable,
        f"{runtime.root}/{project.name}",
        str(machine.home),
    ]
    with Results() as results:
        assert results.run("last").alias == "colab"
