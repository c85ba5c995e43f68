"""What the commands of the course share: whose course, which exercise, which language."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar  # click's own callables are untyped

import click

from colabdev.cli.console import Console
from colabdev.language import spoken as spoken_here

if TYPE_CHECKING:
    from colabdev.exercises.course import Course, Exercise, Language
    from colabdev.exercises.workbook import Workbook

F = TypeVar("F", bound=Callable[..., Any])

lang_option = click.option(
    "--lang",
    type=click.Choice(["en", "ko"]),
    help="Language of texts and feedback. Default: that of your course, else of the system.",
)

course_option = click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False),
    help="The folder of a course. Default: the one you started, else the one that ships.",
)

seed_option = click.option("--seed", type=int, help="Replay the random cases of this seed.")


def name_argument(function: F) -> F:
    """Add an optional NAME of an exercise, which the shell completes."""
    return click.argument("name", required=False, shell_complete=_complete)(function)


def names_argument(function: F) -> F:
    """Add any number of NAMEs."""
    return click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_complete)(
        function
    )


def workbook(course: str | None) -> "Workbook":
    """Return the learner's course around the current folder."""
    from pathlib import Path

    from colabdev.exercises.workbook import Workbook

    return Workbook.find(Path.cwd(), Path(course) if course else None)


def workbook_if_any(course: str | None) -> "Workbook | None":
    """Return the learner's course around the current folder, if there is one."""
    from pathlib import Path

    from colabdev.exercises.workbook import Workbook

    return Workbook.around(Path.cwd(), Path(course) if course else None)


def course_of(given: str | None, book: "Workbook | None") -> "Course":
    """Return the course that is meant: the one *given*, else the learner's, else ours."""
    from pathlib import Path

    from colabdev.exercises.course import Course

    return book.course if book else Course.load(Path(given) if given else None)


def spoken(lang: str | None, book: "Workbook | None" = None) -> "Language":
    """Return the language to speak: the one asked for, the learner's choice, or the system's."""
    chosen = lang or (book.progress.language if book else "") or spoken_here()
    return "ko" if chosen.startswith("ko") else "en"


def say(language: "Language", english: str, korean: str) -> str:
    """Return the text in *language*."""
    return korean if language == "ko" else english


def please_wait(console: Console, language: "Language", slugs: "list[str]") -> None:
    """Say at once that something is being checked: the first import of torch takes its time."""
    names = ", ".join(slugs)
    console.done(
        say(
            language,
            f"Checking {names}, please wait.",
            f"{names}: 검사 중입니다. 잠시 기다려 주세요.",
        )
    )


def _complete(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001 - click's signature
    incomplete: str,
) -> list[str]:
    from colabdev.errors import ColabdevError

    given = context.params.get("course")
    try:
        known: tuple[Exercise, ...] = course_of(given, workbook_if_any(given)).exercises
    except ColabdevError:
        return []
    return [exercise.slug for exercise in known if exercise.slug.startswith(incomplete)]
