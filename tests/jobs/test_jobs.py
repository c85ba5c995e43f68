"""Jobs, over every transport: what a user may rely on."""

import json
import os
import random
import resource
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import psutil
import pytest

from colabdev.errors import JobNotFound, RemoteFailure
from colabdev.jobs.client import Following, cancel, follow, jobs, new_job_id, run, start
from colabdev.jobs.job import (
    Event,
    Exited,
    GpuSample,
    Job,
    JobSpec,
    JobState,
    Metric,
    Output,
    Record,
)
from colabdev.remote.program import program
from colabdev.remote.transport import Process, Transport
from colabdev.results.store import Results
from tests.support.actions import noise_bytes
from tests.support.far import Far, far_side, output, run_job, spec, until

ENDS = {
    ("leave", "0"): (Exited(0), JobState.SUCCEEDED),
    ("leave", "7"): (Exited(7), JobState.FAILED),
    ("die", "SIGKILL"): (Exited(137, 9), JobState.FAILED),
    ("die", "SIGTERM"): (Exited(143, 15), JobState.FAILED),
}


def test_the_exit_code_is_the_jobs_own(far: Far) -> None:
    """The code, the signal and the state come back as they are, and stay on record."""
    with far.connect() as transport:
        for words, (end, state) in ENDS.items():
            job = spec(*words)
            _, _, exited = run_job(transport, job)
            assert _untimed(exited) == end
            listed = jobs(transport)[0]
            assert (listed.id, listed.state, listed.exit_code) == (job.id, state, end.code)
            assert listed.started is not None
            assert listed.ended is not None
            assert listed.created <= listed.started <= listed.ended
            assert exited.seconds is not None
            assert exited.seconds <= listed.ended - listed.started


def test_output_is_exact_and_told_apart(far: Far) -> None:
    """Every byte of both streams arrives once and in order, whatever bytes they are."""
    with far.connect() as transport:
        stdout, stderr, _ = run_job(transport, spec("noise", "1", "300000"))
    assert stdout == noise_bytes("1", "300000", "stdout")
    assert stderr == noise_bytes("1", "300000", "stderr")


def test_a_plain_print_arrives_while_the_job_runs(far: Far, home: Path) -> None:
    """The job goes on only when the test has seen the line before: nothing sits in a buffer."""
    gates = [home / "gate 0", home / "gate 1"]
    with far.connect() as transport:
        job = spec("gate", *map(str, gates))
        start(transport, job)
        with follow(transport, job.id) as following:
            lines = _lines(following)
            for number, gate in enumerate(gates):
                assert next(lines) == f"before {number}"
                gate.touch()
            assert list(lines) == ["through"]


def test_a_job_outlives_its_connection(far: Far, home: Path) -> None:
    """Started over one connection, let through after it, told of over another."""
    gate = home / "gate"
    job = spec("gate", str(gate))
    with far.connect() as transport:
        start(transport, job)
        with follow(transport, job.id) as following:
            offset, first = next(following)
    gate.touch()
    with far.connect() as transport:
        rest = [event for _, event in follow(transport, job.id, offset)]
    assert output([first], "stdout")
    assert output([first, *rest], "stdout") == b"before 0\nthrough\n"
    assert isinstance(rest[-1], Exited)


def test_any_cuts_give_the_same_bytes(far: Far) -> None:
    """Whoever hangs up after any event, and continues at its offset, misses and repeats nothing."""
    chance = random.Random(7)
    job = spec("noise", "cuts", "200000")
    events: list[Event] = []
    offset = 0
    with far.connect() as transport:
        start(transport, job)
        while not (events and isinstance(events[-1], Exited)):
            with follow(transport, job.id, offset) as following:
                for _ in range(chance.randint(1, 12)):
                    told = next(following, None)
                    if told is None:
                        break
                    offset, event = told
                    events.append(event)
    for stream in ("stdout", "stderr"):
        assert output(events, stream) == noise_bytes("cuts", "200000", stream)


def test_the_same_id_starts_one_job(far: Far, home: Path) -> None:
    """Requests sent twice, one after the other or at once, run the command once."""
    trace = home / "trace"
    job = spec("count", str(trace))
    with far.connect() as transport:
        at_once = [threading.Thread(target=start, args=(transport, job)) for _ in range(4)]
        for thread in at_once:
            thread.start()
        for thread in at_once:
            thread.join()
        again = start(transport, job)
        assert _untimed([event for _, event in follow(transport, job.id)][-1]) == Exited(0)
        assert [known.id for known in jobs(transport)] == [again.id] == [job.id]
    assert trace.read_text() == "started\n"


def test_a_background_process_does_not_hold_the_job(far: Far) -> None:
    """The job ends with its command, and what it left behind is left alone."""
    with far.connect() as transport:
        stdout, _, exited = run_job(transport, spec("background"))
    left = psutil.Process(int(stdout))
    assert exited.code == 0
    assert left.is_running()
    left.kill()


def test_a_chatty_background_process_does_not_hold_it_either(far: Far) -> None:
    """What is taken of it after the command's end is bounded, however fast it writes."""
    with far.connect() as transport:
        job = JobSpec(new_job_id(), ("sh", "-c", "yes & exit 3"), "~", "chatty")
        start(transport, job)
        until(lambda: jobs(transport)[0].state.ended)
        assert jobs(transport)[0].exit_code == 3
    assert _log_size(far, job) < 20_000_000


def test_a_job_that_closes_its_output_is_heard_out(far: Far, home: Path) -> None:
    """It goes on without a word; then its own code comes."""
    gate = home / "gate"
    script = f"echo bye; exec >&- 2>&-; while [ ! -e '{gate}' ]; do sleep .02; done; exit 7"
    with far.connect() as transport:
        job = JobSpec(new_job_id(), ("sh", "-c", script), "~", "silent")
        start(transport, job)
        with follow(transport, job.id) as following:
            assert next(_lines(following)) == "bye"
            assert jobs(transport)[0].state is JobState.RUNNING
            gate.touch()
            *_, (_, exited) = following
    assert _untimed(exited) == Exited(7)


def test_a_job_that_becomes_a_daemon_is_over(far: Far) -> None:
    """What went on in a session of its own is left alone, and what it prints later is not kept."""
    script = (
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "print(os.getpid(), flush=True)\n"
        "while True:\n"
        "    time.sleep(.05)\n"
        "    try: print('still here', flush=True)\n"
        "    except OSError: pass\n"
    )
    with far.connect() as transport:
        job = JobSpec(new_job_id(), ("python", "-c", script), "~", "daemon")
        stdout, _, exited = run_job(transport, job)
        daemon = psutil.Process(int(stdout.split()[0]))
        assert exited.code == 0
        assert cancel(transport, job.id).state is JobState.SUCCEEDED
    assert daemon.is_running()
    daemon.kill()


def test_a_report_is_read_to_its_end(far: Far) -> None:
    """Rows that were written in one go, right before the end, all arrive before the exit."""
    with far.connect() as transport:
        job = spec("measure_at_the_end", "20000")
        start(transport, job)
        events = [event for _, event in follow(transport, job.id)]
    assert [event.step for event in events if isinstance(event, Metric)] == list(range(20_000))
    assert isinstance(events[-1], Exited)


def test_cancel_asks_politely_first(far: Far, home: Path) -> None:
    """A job that heeds SIGINT ends by it; cancelling again changes nothing."""
    with far.connect() as transport:
        job = spec("gate", str(home / "never"))
        start(transport, job)
        with follow(transport, job.id) as following:
            next(following)
            assert cancel(transport, job.id).state is JobState.RUNNING
            cancel(transport, job.id)
            *_, (_, exited) = following
        assert _untimed(exited) == Exited(130, 2, cancelled=True)
        assert cancel(transport, job.id).state is JobState.CANCELLED
        assert jobs(transport)[0].exit_code == 130


def test_cancel_ends_a_group_that_does_not_listen(far: Far) -> None:
    """SIGINT and SIGTERM are ignored by the command and its child; SIGKILL ends both."""
    with far.connect() as transport:
        job = spec("stubborn", "SIGINT", "SIGTERM")
        start(transport, job)
        with follow(transport, job.id) as following:
            both = [int(word) for word in next(_lines(following)).split()]
            cancel(transport, job.id, grace=0.2)
            *_, (_, exited) = following
    assert _untimed(exited) == Exited(137, 9, cancelled=True)
    assert len(both) == 2
    until(lambda: not any(_lives(pid) for pid in both))


def test_a_wish_with_less_patience_is_the_stronger_one(far: Far) -> None:
    """After SIGINT alone, cancel goes on from there, and the job gets that signal once."""
    script = "trap 'echo int' INT; echo ready; while :; do sleep .05; done"
    with far.connect() as transport:
        job = JobSpec(new_job_id(), ("sh", "-c", script), "~", "patient")
        start(transport, job)
        with follow(transport, job.id) as following:
            lines = _lines(following)
            assert next(lines) == "ready"
            for _ in range(2):
                cancel(transport, job.id, grace=float("inf"))
            assert next(lines) == "int"
            cancel(transport, job.id, grace=0.2)
            assert list(lines) == []
        assert jobs(transport)[0].exit_code == 143


def test_what_has_a_group_of_its_own_is_ended_with_a_killed_command(far: Far) -> None:
    """As torchrun's workers: nobody is left to end them, and they would keep the GPU."""
    script = "trap '' INT TERM; setsid sleep 60 & echo $!; while :; do sleep .05; done"
    with far.connect() as transport:
        job = JobSpec(new_job_id(), ("sh", "-c", script), "~", "torchrun")
        start(transport, job)
        with follow(transport, job.id) as following:
            worker = int(next(_lines(following)))
            until(lambda: os.getpgid(worker) == worker)
            cancel(transport, job.id, grace=0.2)
            *_, (_, exited) = following
    assert _untimed(exited) == Exited(137, 9, cancelled=True)
    until(lambda: not _lives(worker))


def test_cancel_leaves_none_of_the_group(far: Far) -> None:
    """A child that ignores the signal its parent ended by goes with the job all the same."""
    with far.connect() as transport:
        job = JobSpec(
            new_job_id(),
            ("sh", "-c", "(trap '' INT; echo $$ ready; exec sleep 60) & wait; sleep 60"),
            "~",
            "family",
        )
        start(transport, job)
        with follow(transport, job.id) as following:
            next(following)
            command = _command(far, job)
            cancel(transport, job.id)
            *_, (_, exited) = following
    assert isinstance(exited, Exited)
    assert exited.cancelled
    until(lambda: not any(_group_of(process) == command.pid for process in psutil.process_iter()))


def test_a_dead_supervisor_means_lost(far: Far, home: Path) -> None:
    """What it wrote down still comes; then nobody pretends to know how the job ended."""
    with far.connect() as transport:
        job = spec("gate", str(home / "gate"))
        start(transport, job)
        supervisor = psutil.Process(_supervisor(far, job))
        command = _command(far, job)
        with follow(transport, job.id) as following:
            lines = _lines(following)
            assert next(lines) == "before 0"
            supervisor.kill()
            with pytest.raises(RemoteFailure) as caught:
                next(lines)
        assert caught.value.kind == "lost"
        assert jobs(transport)[0].state is JobState.LOST
        assert cancel(transport, job.id).state is JobState.LOST
        with follow(transport, job.id) as following:
            lines = _lines(following)
            assert next(lines) == "before 0"
            with pytest.raises(RemoteFailure):
                next(lines)
    command.kill()


def test_metrics_come_while_the_job_runs(far: Far, home: Path) -> None:
    """Each row is there before the line printed after it, though the job still waits."""
    gates = [home / "gate 0", home / "gate 1"]
    told: list[Metric] = []
    with far.connect() as transport:
        job = spec("measure", *map(str, gates))
        start(transport, job)
        with follow(transport, job.id) as following:
            lines = _lines(following, told)
            for step, gate in enumerate(gates):
                assert next(lines) == f"step {step}"
                assert [(row.metric, row.step) for row in told] == [
                    ("loss", earlier) for earlier in range(step + 1)
                ]
                gate.touch()
            assert list(lines) == []
    assert [row.value for row in told] == [1.0, 0.5]


def test_rows_of_several_processes_stay_whole(far: Far) -> None:
    """Every row of every rank arrives once, in that rank's order."""
    with far.connect() as transport:
        job = spec("measure_together", "4", "100")
        start(transport, job)
        rows = [event for _, event in follow(transport, job.id) if not isinstance(event, Exited)]
    assert all(isinstance(row, Metric) for row in rows)
    for rank in range(4):
        steps = [row.step for row in rows if isinstance(row, Metric) and row.rank == rank]
        assert steps == list(range(100))


def test_odd_rows_become_notes(far: Far) -> None:
    """What is no row is told as a note, and a line that was never ended is left out."""
    lines = ['{"kind": "metric", "metric": "ok", "value": 1}', "no row", "[]", '{"v": NaN}']
    with far.connect() as transport:
        job = spec("write_report", "\n".join([*lines, '{"kind": "metric", "met']))
        start(transport, job)
        rows = [event for _, event in follow(transport, job.id)][:-1]
    assert rows == [
        Metric("ok", 1),
        *(Record("note", {"text": line}) for line in lines[1:]),
    ]


def test_words_and_folders_arrive_as_given(far: Far, home: Path) -> None:
    """Blanks, quotes, newlines, Korean, nothing at all: each word stays one word."""
    folder = home / "한글 폴더 $(x) 'q'"
    folder.mkdir()
    words = ("a b", "", "'", '"', "한글", "line\nbreak", "$HOME", "-n", "*", "\\")
    with far.connect() as transport:
        stdout, _, _ = run_job(transport, spec("show", *words, cwd=str(folder)))
    shown = json.loads(stdout)
    assert tuple(shown["words"]) == words
    assert shown["cwd"] == str(folder)


def test_the_environment_reaches_the_job_and_nothing_else(far: Far) -> None:
    """A value given for the job is in the job's environment, in no file and no argument list."""
    secret = "s3cret-" + new_job_id()
    with far.connect() as transport:
        stdout, _, _ = run_job(
            transport, spec("show", env={"API_KEY": secret, "PYTHONPATH": "/mine"})
        )
        job = jobs(transport)[0]
    environment = json.loads(stdout)["env"]
    assert environment["API_KEY"] == secret
    assert environment["COLABDEV_JOB"] == job.id
    assert environment["PYTHONPATH"].endswith(os.pathsep + "/mine")
    files = [path for path in (far.home / ".colabdev").rglob("*") if path.is_file()]
    records = [path for path in files if path.parent == far.folder(job) and path.name != "events"]
    assert {path.name for path in records} >= {"spec.json", "state.json"}
    assert not any(secret in path.read_text() for path in records)
    ours = [far.folder(job), *far.folder(job).iterdir()]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in ours)


def test_no_argument_list_holds_the_environment(far: Far, home: Path) -> None:
    """While the job runs, no process on the machine names the value."""
    secret = "s3cret-" + new_job_id()
    with far.connect() as transport:
        job = spec("gate", str(home / "gate"), env={"TOKEN": secret})
        start(transport, job)
        lists = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
        cancel(transport, job.id)
    assert not any(secret in word for words in lists for word in words or ())


def test_what_is_recorded_of_a_job(far: Far, home: Path) -> None:
    """Command, folder, names of the environment, digest, and its processes by number and birth."""
    job = replace(
        spec("gate", str(home / "gate"), env={"B": "1", "A": "2"}), code_digest="d", pull=("*.pt",)
    )
    with far.connect() as transport:
        start(transport, job)
        asked = json.loads((far.folder(job) / "spec.json").read_text())
        state = json.loads((far.folder(job) / "state.json").read_text())
        cancel(transport, job.id, "KILL")
    assert tuple(asked["command"]) == job.command
    assert (asked["env"], asked["cwd"], asked["code_digest"]) == (["A", "B"], "~", "d")
    assert asked["created"] <= state["started"]
    for process in ("pid", "command"):
        uptime = state[process + "_born"]
        assert 0 < uptime <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert state["pid_born"] <= state["command_born"]
    assert state["pid"] != state["command"]


NO_STARTS = (
    (("no-such-program", "x"), "~", "command", "no-such-program"),
    (("./한글 없음",), "~", "command", "한글 없음"),
    (("/etc/passwd",), "~", "command", "Permission denied"),
    (("true",), "/no/such folder", "cwd", "/no/such folder"),
    (("true",), "/etc/passwd", "cwd", "Not a directory"),
    (("true", "nul\0l"), "~", "request", "null byte"),
    ((), "~", "request", "a command"),
)


def test_what_cannot_start_is_no_job(far: Far) -> None:
    """The cause is told in one sentence with a stable kind, and no job is left on record."""
    with far.connect() as transport:
        for command, cwd, kind, told in NO_STARTS:
            with pytest.raises(RemoteFailure, match=told) as caught:
                start(transport, JobSpec(new_job_id(), command, cwd, "x"))
            assert caught.value.kind == kind
        assert jobs(transport) == []
    assert list((far.home / ".colabdev" / "jobs").iterdir()) == []


def test_an_unusable_place_is_named(far: Far) -> None:
    """Where records cannot be written, the sentence names the place."""
    (far.home / ".colabdev").mkdir(exist_ok=True)
    (far.home / ".colabdev" / "jobs").write_text("in the way")
    with far.connect() as transport, pytest.raises(RemoteFailure, match="jobs") as caught:
        start(transport, spec("leave", "0"))
    assert caught.value.kind == "storage"
    (far.home / ".colabdev" / "jobs").unlink()


def test_an_unknown_job_is_said_to_be_unknown(far: Far) -> None:
    """Neither following nor cancelling reaches anything that is no job."""
    with far.connect() as transport:
        start(transport, spec("leave", "0"))
        for job_id in ("nope", "../payload", "", "é"):
            with pytest.raises(JobNotFound):
                next(follow(transport, job_id))
            with pytest.raises(JobNotFound):
                cancel(transport, job_id)


def test_a_full_disk_delays_and_loses_nothing(far: Far, home: Path) -> None:
    """The log may not grow for a while: the job waits, can be told of, and arrives whole."""
    gate = home / "gate"
    with far.connect() as transport:
        job = JobSpec(
            new_job_id(),
            ("sh", "-c", f"while [ ! -e '{gate}' ]; do sleep .01; done; seq 100000; seq 9 >&2"),
            "~",
            "full",
        )
        start(transport, job)
        supervisor = _supervisor(far, job)
        _, most = resource.prlimit(supervisor, resource.RLIMIT_FSIZE)
        resource.prlimit(supervisor, resource.RLIMIT_FSIZE, (100_001, most))
        gate.touch()
        until(lambda: _log_size(far, job) == 100_001)
        assert jobs(transport)[0].state is JobState.RUNNING
        resource.prlimit(supervisor, resource.RLIMIT_FSIZE, (most, most))
        events = [event for _, event in follow(transport, job.id)]
    assert output(events, "stdout") == b"".join(b"%d\n" % n for n in range(1, 100_001))
    assert output(events, "stderr") == b"".join(b"%d\n" % n for n in range(1, 10))


def test_a_job_without_its_folder_is_lost(far: Far, home: Path) -> None:
    """Its records are removed under it: it can be followed no more, and no supervisor stays."""
    gate = home / "gate"
    with far.connect() as transport:
        job = spec("gate", str(gate))
        start(transport, job)
        with follow(transport, job.id) as following:
            lines = _lines(following)
            assert next(lines) == "before 0"
            supervisor = _supervisor(far, job)
            # It takes a listener's bell out of the folder, which is not to happen at the same time.
            until(lambda: not list(far.folder(job).glob("bell-*")))
            shutil.rmtree(far.folder(job))
            gate.touch()
            with pytest.raises(RemoteFailure):
                list(lines)
        until(lambda: not _lives(supervisor))
        with pytest.raises(JobNotFound):
            cancel(transport, job.id)


def test_a_home_of_any_name_will_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks, quotes and Korean in the far home's path disturb neither jobs nor reports."""
    place = home / "내 홈 'q' $x"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    with far_side("local", place) as far, far.connect() as transport:
        job = spec("measure", "/")
        start(transport, job)
        events = [event for _, event in follow(transport, job.id)]
    assert [event.value for event in events if isinstance(event, Metric)] == [1.0]


def test_stopping_to_listen_ends_the_stream(far: Far, home: Path) -> None:
    """After *stop*, one who waits for the next event is let go, and the job runs on."""
    with far.connect() as transport:
        job = spec("gate", str(home / "gate"))
        start(transport, job)
        with follow(transport, job.id) as following:
            lines = _lines(following)
            assert next(lines) == "before 0"
            timer = threading.Timer(0.1, following.stop)
            timer.start()
            assert list(lines) == []
            timer.join()
        assert jobs(transport)[0].state is JobState.RUNNING


def test_jobs_are_listed_newest_first(far: Far) -> None:
    """A damaged or half-made folder among them hides none."""
    with far.connect() as transport:
        assert jobs(transport) == []
        made: list[Job] = [start(transport, spec("leave", "0")) for _ in range(3)]
        (far.home / ".colabdev" / "jobs" / "damaged").mkdir()
        (far.home / ".colabdev" / "jobs" / "damaged" / "spec.json").write_text("{")
        assert [job.id for job in jobs(transport)] == [job.id for job in reversed(made)]


def _lines(following: Following, told: list[Metric] | None = None) -> Iterator[str]:
    """Yield each line of stdout as soon as it is whole; metrics that come first go to *told*."""
    begun = b""
    for _, event in following:
        if isinstance(event, Metric) and told is not None:
            told.append(event)
        elif isinstance(event, Output) and event.stream == "stdout":
            *whole, begun = (begun + event.data).split(b"\n")
            yield from (line.decode() for line in whole)


def _untimed(event: Event) -> Event:
    assert isinstance(event, Exited)
    return replace(event, seconds=None)


def _supervisor(far: Far, job: JobSpec) -> int:
    return int(json.loads((far.folder(job) / "state.json").read_text())["pid"])


def _command(far: Far, job: JobSpec) -> psutil.Process:
    """Return the job's own process; its supervisor may have others, as one that looks at GPUs."""
    state = json.loads((far.folder(job) / "state.json").read_text())
    return psutil.Process(state["command"])


def _log_size(far: Far, job: JobSpec) -> int:
    return sum(part.stat().st_size for part in (far.folder(job) / "events").iterdir())


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _group_of(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getpgid(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


@dataclass
class Counting:
    """A transport that counts the processes it starts."""

    inner: Transport
    count: int = 0

    def start(self, argv: Sequence[str]) -> Process:
        self.count += 1
        return self.inner.start(argv)

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@pytest.mark.parametrize("env", [{}, {"TOKEN": "s3cret"}])
def test_one_request_starts_a_job_and_listens_to_it(far: Far, env: dict[str, str]) -> None:
    """From submit to the exit code it is one process there, with and without an environment."""
    job = spec("noise", "1", "200000", env=env)
    with far.connect() as inner:
        transport = Counting(inner)
        with run(transport, job) as following:
            assert following.job
            assert following.job.id == job.id
            events = [event for _, event in following]
    assert transport.count == 1
    assert isinstance(events[-1], Exited)
    for stream in ("stdout", "stderr"):
        assert output(events, stream) == noise_bytes("1", "200000", stream)


def test_a_lost_answer_is_asked_for_again_in_the_same_words(far: Far, home: Path) -> None:
    """The whole request repeated: the same job from its first byte on, and one start."""
    trace = home / "trace"
    job = spec("numbers", "1", "20", str(trace), "0")
    with far.connect() as transport:
        for _ in range(2):
            with run(transport, job) as following:
                events = [event for _, event in following]
            assert output(events, "stdout") == b"".join(b"out %d\n" % n for n in range(20))
    assert trace.read_text() == "started\n"


def test_a_burst_travels_compressed(far: Far) -> None:
    """Many short lines need a fraction of their bytes on the wire, and arrive as they were."""
    script = "for n in range(100000): print('line', n)"
    job = JobSpec(new_job_id(), ("python", "-c", script), "~", "burst")
    with far.connect() as transport:
        start(transport, job)
        until(lambda: jobs(transport)[0].state.ended)
        process = transport.start(program("jobs", "follow", job.id, "0"))
        told = bytearray()
        while chunk := process.read():
            told += chunk
        process.close()
        with follow(transport, job.id) as following:
            events = [event for _, event in following]
    text = "".join(f"line {n}\n" for n in range(100000)).encode()
    assert output(events, "stdout") == text
    assert len(told) < len(text) / 3


def test_gpus_are_sampled_while_a_job_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nvidia-smi tells comes as events, hidden figures as None; it ends with the job."""
    stand_in = home / "bin" / "nvidia-smi"
    stand_in.parent.mkdir()
    stand_in.write_text(
        "#!/bin/sh\n"
        "echo No devices were found\n"
        "while :; do echo '0, 40, 1000, 50.5'; echo '1, [N/A], 2, [N/A]'; sleep 0.05; done\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}")
    gate = home / "gate"
    with far_side("local", home) as far, far.connect() as transport:
        job = spec("gate", str(gate))
        with Results() as results, run(transport, job) as following:
            results.begin("run", "gate", "here", ("gate",), "", {}, run_id=job.id)
            for position, event in following:
                results.record(job.id, event, position)
                if isinstance(event, GpuSample) and event.gpu == 1:
                    assert (event.use, event.memory, event.power) == (None, 2 * 2**20, None)
                    gate.touch()
            first, second = results.run(job.id).gpus
            samples = results.run(job.id).gpu_samples
    assert (first.mean_use, first.most_use, first.mean_power) == (40, 40, 50.5)
    assert first.peak_memory == 1000 * 2**20
    assert (second.mean_use, second.peak_memory) == (None, 2 * 2**20)
    assert len(samples) == first.samples + second.samples
