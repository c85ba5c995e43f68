"""The check of a course's author."""

from pathlib import Path

from colabdev.commands.reporter import Reporter
from colabdev.exercises.course import Course
from colabdev.exercises.judge import Problem, author_check
from colabdev.language import tr


def check_course(root: Path | None, reporter: Reporter) -> list[Problem]:
    """Return what is wrong with the course in the folder *root*, by default ours.

    Raises:
        CourseError: its ``course.toml`` cannot be read.
    """
    course = Course.load(root)
    with reporter.step(tr("Checking {exercises} exercises", exercises=len(course.exercises))):
        return author_check(course)
