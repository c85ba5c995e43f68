"""Running a script or a command of a project as a job on a runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from colabdev.commands.follow import RunOutcome, attend
from colabdev.commands.reporter import Reporter
from colabdev.commands.sync import remote_root, sync_project
from colabdev.errors import InputError
from colabdev.jobs.client import new_job_id, start
from colabdev.jobs.job import JobSpec
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Transport
from colabdev.results.run import RunState
from colabdev.results.store import Results
from colabdev.sync.ignore import is_ignored

__all__ = ["RunOutcome", "Target", "command_target", "follow_job", "run_target", "script_target"]

_MARKERS = ("pyproject.toml", ".git", ".colabdev")


@dataclass(frozen=True, slots=True)
class Target:
    """What to run: *command*, in the synced folder of the *project*."""

    project: Path
    command: tuple[str, ...]
    name: str


def script_target(script: str, arguments: Sequence[str] = (), *, name: str = "") -> Target:
    """Return the target that runs the Python file *script* with the notebook's interpreter.

    Raises:
        InputError: there is no such file, or it is no Python.
    """
    path = Path(script).parent.resolve() / Path(script).name
    if not path.is_file():
        raise InputError(
            f"There is no file {script!a}.",
            f"To run a command instead of a script: colabdev run -- {script}",
        )
    if path.suffix.lower() != ".py":
        raise InputError(
            f"{script!a} is no Python file.", f"Run it as a command: colabdev run -- ./{script}"
        )
    project = project_root(path.parent)
    inside = path.relative_to(project).as_posix()
    if is_ignored(project, inside):
        raise InputError(
            f"{script!a} is left out of every sync by .gitignore, .colabdevignore or a default.",
            "Take it back with a line that begins with '!' in .colabdevignore, or move it.",
        )
    # A name with a leading dash would be an option to Python.
    word = f"./{inside}" if inside.startswith("-") else inside
    return Target(project, ("python", word, *arguments), name or inside)


def command_target(command: Sequence[str], *, name: str = "") -> Target:
    """Return the target that runs *command* for the project of the current folder."""
    return Target(project_root(Path.cwd().resolve()), tuple(command), name or command[0])


def project_root(folder: Path) -> Path:
    """Return the nearest folder from *folder* up that is marked as a project, else *folder*.

    The home folder is never one by its marks, nor is what lies above it.
    """
    home = Path.home().resolve()
    for candidate in (folder, *folder.parents):
        if candidate == home or candidate in home.parents:
            break
        if any((candidate / marker).exists() for marker in _MARKERS):
            return candidate
    return folder


def run_target(
    target: Target, reporter: Reporter, *, on: str | None = None, detach: bool = False
) -> RunOutcome:
    """Sync the target's project to the runtime *on*, run it there, and listen to it to its end.

    Raises:
        SyncError: the trees do not agree; nothing was started.
        ColabdevError: as `follow_job`, `reach` and `Registry.get`.
    """
    runtime = Registry().get(on)
    with reach(runtime) as transport:
        synced = sync_project(target.project, runtime, transport, reporter)
        spec = JobSpec(
            id=new_job_id(),
            command=target.command,
            cwd=remote_root(target.project, runtime),
            name=target.name,
            code_digest=synced.code_digest,
        )
        return follow_job(
            transport, spec, kind="run", runtime=runtime, reporter=reporter, detach=detach
        )


def follow_job(
    transport: Transport,
    spec: JobSpec,
    *,
    kind: str,
    runtime: Runtime,
    reporter: Reporter,
    detach: bool = False,
) -> RunOutcome:
    """Start *spec*, listen to it to its end, and record what it measures as a run of *kind*.

    With *detach* it is started and left to itself.

    Raises:
        ConfigError: the results cannot be recorded; nothing was started.
        RemoteFailure: the job cannot be started, or (kind ``lost``) nobody knows how it ended.
        ConnectionLost: the job goes on without us.
    """
    with Results() as results:
        job = start(transport, spec)
        results.begin(
            kind, spec.name, runtime.alias, spec.command, spec.code_digest, {}, run_id=job.id
        )
        if detach:
            results.finish(job.id, RunState.DETACHED, None)
            reporter.done(f"Job {job.id} runs. Listen to it: colabdev attach {job.id}")
            return RunOutcome(job.id, job, 0)
        return attend(transport, job, runtime=runtime, results=results, reporter=reporter)
