"""The learner's own folder: their answers, the briefs, and how far they are."""

import datetime
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from colabdev.errors import ConfigError, InputError, system_says
from colabdev.exercises.course import LANGUAGES, Course, Exercise, Outcome
from colabdev.exercises.progress import FILE, Progress, edit_progress
from colabdev.language import tr
from colabdev.store import write_atomic

BACKUPS = "backups"


@dataclass(frozen=True, slots=True)
class LaidDown:
    """What laying the course down did, by slug.

    *new* files were made; *updated* ones had never been edited and follow the course; *kept* ones
    are the learner's, though the course has another starter by now.
    """

    new: tuple[str, ...]
    updated: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workbook:
    """The folder *root* in which a learner does *course*."""

    root: Path
    course: Course
    progress: Progress = field(default_factory=Progress)

    @classmethod
    def around(cls, folder: Path, course: Path | None = None) -> Self | None:
        """Return the workbook that *folder* lies in; *course* overrides the one it was made from.

        Raises:
            ConfigError, CourseError: its progress or its course cannot be read.
        """
        for candidate in (folder, *folder.parents):
            if (candidate / FILE).exists():
                progress = Progress.read(candidate)
                root = course or (Path(progress.course) if progress.course else None)
                return cls(candidate, Course.load(root), progress)
        return None

    @classmethod
    def find(cls, folder: Path, course: Path | None = None) -> Self:
        """Return the workbook around *folder*.

        Raises:
            InputError: there is none.
            ConfigError, CourseError: as `around`.
        """
        if workbook := cls.around(folder, course):
            return workbook
        raise InputError(
            tr("Neither {folder} nor a folder above it holds a course.", folder=folder),
            tr("Go to yours, or make one: colabdev exercises start"),
        )

    def again(self) -> Self:
        """Return this workbook with the progress as it is by now."""
        return replace(self, progress=Progress.read(self.root))

    def file(self, exercise: Exercise) -> Path:
        """Return the learner's file."""
        return self.root / f"{exercise.slug}.py"

    def passed(self, exercise: Exercise) -> bool:
        return bool(self.progress.mark(exercise.slug).passed)

    @property
    def current(self) -> Exercise:
        """Return the exercise at hand: the one chosen last, else the first that is not done."""
        for exercise in self.course.exercises:
            if exercise.slug == self.progress.current:
                return exercise
        return self.after(None) or self.course.exercises[0]

    def pick(self, slug: str | None) -> Exercise:
        """Return the exercise *slug*, which may be written as its file; by default the current."""
        if slug is None:
            return self.current
        return self.course.exercise(Path(slug).name.removesuffix(".py"))

    def after(self, exercise: Exercise | None) -> Exercise | None:
        """Return the next one that has not passed, from *exercise* on and then from the start."""
        known = self.course.exercises
        at = known.index(exercise) + 1 if exercise else 0
        left = (each for each in (*known[at:], *known[:at]) if not self.passed(each))
        return next((each for each in left if each != exercise), None)

    def choose(self, exercise: Exercise) -> None:
        """Make *exercise* the current one."""
        with edit_progress(self.root) as draft:
            draft.set("current", exercise.slug)

    def record(self, outcomes: dict[str, Outcome]) -> None:
        """Mark what passed and what did not; a skipped exercise stays as it was."""
        with edit_progress(self.root) as draft:
            for slug, outcome in outcomes.items():
                if outcome is Outcome.PASSED:
                    draft.mark(slug, passed=self.progress.mark(slug).passed or _now())
                elif outcome is not Outcome.SKIPPED:
                    draft.mark(slug, passed="")

    def count_hint(self, exercise: Exercise, number: int) -> None:
        with edit_progress(self.root) as draft:
            draft.mark(exercise.slug, hints=number)

    def lay_down(self, language: str = "") -> LaidDown:
        """Put starters and briefs where they are missing; never touch what was edited.

        Raises:
            ConfigError: the folder cannot be made or written.
        """
        try:
            (self.root / "briefs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                tr(
                    "The folder {root} cannot be used: {strerror}.",
                    root=self.root,
                    strerror=system_says(error),
                ),
                tr("Name another one: colabdev exercises start DIR"),
            ) from error
        new: list[str] = []
        updated: list[str] = []
        kept: list[str] = []
        with edit_progress(self.root) as draft:
            # Our own course is found by every colabdev; the path of one's own may be another.
            shipped = self.course.root == Course.shipped_root()
            draft.set("course", "" if shipped else str(self.course.root.resolve()))
            if language:
                draft.set("language", language)
            for exercise in self.course.exercises:
                self._lay_briefs(exercise)
                starter = exercise.starter.read_bytes()
                given = self.progress.mark(exercise.slug).starter
                try:
                    here = _digest(self.file(exercise).read_bytes())
                except FileNotFoundError:
                    here = ""
                if here == _digest(starter):
                    pass
                elif here and here != given:
                    kept += [exercise.slug] if given != _digest(starter) else []
                    continue  # the mark stays: it tells of the course this file was begun with
                else:
                    write_atomic(self.file(exercise), starter, mode=0o644)
                    (updated if here else new).append(exercise.slug)
                draft.mark(exercise.slug, starter=_digest(starter))
        return LaidDown(tuple(new), tuple(updated), tuple(kept))

    def reset(self, exercise: Exercise) -> Path | None:
        """Put the starter back; return where the learner's file is kept, if it differed."""
        file, starter, backup = self.file(exercise), exercise.starter.read_bytes(), None
        if file.exists() and (edited := file.read_bytes()) != starter:
            backup = self.root / BACKUPS / f"{exercise.slug}-{_now().replace(':', '')}.py"
            backup.parent.mkdir(exist_ok=True)
            write_atomic(backup, edited, mode=0o644)
        write_atomic(file, starter, mode=0o644)
        with edit_progress(self.root) as draft:
            draft.mark(exercise.slug, passed="", starter=_digest(starter))
        return backup

    def _lay_briefs(self, exercise: Exercise) -> None:
        """Lay the texts beside the answers: they are to be read without a network."""
        for language in LANGUAGES:
            brief = exercise.brief_file(language)
            copy = self.root / "briefs" / brief.name
            if not copy.exists() or copy.read_bytes() != brief.read_bytes():
                write_atomic(copy, brief.read_bytes(), mode=0o644)


def todo_line(file: Path) -> int:
    """Return the number of the first line of *file* with something to do, else 1."""
    return next(_todo_lines(file), 1)


def _todo_lines(file: Path) -> Iterator[int]:
    text = file.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"#.*\bTODO\b", line):
            yield number


def _now() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
