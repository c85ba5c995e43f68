"""Running a script or a command of a project as a job on a runtime."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from colabdev.commands.attention import TICK, Attention
from colabdev.commands.follow import LEFT_RUNNING, RunOutcome, attend, way_back
from colabdev.commands.hardware import warn_of_the_end
from colabdev.commands.pull import PULL_LIMIT, PullOptions
from colabdev.commands.reporter import Reporter
from colabdev.commands.sync import remote_root, sync_project
from colabdev.commands.target import Target
from colabdev.commands.typed import typed
from colabdev.errors import ConnectionLost
from colabdev.jobs.client import asking, new_job_id, start
from colabdev.jobs.job import LOG_LIMIT, Job, JobSpec, JobState
from colabdev.jobs.line import RECONNECT_FOR, Line
from colabdev.jobs.listener import Listener
from colabdev.language import tr
from colabdev.remote.reach import Dial
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Transport
from colabdev.results.run import RunState
from colabdev.results.store import Results

__all__ = ["RunOptions", "RunOutcome", "follow_job", "run_target"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: *env* goes on top of the runtime's own, its values into no file and no list.

    Without *sync* the project's folder there is taken as it stands. Files that the job makes and
    that match a pattern of *pull* are brought back, none larger than *pull_limit* bytes, and none
    beyond a tunnel's free month but *pull_anyway*.
    *log_limit* is in bytes, *patience* in seconds, as in `Line`.
    """

    sync: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    pull: tuple[str, ...] = ()
    pull_limit: int = PULL_LIMIT
    pull_anyway: bool = False
    log_limit: int = LOG_LIMIT
    patience: float = RECONNECT_FOR


def run_target(
    target: Target,
    reporter: Reporter,
    *,
    on: str | None = None,
    dial: Dial | None = None,
    detach: bool = False,
    options: RunOptions | None = None,
) -> RunOutcome:
    """Sync the target's project to the runtime *on*, run it there, and listen to it to its end.

    *dial* is a connection to the runtime that is being opened, for who has begun with that.

    Raises:
        SyncError: the trees do not agree; nothing was started.
        ColabdevError: as `follow_job`, `reach` and `Registry.get`.
    """
    options = options or RunOptions()
    with dial or Dial(Registry().get(on)) as dialled:
        runtime = dialled.runtime
        digest = ""
        if options.sync:
            digest = sync_project(target.project, runtime, dialled, reporter).code_digest
        spec = JobSpec(
            id=new_job_id(),
            command=target.command,
            cwd=remote_root(target.project, runtime),
            name=target.name,
            env=options.env,
            code_digest=digest,
            log_limit=options.log_limit,
            pull=(*options.pull, *target.results),
        )
        return follow_job(
            dialled,
            spec,
            kind="run",
            runtime=runtime,
            reporter=reporter,
            detach=detach,
            patience=options.patience,
            pull=PullOptions(target.project, options.pull_limit, options.pull_anyway),
        )


def follow_job(
    transport: Transport | Callable[[], Transport],
    spec: JobSpec,
    *,
    kind: str,
    runtime: Runtime,
    reporter: Reporter,
    detach: bool = False,
    patience: float = RECONNECT_FOR,
    pull: PullOptions | None = None,
) -> RunOutcome:
    """Start *spec*, listen to it to its end, and record what it measures as a run of *kind*.

    With *detach* it is started and left to itself. A connection that breaks is dialled anew for
    *patience* seconds awake, and nothing that the job tells is missed or told twice. A *transport*
    that is still being opened may be given as what waits for it.

    Raises:
        ConfigError: the results cannot be recorded; nothing was started.
        RemoteFailure: the job cannot be started, or (kind ``lost``) nobody knows how it ended.
        TransportError: the connection stayed broken; the job goes on without us.
        RuntimeGone: the machine is another one by now, and the job is gone with the old one.
    """
    with Results() as results, contextlib.ExitStack() as stack:
        warn_of_the_end(runtime, reporter)
        asking(spec)  # made ready while the connection is being opened
        opened = transport() if callable(transport) else transport
        line = stack.enter_context(Line(runtime, opened, patience=patience))
        attention = stack.enter_context(Attention(line, reporter))
        listener = None if detach else stack.enter_context(Listener(line, spec.id, spec=spec))
        job = _submitted(line, attention, spec, listener)
        if job is None:
            reporter.warn(
                tr("It was left before it was known to have started."), way_back(runtime, spec.id)
            )
            unknown = Job(spec.id, spec.name, spec.command, JobState.PENDING, time.time())
            return RunOutcome(spec.id, unknown, LEFT_RUNNING)
        results.begin(
            kind, spec.name, runtime.alias, spec.command, spec.code_digest, {}, run_id=job.id
        )
        if listener is None:
            results.finish(job.id, RunState.DETACHED, None)
            attaching = typed("attach", runtime, job.id)
            text = tr("Job {id} runs. Listen to it: {attaching}", id=job.id, attaching=attaching)
            reporter.done(text)
            return RunOutcome(job.id, job, 0)
        return attend(
            line,
            attention,
            job,
            results=results,
            reporter=reporter,
            pull=pull or PullOptions(),
            listener=listener,
        )


def _submitted(
    line: Line, attention: Attention, spec: JobSpec, listener: Listener | None
) -> Job | None:
    """Start *spec*, asked anew when the answer was lost; None when the user left meanwhile."""
    try:
        if listener is None:
            return attention.wait(lambda: line.persist(lambda transport: start(transport, spec)))
        while not attention.left:
            if job := listener.started(TICK):
                return job
            attention.look()
    except ConnectionLost as error:
        attaching = typed("attach", line.runtime, spec.id)
        hint = tr("The job may have started all the same: {attaching}", attaching=attaching)
        raise ConnectionLost(error.message, hint) from error
    return None
