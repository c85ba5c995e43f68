"""What a learner does between two checks: start, read, take a hint, see the solution, go on."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from colabdev.errors import CourseError, InputError, why_unreadable
from colabdev.exercises.course import Course, Exercise, Language
from colabdev.exercises.workbook import LaidDown, Workbook, todo_line
from colabdev.language import tr

DEFAULT_FOLDER = "colabdev-course"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a learner is: *exercise*, its *file* and the *line* to begin at; *done* of *total*.

    *line* is 0 when the file is gone. *following* is the slug of the next one that is not done.
    """

    exercise: Exercise
    file: Path
    line: int
    passed: bool
    hints: int
    following: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Started:
    """A workbook that is ready: its folder, what was laid down there, and where to begin."""

    folder: Path
    files: LaidDown
    place: Place


@dataclass(frozen=True, slots=True)
class Hint:
    """Hint *number* of *total*; after the last one the last comes again. *docs* are to read."""

    exercise: Exercise
    number: int
    total: int
    text: str
    docs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """One way to solve an exercise, and why it is one."""

    exercise: Exercise
    source: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Row:
    """An exercise in the list; *state* is done, current or pending, empty outside of a workbook."""

    exercise: Exercise
    state: str


def start(
    folder: Path | None, here: Path, *, course: Path | None = None, language: str = ""
) -> Started:
    """Make the learner's *folder*, by default one below *here*, or bring it up to the course.

    What the learner edited stays; what is new or was deleted is put there.

    Raises:
        CourseError, ConfigError: the course cannot be read, or the folder not be written.
    """
    workbook = Workbook.around((folder or here).resolve(), course)
    if workbook is None:
        root = (folder or here / DEFAULT_FOLDER).resolve()
        workbook = Workbook.around(root, course) or Workbook(root, Course.load(course))
    elif folder and workbook.root != folder.resolve():
        raise InputError(
            tr(
                "{folder} would lie inside the course in {root}.", folder=folder, root=workbook.root
            ),
            tr("Choose a folder outside of it."),
        )
    files = workbook.lay_down(language)
    return Started(workbook.root, files, place(Workbook.find(workbook.root, course)))


def place(workbook: Workbook, exercise: Exercise | None = None) -> Place:
    """Return where the learner is, or where *exercise* is."""
    exercise = exercise or workbook.current
    file = workbook.file(exercise)
    following = workbook.after(exercise)
    return Place(
        exercise=exercise,
        file=file,
        line=todo_line(file) if file.is_file() else 0,
        passed=workbook.passed(exercise),
        hints=workbook.progress.mark(exercise.slug).hints,
        following=following.slug if following else "",
        done=sum(map(workbook.passed, workbook.course.exercises)),
        total=len(workbook.course.exercises),
    )


def brief(exercise: Exercise, language: Language) -> str:
    """Return what the exercise asks for.

    Raises:
        CourseError: the course lacks the text.
    """
    return _read(exercise.brief_file(language))


def go_on(workbook: Workbook, slug: str | None = None) -> Place | None:
    """Make *slug*, by default the next one that is not done, the current exercise.

    Return where that is, or None when nothing is left to do.

    Raises:
        InputError: there is no such exercise.
    """
    exercise = workbook.pick(slug) if slug else workbook.after(workbook.current)
    if exercise is None:
        return None
    workbook.choose(exercise)
    return place(workbook, exercise)


def hint(workbook: Workbook, slug: str | None, language: Language) -> Hint:
    """Return the exercise's next hint and count it."""
    exercise = workbook.pick(slug)
    total = len(exercise.hints)
    number = min(workbook.progress.mark(exercise.slug).hints + 1, total)
    workbook.count_hint(exercise, number)
    text = exercise.hints[number - 1].in_language(language)
    return Hint(exercise, number, total, text, exercise.docs)


def solution(
    workbook: Workbook, slug: str | None, language: Language, *, show: bool = False
) -> Solution:
    """Return the course's solution once the learner's passes, or earlier with *show*.

    Raises:
        CourseError: the exercise has not passed yet.
    """
    exercise = workbook.pick(slug)
    if not show and not workbook.passed(exercise):
        raise CourseError(
            tr("'{slug}' has not passed yet, so its solution stays closed.", slug=exercise.slug),
            tr(
                "Take a hint: colabdev exercises hint; or open it: colabdev exercises "
                "solution {slug} --show",
                slug=exercise.slug,
            ),
        )
    explanation = _read(exercise.explanation_file(language))
    return Solution(exercise, _read(exercise.solution), explanation)


def reset(workbook: Workbook, exercise: Exercise) -> Path | None:
    """Put the starter back and return where the learner's own file is kept, if there was one."""
    return workbook.reset(exercise)


def difference(workbook: Workbook, exercise: Exercise) -> str:
    """Return what a reset would change in the learner's file, as a unified diff."""
    file = workbook.file(exercise)
    mine = _read(file).splitlines(keepends=True) if file.exists() else []
    starter = _read(exercise.starter).splitlines(keepends=True)
    return "".join(difflib.unified_diff(mine, starter, file.name, "starter")).rstrip("\n")


def overview(
    course: Course,
    workbook: Workbook | None = None,
    *,
    search: str = "",
    topic: str = "",
    state: str = "",
) -> list[Row]:
    """Return the exercises of *course* that fit, in its order.

    *search* looks into slug, titles, topic and what an exercise covers, in any case.

    Raises:
        InputError: no exercise has that *topic*.
    """
    topics = list(dict.fromkeys(exercise.topic for exercise in course.exercises))
    if topic and topic not in topics:
        near = difflib.get_close_matches(topic, topics, n=1)
        raise InputError(
            tr("No exercise has the topic '{topic}'.", topic=topic),
            tr("Did you mean '{near}'?", near=near[0])
            if near
            else tr("Topics are: {topics}.", topics=", ".join(topics)),
        )
    rows = [Row(exercise, _state(exercise, workbook)) for exercise in course.exercises]
    return [
        row
        for row in rows
        if (not topic or row.exercise.topic == topic)
        and (not state or row.state == state or (state == "pending" and row.state == "current"))
        and _mentions(row.exercise, search.casefold())
    ]


def _state(exercise: Exercise, workbook: Workbook | None) -> str:
    if workbook is None:
        return ""
    if workbook.passed(exercise):
        return "done"
    return "current" if exercise == workbook.current else "pending"


def _mentions(exercise: Exercise, word: str) -> bool:
    title = exercise.title
    known = (exercise.slug, title.en, title.ko, exercise.topic, *exercise.covers)
    return any(word in text.casefold() for text in known)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(
            tr("{file} cannot be read: {error}.", file=file, error=why_unreadable(error)),
            tr("Bring the course up to date: colabdev exercises start"),
        ) from error
