"""What is kept of a job: where its last lines begin, what is dropped, what nobody watches."""

import json
import struct
import time
from dataclasses import replace
from pathlib import Path

import psutil

from colabdev.jobs.client import cancel, find, follow, jobs, new_job_id, prune, start
from colabdev.jobs.job import Dropped, Exited, JobSpec, JobState, Output
from colabdev.remote.transport import Transport
from tests.support.far import Far, output, run_job, spec, until


def _shown(transport: Transport, job: JobSpec, tail: int | None, ago: float | None = None) -> bytes:
    place = find(transport, job.id, tail=tail, ago=ago)
    if place.offset >= place.end:
        return b""
    with follow(transport, job.id, place.offset) as following:
        events = [event for _, event in following]
    if isinstance(events[0], Output):
        events[0] = replace(events[0], data=events[0].data[place.skip :])
    return output(events, "stdout")


def test_the_last_lines_are_found(far: Far) -> None:
    """As tail does: so many lines, all when there are fewer, and an unfinished one is a line."""
    text = b"".join(b"%d\n" % number for number in range(20_000)) + b"half"
    with far.connect() as transport:
        job = JobSpec(new_job_id(), ("sh", "-c", "seq 0 19999; printf half"), "~", "seq")
        run_job(transport, job)
        for tail in (0, 1, 2, 15_000, 20_001, 30_000):
            expected = b"".join(text.splitlines(keepends=True)[-tail:] if tail else ())
            assert _shown(transport, job, tail) == expected
        assert _shown(transport, job, None) == text


def test_what_is_older_is_left_out(far: Far) -> None:
    """The log's marks of the time decide, by the far side's own clock."""
    job = JobSpec(new_job_id(), ("true",), "~", "marks")
    with far.connect() as transport:
        run_job(transport, job)
        told = [
            (b"t", b"%.3f" % (time.time() - 1000)),
            (b"o", b"old\n"),
            (b"t", b"%.3f" % (time.time() - 100)),
            (b"o", b"new\nnewer\n"),
            (b"x", b'{"code": 0}'),
        ]
        (part,) = (far.folder(job) / "events").iterdir()
        part.write_bytes(b"".join(struct.pack(">cI", k, len(body)) + body for k, body in told))
        assert _shown(transport, job, None, 5000) == b"old\nnew\nnewer\n"
        assert _shown(transport, job, None, 500) == b"new\nnewer\n"
        assert _shown(transport, job, 1, 500) == b"newer\n"
        assert _shown(transport, job, None, 50) == b""


def test_the_oldest_output_is_dropped_and_said_to_be(far: Far) -> None:
    """On disk there is no more than allowed; who listens late hears how much is gone."""
    text = b"".join(b"%d\n" % number for number in range(200_000))
    with far.connect() as transport:
        job = JobSpec(new_job_id(), ("seq", "0", "199999"), "~", "much", log_limit=400_000)
        start(transport, job)
        until(lambda: jobs(transport)[0].state.ended)
        size = sum(part.stat().st_size for part in (far.folder(job) / "events").iterdir())
        with follow(transport, job.id) as following:
            (_, dropped), *rest = following
        kept = output([event for _, event in rest], "stdout")
    assert size < 700_000
    assert isinstance(dropped, Dropped)
    assert dropped.size + size == rest[-1][0]
    assert 100_000 < len(kept) < 700_000
    assert text.endswith(kept)
    assert isinstance(rest[-1][1], Exited)


def test_a_command_without_its_supervisor_is_found_and_ended(far: Far, home: Path) -> None:
    """kill -9 of the supervisor: the list says that the job still runs, and cancel ends it."""
    with far.connect() as transport:
        job = spec("stubborn", "SIGINT", "SIGTERM")
        start(transport, job)
        supervisor = psutil.Process(_supervisor(far, job))
        with follow(transport, job.id) as following:
            _, told = next(following)
        assert isinstance(told, Output)
        both = [int(word) for word in told.data.split()]
        supervisor.kill()
        until(lambda: jobs(transport)[0].state is JobState.LOST)
        assert jobs(transport)[0].orphaned
        assert prune(transport, 0) == []
        ended = cancel(transport, job.id, grace=0.2)
        assert (ended.state, ended.orphaned) == (JobState.LOST, False)
        until(lambda: not any(_lives(pid) for pid in both))
        assert [gone.id for gone in prune(transport, 0)] == [job.id]
        assert jobs(transport) == []


def test_cancel_leaves_alone_what_an_ended_job_left_behind(far: Far) -> None:
    """The job has ended by itself: its background process is nobody's business any more."""
    with far.connect() as transport:
        job = spec("background")
        stdout, _, _ = run_job(transport, job)
        assert cancel(transport, job.id).state is JobState.SUCCEEDED
    left = psutil.Process(int(stdout))
    assert left.is_running()
    left.kill()


def test_only_what_ended_long_ago_is_cleared_away(far: Far, home: Path) -> None:
    """A job that runs stays, and so does one that ended just now."""
    with far.connect() as transport:
        over, running = spec("leave", "0"), spec("gate", str(home / "never"))
        run_job(transport, over)
        start(transport, running)
        assert prune(transport, 3600) == []
        assert [job.id for job in prune(transport, 0)] == [over.id]
        assert [job.id for job in jobs(transport)] == [running.id]
    assert not far.folder(over).exists()


def _supervisor(far: Far, job: JobSpec) -> int:
    return int(json.loads((far.folder(job) / "state.json").read_text())["pid"])


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
