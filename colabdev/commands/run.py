"""Running a script or a command of a project as a job on a runtime."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from colabdev.commands.attention import TICK, Attention
from colabdev.commands.follow import LEFT_RUNNING, RunOutcome, attend, way_back
from colabdev.commands.hardware import warn_of_the_end
from colabdev.commands.pull import PULL_LIMIT, PullOptions
from colabdev.commands.reporter import Reporter
from colabdev.commands.sync import remote_root, sync_project
from colabdev.commands.target import Target
from colabdev.commands.typed import typed
from colabdev.errors import ConnectionLost, InputError, RemoteFailure, SyncError, TransportError
from colabdev.jobs.client import Following, asking, new_job_id, start
from colabdev.jobs.job import LOG_LIMIT, Job, JobSpec, JobState
from colabdev.jobs.line import RECONNECT_FOR, Line
from colabdev.jobs.listener import Listener
from colabdev.language import tr
from colabdev.remote.reach import Dial
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Transport
from colabdev.results.run import RunState
from colabdev.results.store import Results
from colabdev.sync.along import Along

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
    with dial or Dial(Registry().get(on)) as dialled, Results() as results:
        runtime = dialled.runtime
        spec = JobSpec(
            id=new_job_id(),
            command=target.command,
            cwd=remote_root(target.project, runtime),
            name=target.name,
            env=options.env,
            log_limit=options.log_limit,
            pull=(*options.pull, *target.results),
        )
        ahead = None
        if options.sync and detach:
            report = sync_project(target.project, runtime, dialled, reporter)
            spec = replace(spec, code_digest=report.code_digest)
        elif options.sync:
            asked = _Asked(dialled, spec)
            ahead = asked.sync(target.project, reporter)
            spec = asked.spec
        return follow_job(
            dialled,
            spec,
            kind="run",
            runtime=runtime,
            reporter=reporter,
            detach=detach,
            patience=options.patience,
            pull=PullOptions(target.project, options.pull_limit, options.pull_anyway),
            results=results,
            ahead=ahead,
        )


class _Asked:
    """The job of *spec*, asked for along with the question whether its project is in sync.

    Where it is, or is with little, that one round trip starts the job; where not, nothing is
    started before all is well.
    """

    def __init__(self, dial: Dial, spec: JobSpec) -> None:
        self.spec = spec
        self._dial = dial
        self._following: Following | None = None

    def sync(self, project: Path, reporter: Reporter) -> Following | None:
        """Sync *project*; return what tells of the job, None when it is still to be started."""
        along = Along(self._begin)
        try:
            report = sync_project(project, self._dial.runtime, self._dial, reporter, along=along)
        except BaseException as error:
            self._let_go()
            # What ends a sync in good order leaves word there that nothing is to be started.
            if along.begun and not isinstance(error, SyncError | InputError | RemoteFailure):
                reporter.warn(
                    tr("The job may have started all the same."),
                    way_back(self._dial.runtime, self.spec.id),
                )
            raise
        self.spec = replace(self.spec, code_digest=report.code_digest)
        if not along.holds:
            self._let_go()
        return self._following

    def _begin(self, token: str, code_digest: str) -> None:
        self.spec = replace(self.spec, code_digest=code_digest)
        # An attempt: what is wrong with the connection is told by the sync, or when it is made
        # anew.
        with contextlib.suppress(TransportError):
            self._following = Following(self._dial(), self.spec.id, 0, self.spec, token)

    def _let_go(self) -> None:
        if self._following:
            self._following.close()
        self._following = None


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
    results: Results | None = None,
    ahead: Following | None = None,
) -> RunOutcome:
    """Start *spec*, listen to it to its end, and record what it measures as a run of *kind*.

    With *detach* it is started and left to itself. A connection that breaks is dialled anew for
    *patience* seconds awake, and nothing that the job tells is missed or told twice. A *transport*
    that is still being opened may be given as what waits for it, *results* that are open already,
    and *ahead* what tells of the job where it was asked for before.

    Raises:
        ConfigError: the results cannot be recorded; nothing was started.
        RemoteFailure: the job cannot be started, or (kind ``lost``) nobody knows how it ended.
        TransportError: the connection stayed broken; the job goes on without us.
        RuntimeGone: the machine is another one by now, and the job is gone with the old one.
    """
    with results or Results() as results, contextlib.ExitStack() as stack:
        if ahead:
            stack.callback(ahead.close)
        warn_of_the_end(runtime, reporter)
        asking(spec)  # made ready while the connection is being opened
        opened = transport() if callable(transport) else transport
        line = stack.enter_context(Line(runtime, opened, patience=patience))
        attention = stack.enter_context(Attention(line, reporter))
        listener = None
        if not detach:
            listener = stack.enter_context(Listener(line, spec.id, spec=spec, ahead=ahead))
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
