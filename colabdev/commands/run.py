"""Running a script or a command of a project as a job on a runtime."""

import contextlib
import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from colabdev.commands.options import PullOptions, RunOptions
from colabdev.commands.reporter import Reporter
from colabdev.commands.sync import remote_root, sync_project
from colabdev.commands.target import Target
from colabdev.errors import InputError, RemoteFailure, SyncError, TransportError
from colabdev.jobs.client import Following, new_job_id
from colabdev.jobs.job import JobSpec
from colabdev.remote.reach import Dial
from colabdev.remote.runtime import Registry
from colabdev.results.store import Results
from colabdev.sync.along import Along

if TYPE_CHECKING:
    from colabdev.commands.follow import RunOutcome

__all__ = ["RunOptions", "run_target"]


def run_target(
    target: Target,
    reporter: Reporter,
    *,
    on: str | None = None,
    dial: Dial | None = None,
    detach: bool = False,
    options: RunOptions | None = None,
) -> "RunOutcome":
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
        from colabdev.commands.follow import follow_job  # loaded while a connection is opened

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
                from colabdev.commands.follow import unknown_start

                reporter.warn(*unknown_start(self._dial.runtime, self.spec.id))
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
        importlib.import_module("colabdev.commands.follow")  # while the answer is on its way

    def _let_go(self) -> None:
        if self._following:
            self._following.close()
        self._following = None
