"""The jobs of a runtime: listed, listened to again, waited for, cancelled and cleared away."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from colabdev.commands.attention import TICK, Attention
from colabdev.commands.follow import RunOutcome, attend
from colabdev.commands.options import PULL_LIMIT, PullOptions
from colabdev.commands.reporter import Reporter
from colabdev.commands.sync import remote_root
from colabdev.commands.target import project_root
from colabdev.errors import InputError, JobNotFound, RemoteFailure
from colabdev.jobs import client
from colabdev.jobs.job import RECONNECT_FOR, DiskFull, Dropped, Event, Exited, Job, Output
from colabdev.jobs.line import Line
from colabdev.jobs.listener import Listener
from colabdev.language import tr
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from colabdev.remote.transport import Transport
from colabdev.results.store import Results


def list_jobs(on: str | None = None) -> list[Job]:
    """Return the jobs of the runtime *on*, the newest first."""
    with reach(Registry().get(on)) as transport:
        return client.jobs(transport)


def attach(
    which: str,
    reporter: Reporter,
    *,
    on: str | None = None,
    pull_limit: int = PULL_LIMIT,
    pull_anyway: bool = False,
    patience: float = RECONNECT_FOR,
) -> RunOutcome:
    """Listen to a job from its first byte on until it ends, and record what it measures.

    *which* is as for `find_job`. What is recorded already is not recorded twice. Its results are
    brought when this is done in the project that it ran for.

    Raises:
        JobNotFound: there is no such job.
        ColabdevError: as `attend`.
    """
    runtime = Registry().get(on)
    with reach(runtime) as transport, Results() as results:
        job = find_job(transport, which)
        results.begin("run", job.name, runtime.alias, job.command, "", {}, run_id=job.id)
        with (
            Line(runtime, transport, patience=patience) as line,
            Attention(line, reporter) as attention,
        ):
            project = project_root(Path.cwd().resolve())
            at_home = remote_root(project, runtime) == job.cwd
            pull = PullOptions(project if at_home else None, pull_limit, pull_anyway)
            return attend(line, attention, job, results=results, reporter=reporter, pull=pull)


def show_logs(
    which: str,
    reporter: Reporter,
    *,
    on: str | None = None,
    follow: bool = False,
    tail: int | None = None,
    ago: float | None = None,
    patience: float = RECONNECT_FOR,
) -> None:
    """Tell what a job has printed, and with *follow* what it goes on to print, to its end.

    *tail* lines at the most, and nothing older than *ago* seconds; nothing is recorded.

    Raises:
        JobNotFound: there is no such job.
        RemoteFailure: (kind ``lost``) nobody can say how the followed job ended.
        TransportError: the connection stayed broken.
    """
    runtime = Registry().get(on)
    with (
        reach(runtime) as transport,
        Line(runtime, transport, patience=patience) as line,
        Attention(line, reporter, stopping=False) as attention,
    ):
        job = find_job(transport, which)
        place = line.persist(lambda there: client.find(there, job.id, tail=tail, ago=ago))
        if place.offset and tail is None and ago is None:
            attention.heard(Dropped(place.offset))
        if not follow and place.offset >= place.end:
            return
        with Listener(line, job.id, place.offset) as listener:
            for position, event in _told(listener, attention):
                if isinstance(event, Output) and event.offset == place.offset:
                    event = replace(event, data=event.data[place.skip :])
                if isinstance(event, Output | Dropped | DiskFull):
                    attention.heard(event)
                if not follow and position >= place.end:
                    return


def wait_for_jobs(
    which: Sequence[str],
    reporter: Reporter,
    *,
    on: str | None = None,
    patience: float = RECONNECT_FOR,
) -> list[Job]:
    """Wait until all of these jobs have ended and return them, as they ended, in order.

    Raises:
        JobNotFound: there is no such job.
        TransportError: the connection stayed broken.
    """
    runtime = Registry().get(on)
    with (
        reach(runtime) as transport,
        Line(runtime, transport, patience=patience) as line,
        Attention(line, reporter, stopping=False) as attention,
    ):
        wanted = [find_job(transport, word) for word in which]
        for number, job in enumerate(wanted):
            with reporter.step(
                tr(
                    "Waiting for {name} ({number} of {wanted})",
                    name=job.name,
                    number=number + 1,
                    wanted=len(wanted),
                )
            ):
                _sit_out(line, attention, job)
        ended = {job.id: job for job in line.persist(client.jobs)}
    gone = next((job.id for job in wanted if job.id not in ended), None)
    if gone:
        raise JobNotFound(tr("The records of job {gone} were removed meanwhile.", gone=gone))
    return [ended[job.id] for job in wanted]


def prune_jobs(ago: float, *, on: str | None = None) -> list[Job]:
    """Remove the records of jobs that ended *ago* seconds ago or earlier, and return those."""
    with reach(Registry().get(on)) as transport:
        return client.prune(transport, ago)


def _sit_out(line: Line, attention: Attention, job: Job) -> None:
    if job.state.ended:
        return
    place = line.persist(lambda there: client.find(there, job.id, tail=0))
    with Listener(line, job.id, place.offset) as listener, contextlib.suppress(RemoteFailure):
        # A job that nobody can tell the end of is over as well: the list says it is lost.
        for _, event in _told(listener, attention):
            if isinstance(event, DiskFull):
                attention.heard(event)


def _told(listener: Listener, attention: Attention) -> Iterator[tuple[int, Event]]:
    """Yield what the job tells, up to its end."""
    while True:
        if told := listener.next(TICK):
            yield told
            if isinstance(told[1], Exited):
                return
        attention.look()


def cancel_job(which: str, *, on: str | None = None) -> Job:
    """Ask a job to stop: SIGINT now, SIGTERM 10 s later, SIGKILL after 10 s more.

    Raises:
        JobNotFound: there is no such job.
    """
    with reach(Registry().get(on)) as transport:
        return client.cancel(transport, find_job(transport, which).id)


def find_job(transport: Transport, which: str) -> Job:
    """Return the newest job of that name, else the one whose id begins so; or the ``last``.

    Raises:
        JobNotFound: there is none.
        InputError: the beginning fits more than one id.
    """
    known = client.jobs(transport)
    named = [job for job in known if which in (job.id, job.name)]
    if which == "last":
        named = named or known
    if named:
        return named[0]
    begun = [job for job in known if which and job.id.startswith(which)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise InputError(
            tr("More than one job has an id that begins with {which!r}.", which=which),
            tr("Say which one: {value}", value=", ".join(job.id for job in begun[:9])),
        )
    raise JobNotFound(
        tr("There is no job {which!r} on this runtime.", which=which),
        tr("List them: colabdev jobs"),
    )
