"""The far side of a test, over each transport there is."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.errors import JobNotFound
from colabdev.jobs.client import cancel, follow, jobs, new_job_id, start
from colabdev.jobs.job import Event, Exited, Job, JobSpec, Output
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.local import LocalTransport
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import Transport
from tests.support import actions
from tests.support.runtime import start_runtime

TRANSPORTS = ("local", pytest.param("ssh", marks=pytest.mark.sshd))
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Far:
    """A machine whose home folder is *home*; *connect* opens a new connection to it."""

    home: Path
    connect: Callable[[], Transport]

    def folder(self, job: Job | JobSpec) -> Path:
        """Return the folder where the job's records are."""
        return self.home / ".colabdev" / "jobs" / job.id


@contextlib.contextmanager
def far_side(kind: str, home: Path) -> Iterator[Far]:
    """Lend a machine reached by *kind*, and end the jobs that are left on it."""
    if kind == "local":
        far = Far(home, LocalTransport)
        try:
            yield far
        finally:
            _end_jobs(far)
        return
    with start_runtime(home / "vm") as started:
        destination = parse_connect_string(started.connect_string).destination
        far = Far(started.home, lambda: SSHTransport.connect(destination, paths.key_file()))
        try:
            yield far
        finally:
            _end_jobs(far)


def spec(*words: str, cwd: str = "~", env: dict[str, str] | None = None) -> JobSpec:
    """Return a job that runs one of the `actions`."""
    return JobSpec(
        new_job_id(), ("python", actions.__file__, *words), cwd, name=words[0], env=env or {}
    )


def run_job(transport: Transport, job: JobSpec) -> tuple[bytes, bytes, Exited]:
    """Run *job* to its end and return both of its outputs and the exit."""
    start(transport, job)
    with follow(transport, job.id) as following:
        events = [event for _, event in following]
    assert isinstance(events[-1], Exited)
    return output(events, "stdout"), output(events, "stderr"), events[-1]


def output(events: list[Event], stream: str) -> bytes:
    """Return what the job wrote to *stream*."""
    return b"".join(
        event.data for event in events if isinstance(event, Output) and event.stream == stream
    )


def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def _end_jobs(far: Far) -> None:
    if not (far.home / ".colabdev" / "jobs").is_dir():
        return
    with far.connect() as transport:
        for job in jobs(transport):
            if not job.state.ended:
                with contextlib.suppress(JobNotFound):
                    cancel(transport, job.id, "KILL")
        until(lambda: all(job.state.ended for job in jobs(transport)))
