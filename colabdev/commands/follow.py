"""Listening to a job to its end: what it tells is shown and recorded, and Ctrl-C is heeded."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from colabdev.commands.reporter import Reporter
from colabdev.errors import ColabdevError, ConnectionLost, RemoteFailure
from colabdev.jobs.client import cancel, follow
from colabdev.jobs.job import Exited, Job, JobState
from colabdev.jobs.listener import Listener
from colabdev.remote.host import host_facts
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport
from colabdev.results.run import RunState
from colabdev.results.store import Results

_LEFT_RUNNING = 130
_TICK = 0.1  # seconds between looks at Ctrl-C and at what goes on beside
_FACTS_LIMIT = 10.0  # seconds that the job's end waits to hear what the machine is

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a job stands when the command that ran it ends; *run_id* names it in the results.

    *code* is the command's exit code: the job's own, 0 when it was started to be left alone, 130
    when Ctrl-C left it running.
    """

    run_id: str
    job: Job
    code: int


def attend(
    transport: Transport, job: Job, *, runtime: Runtime, results: Results, reporter: Reporter
) -> RunOutcome:
    """Listen to *job*, which has begun in *results* under its id, until it ends.

    Ctrl-C asks the job to stop and listens on; a second one leaves it running.

    Raises:
        ConnectionLost: the job goes on without us.
        RemoteFailure: (kind ``lost``) nobody can say how it ended.
    """
    hardware = _beside(lambda: _record_hardware(transport, job, runtime, results.path))
    try:
        end = _listen(transport, job, results, reporter)
    except ConnectionLost as error:
        raise ConnectionLost(error.message, _way_back(job)) from error
    except RemoteFailure as error:
        if error.kind == "lost":
            results.finish(job.id, RunState.LOST, None)
        raise
    if end is None:
        results.finish(job.id, RunState.DETACHED, None)
        reporter.warn("The job was left running.", _way_back(job))
        return RunOutcome(job.id, replace(job, state=JobState.RUNNING), _LEFT_RUNNING)
    results.finish(job.id, end.state, end.code, seconds=end.seconds)
    _await_hardware(hardware, reporter)
    return RunOutcome(job.id, replace(job, state=end.state, exit_code=end.code), end.code)


def _way_back(job: Job) -> str:
    return f"The job goes on; listen to it again: colabdev attach {job.id}"


def _listen(transport: Transport, job: Job, results: Results, reporter: Reporter) -> Exited | None:
    """Show and record each event; return the end, or None when the user left before it."""
    asked: Future[Job] | None = None
    with _ctrl_c() as pressed, Listener(follow(transport, job.id)) as listener:
        while pressed() < 2:
            if pressed() and not asked:
                reporter.warn("The job is asked to stop.", "Ctrl-C again leaves it running.")
                # Beside, so that a second Ctrl-C counts even when the line is dead.
                asked = _beside(lambda: cancel(transport, job.id))
            if told := listener.next(_TICK):
                position, event = told
                results.record(job.id, event, position)
                reporter.event(event)
                if isinstance(event, Exited):
                    return event
            elif asked and asked.done() and (error := asked.exception()):
                raise error
    return None


def _record_hardware(transport: Transport, job: Job, runtime: Runtime, path: Path) -> None:
    """Record what the job's numbers come from, as soon as the machine has said so."""
    facts = host_facts(transport, runtime.root, torch=False)
    with Results(path) as results:
        results.describe(job.id, asdict(facts))


def _await_hardware(hardware: Future[None], reporter: Reporter) -> None:
    try:
        hardware.result(_FACTS_LIMIT)
    except TimeoutError:
        reporter.warn("The run is recorded without its hardware: the machine does not name it.")
    except ColabdevError as error:
        reporter.warn(f"The run is recorded without its hardware: {error.message}")


def _beside(call: Callable[[], _Value]) -> "Future[_Value]":
    """Run *call* in a thread, which ends with the transport it uses at the latest."""
    future: Future[_Value] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # not swallowed: raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


@contextlib.contextmanager
def _ctrl_c() -> Iterator[Callable[[], int]]:
    """Count Ctrl-C in the block instead of raising, so that none cuts an event in two.

    Outside of the main thread, and where Ctrl-C is ignored, all stays as it is.
    """
    pressed = 0

    def press(*_: object) -> None:
        nonlocal pressed
        pressed += 1

    before = signal.getsignal(signal.SIGINT)
    heeded = before not in (signal.SIG_IGN, None)
    ours = heeded and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
