"""Listening to a job to its end: what it tells is shown and recorded, and Ctrl-C is heeded."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from colabdev.commands.attention import TICK, Attention, beside
from colabdev.commands.hardware import known_hardware, remember_hardware, warn_of_the_end
from colabdev.commands.options import PullOptions
from colabdev.commands.pull import Harvest
from colabdev.commands.reporter import Reporter
from colabdev.commands.typed import typed
from colabdev.errors import (
    ColabdevError,
    ConfigError,
    ConnectionLost,
    OutputClosed,
    OutputRefused,
    ProtocolError,
    RemoteFailure,
    RuntimeForgotten,
    RuntimeGone,
    system_says,
)
from colabdev.jobs.client import Following, asking, start
from colabdev.jobs.job import RECONNECT_FOR, Artifact, Exited, Job, JobSpec, JobState
from colabdev.jobs.line import Line
from colabdev.jobs.listener import Listener
from colabdev.language import tr, tr_n
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport
from colabdev.results.run import Run, RunState
from colabdev.results.store import Results

if TYPE_CHECKING:
    from concurrent.futures import Future

LEFT_RUNNING = 130
_FACTS_LIMIT = 10.0  # seconds that the job's end waits to hear what the machine is


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a job stands when the command that ran it ends; *run_id* names it in the results.

    *code* is the command's exit code: the job's own, 0 when it was started to be left alone, 130
    when Ctrl-C left it running.
    """

    run_id: str
    job: Job
    code: int


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
            reporter.warn(*unknown_start(runtime, spec.id))
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
        raise ConnectionLost(error.message, unknown_start(line.runtime, spec.id)[1]) from error
    return None


def attend(
    line: Line,
    attention: Attention,
    job: Job,
    *,
    results: Results,
    reporter: Reporter,
    pull: PullOptions,
    listener: Listener | None = None,
) -> RunOutcome:
    """Listen to *job*, which has begun in *results* under its id, until it ends.

    *listener* is one that hears it already, if there is one.

    Files that it tells of are brought as *pull* says, all of them before its end is told.

    Ctrl-C asks the job to stop and listens on; a second one leaves it running.

    Raises:
        TransportError: the line stayed broken; the job goes on without us.
        ProtocolError: the far side's listener died; the job goes on without us.
        OutputClosed: nobody takes what it tells; the job goes on without us.
        ConfigError: what it tells cannot be recorded; the job goes on without us.
        RuntimeGone: the machine is another one by now, and the job is gone with the old one.
        RemoteFailure: (kind ``lost``) nobody can say how it ended.
    """
    known = known_hardware(line.runtime)
    if known:
        results.describe(job.id, known)
    files = Harvest(line, job, pull, reporter, attention)
    hardware = None if known else beside(lambda: _record_hardware(line, job, results.path))
    try:
        with listener or Listener(line, job.id) as heard, files:
            end = _listen(heard, attention, job, results, files)
    except (ConnectionLost, ProtocolError) as error:
        raise type(error)(error.message, way_back(line.runtime, job.id)) from error
    except OutputClosed as error:
        results.finish(job.id, RunState.DETACHED, None)
        raise type(error)(error.message, way_back(line.runtime, job.id)) from error
    except ConfigError as error:  # the results cannot be written any more
        hint = f"{error.hint} {way_back(line.runtime, job.id)}"
        raise ConfigError(error.message, hint) from error
    except RuntimeForgotten as error:
        hint = f"{error.hint} {way_back(line.runtime, job.id)}"
        raise RuntimeForgotten(error.message, hint) from error
    except RuntimeGone as error:
        results.finish(job.id, RunState.LOST, None)
        raise RuntimeGone(error.message, _kept(results.run(job.id), files)) from error
    except RemoteFailure as error:
        if error.kind == "lost":
            results.finish(job.id, RunState.LOST, None)
        raise
    if end is None:
        results.finish(job.id, RunState.DETACHED, None)
        reporter.warn(tr("The job was left running."), way_back(line.runtime, job.id))
        return RunOutcome(job.id, replace(job, state=JobState.RUNNING), LEFT_RUNNING)
    results.finish(job.id, end.state, end.code, seconds=end.seconds)
    if hardware:
        _await_hardware(hardware, reporter)
    return RunOutcome(job.id, replace(job, state=end.state, exit_code=end.code), end.code)


def unknown_start(runtime: Runtime, job_id: str) -> tuple[str, str]:
    """Return what is to be said of a job that was asked for, and the next step."""
    attaching = typed("attach", runtime, job_id)
    return (
        tr("It was left before it was known to have started."),
        tr("The job may have started all the same: {attaching}", attaching=attaching),
    )


def way_back(runtime: Runtime, job_id: str) -> str:
    """Return the next step of one who lost sight of a job."""
    attaching = typed("attach", runtime, job_id)
    return tr("The job goes on; listen to it again: {attaching}", attaching=attaching)


def _kept(run: Run, files: Harvest) -> str:
    """Say what is on this computer of a job whose machine is gone, and what is not."""
    kept = [tr("its output up to there")]
    if count := len(run.metrics):
        kept.append(tr_n("{count} measurement", "{count} measurements", count))
    kept += sorted(files.brought)
    text = tr(
        "Kept here: {kept}. See: colabdev results show {id}",
        kept=", ".join(kept),
        id=run.id,
    )
    if lost := sorted(files.missing):
        text += " " + tr("Not brought any more: {lost}.", lost=", ".join(lost))
    return text


def _listen(
    listener: Listener, attention: Attention, job: Job, results: Results, files: Harvest
) -> Exited | None:
    """Show and record each event; return the end, or None when the user left before it."""
    while not attention.left:
        if told := listener.next(TICK):
            position, event = told
            results.record(job.id, event, position)
            if isinstance(event, Artifact):
                files.want(event)
                continue
            if isinstance(event, Exited):
                files.finish()
            try:
                attention.heard(event)
            except BrokenPipeError as error:
                raise OutputClosed(tr("Nobody reads the output any more.")) from error
            except OSError as error:
                text = tr("The output cannot be written: {reason}.", reason=system_says(error))
                raise OutputRefused(text) from error
            if isinstance(event, Exited):
                return event
        files.look()
        attention.look(job)
    return None


def _record_hardware(line: Line, job: Job, path: Path) -> None:
    """Record what the job's numbers come from, as soon as the machine has said so."""
    from colabdev.remote.host import host_facts  # once in a machine's life

    facts = line.persist(lambda transport: host_facts(transport, line.runtime.root, torch=False))
    with Results(path) as results:
        results.describe(job.id, asdict(facts))
    remember_hardware(facts)


def _await_hardware(hardware: "Future[None]", reporter: Reporter) -> None:
    try:
        hardware.result(_FACTS_LIMIT)
    except TimeoutError:
        reporter.warn(tr("The run is recorded without its hardware: the machine does not name it."))
    except ColabdevError as error:
        reporter.warn(
            tr("The run is recorded without its hardware: {message}", message=error.message)
        )
