"""An exercise as a job on a runtime, alone or with all of its course."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # a row is a mapping of anything

from colabdev import texts
from colabdev.commands.follow import RunOutcome, follow_job
from colabdev.commands.reporter import Reporter
from colabdev.commands.sync import remote_root, sync_project
from colabdev.errors import InputError, ProtocolError, RemoteFailure, system_says
from colabdev.exercises.course import Course, Exercise, Language, Outcome
from colabdev.exercises.workbook import Workbook
from colabdev.far_words import translated
from colabdev.jobs.client import new_job_id
from colabdev.jobs.job import JobSpec
from colabdev.language import tr
from colabdev.payload import checker
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport
from colabdev.results.store import Results
from colabdev.store import private_dir, scratch_dir, write_atomic

_FOLDER = "colabdev-course"
_PROGRAMS = ("checker", "tasks", "toolkit")


@dataclass(frozen=True, slots=True)
class ExerciseOutcome:
    """How an exercise ended on a runtime; *outcome* is None when its job did not get that far.

    *run* names the recorded measurements; there is none when the checks themselves cannot run
    there. Of *tasks* so many *passed*.
    """

    exercise: Exercise
    outcome: Outcome | None
    run: RunOutcome | None
    passed: int = 0
    tasks: int = 0

    @property
    def code(self) -> int:
        """Return the exit code: the job's own, or 70 for checks that cannot run."""
        return self.run.code if self.run else RemoteFailure.exit_code


def run_exercise(
    slug: str,
    runtime: Runtime,
    transport: Transport,
    reporter: Reporter,
    *,
    mine: Path | None = None,
    course: Course | None = None,
    language: Language = "en",
    seed: int | None = None,
    measure: bool = True,
) -> ExerciseOutcome:
    """Check the file *mine*, by default the course's own solution, as a job on *runtime*.

    What it measures is recorded with the hardware, unless *measure* is off. The same *seed* gives
    the same numbers.

    Raises:
        InputError: there is no such exercise, or no such file.
        RemoteFailure: (kind ``checks``) the checks themselves cannot run there.
        ColabdevError: as `sync_project` and `follow_job`.
    """
    exercise = (course or Course.load()).exercise(slug)
    files = _files(exercise, mine or exercise.solution)
    digest = _digest(files)
    # What a folder holds never changes: nothing can conflict, and two runs at once are none.
    there = replace(runtime, root=f"{runtime.root.rstrip('/')}/{_FOLDER}")
    with scratch_dir() as scratch:
        folder = scratch / f"{slug}-{digest[:12]}"
        for name, contents in files.items():
            private_dir((folder / name).parent)
            write_atomic(folder / name, contents)
        sync_project(folder, there, transport, reporter)
        spec = JobSpec(
            id=new_job_id(),
            command=_command(exercise, language, seed, measure),
            cwd=remote_root(folder, there),
            name=slug,
            code_digest=digest,
        )
    run = follow_job(transport, spec, kind="exercise", runtime=runtime, reporter=reporter)
    told = _told(run, slug, runtime)
    if told is None:
        return ExerciseOutcome(exercise, None, run)
    try:
        outcome = Outcome(str(told.get("outcome")))
        passed, tasks = int(told["passed"]), int(told["tasks"])
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(
            tr("The checker told of an end that is none: {error!r}.", error=error)
        ) from error
    return ExerciseOutcome(exercise, outcome, run, passed, tasks)


def run_course(
    runtime: Runtime,
    transport: Transport,
    reporter: Reporter,
    *,
    course: Course | None = None,
    mine: Workbook | None = None,
    language: Language = "en",
    seed: int | None = None,
) -> Iterator[ExerciseOutcome]:
    """Run each exercise of *course* in turn, as `run_exercise` does, and yield how it ended.

    With *mine* it is the learner's own files that run. One after the other: what is measured
    wants the machine for itself. Checks that cannot run there end only their own exercise.
    """
    for exercise in (course or Course.load()).exercises:
        file = mine.file(exercise) if mine else None
        try:
            yield run_exercise(
                exercise.slug,
                runtime,
                transport,
                reporter,
                mine=file,
                course=course,
                language=language,
                seed=seed,
            )
        except RemoteFailure as failure:
            if failure.kind != "checks":
                raise
            reporter.warn(failure.message, failure.hint)
            yield ExerciseOutcome(exercise, None, None)


def _files(exercise: Exercise, answer: Path) -> dict[str, bytes]:
    """Return what the far side needs, by path; an answer bears its exercise's name there."""
    programs = {f"checks/{name}.py": texts.payload(name).encode() for name in _PROGRAMS}
    return {
        f"{exercise.slug}.py": _read(answer),
        f"checks/{exercise.slug}.check.py": _read(exercise.check),
        **programs,
    }


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            tr("{file!a} cannot be read: {strerror}.", file=str(file), strerror=system_says(error)),
            tr("Name a file of yours; a course is proved by: colabdev exercises author check"),
        ) from error


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, contents in sorted(files.items()):
        digest.update(f"{name}\0{len(contents)}\0".encode() + contents)
    return digest.hexdigest()


def _command(
    exercise: Exercise, language: Language, seed: int | None, measure: bool
) -> tuple[str, ...]:
    words = [
        *("python", "checks/checker.py", "--slug", exercise.slug, "--lang", language),
        *("--exercise", f"{exercise.slug}.py", "--check", f"checks/{exercise.slug}.check.py"),
    ]
    if seed is not None:
        words += ["--seed", str(seed)]
    if measure and exercise.gpu == "measures":
        words.append("--measure")
    return tuple(words)


def _told(run: RunOutcome, slug: str, runtime: Runtime) -> Mapping[str, Any] | None:
    """Return what the checker reported last, if it came to its end."""
    with Results() as results:
        records = results.run(run.run_id).records
    told = next((each.fields for each in reversed(records) if each.kind == "done"), None)
    if told and told.get("outcome") == checker.BROKEN:
        raise RemoteFailure(
            "checks",
            tr(
                "The checks of '{slug}' cannot run on {alias}: {get}",
                slug=slug,
                alias=runtime.alias,
                get=translated(str(told.get("message"))),
            ),
            tr(
                "If it lacks a package, install it there: colabdev run -- python -m pip "
                "install NAME"
            ),
        )
    return told
