"""The jobs of a runtime: listed, listened to again, and cancelled."""

from colabdev.commands.follow import RunOutcome, attend
from colabdev.commands.reporter import Reporter
from colabdev.errors import InputError, JobNotFound
from colabdev.jobs import client
from colabdev.jobs.job import Job
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from colabdev.remote.transport import Transport
from colabdev.results.store import Results


def list_jobs(on: str | None = None) -> list[Job]:
    """Return the jobs of the runtime *on*, the newest first."""
    with reach(Registry().get(on)) as transport:
        return client.jobs(transport)


def attach(which: str, reporter: Reporter, *, on: str | None = None) -> RunOutcome:
    """Listen to a job from its first byte on until it ends, and record what it measures.

    *which* is as for `find_job`. What is recorded already is not recorded twice.

    Raises:
        JobNotFound: there is no such job.
        ColabdevError: as `attend`.
    """
    runtime = Registry().get(on)
    with reach(runtime) as transport, Results() as results:
        job = find_job(transport, which)
        results.begin("run", job.name, runtime.alias, job.command, "", {}, run_id=job.id)
        return attend(transport, job, runtime=runtime, results=results, reporter=reporter)


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
            f"More than one job has an id that begins with {which!a}.",
            f"Say which one: {', '.join(job.id for job in begun[:9])}",
        )
    raise JobNotFound(f"There is no job {which!a} on this runtime.", "List them: colabdev jobs")
