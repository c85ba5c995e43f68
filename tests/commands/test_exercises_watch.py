"""Watching tells of each save once, however the editor saves, and of nothing else."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from colabdev.commands.exercises.learn import start
from colabdev.commands.exercises.watch import saved
from colabdev.exercises.workbook import Workbook
from tests.support.checks import MINI_COURSE

ONE, OTHER = "wrong-value", "raises-error"


@pytest.fixture
def book(folder: Path) -> Workbook:
    """Lend a workbook of the mini-course."""
    return Workbook.find(start(None, folder, course=MINI_COURSE).folder)


class Script:
    """A clock whose ticks are acts: each sleep does the next one; at the end it is over."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.acts: Iterator[Callable[[], object]] = iter(acts)

    def __call__(self, _: float) -> None:
        act = next(self.acts, None)
        if act is None:
            raise KeyboardInterrupt
        act()


def _told(book: Workbook, *acts: Callable[[], object], only: str = "") -> list[str]:
    exercise = book.course.exercise(only) if only else None
    found: list[str] = []
    changes = saved(book, exercise, poll=True, sleep=Script(*acts))
    with pytest.raises(KeyboardInterrupt):
        found.extend(each.slug for each in changes)
    return found


def _rest() -> None:
    """Let a tick pass."""


def test_a_save_is_told_once_it_is_at_rest(book: Workbook) -> None:
    """Several writes in a row are one save."""
    file = book.file(book.course.exercise(ONE))
    acts = [lambda text=text: file.write_text(text) for text in ("a", "ab", "abc")]
    assert _told(book, _rest, *acts, _rest, _rest) == [ONE]


def test_a_save_that_replaces_the_file(book: Workbook) -> None:
    """Editors write beside and rename, or delete and write anew: one save, no error."""
    file = book.file(book.course.exercise(ONE))
    beside = file.with_name(f".{file.name}.swp")

    def replace() -> None:
        beside.write_text("x = 1\n")
        beside.replace(file)

    assert _told(book, replace, _rest, _rest) == [ONE]
    assert _told(book, file.unlink, _rest, lambda: file.write_text("x = 2\n"), _rest) == [ONE]


def test_what_editors_leave_beside_is_nothing(book: Workbook) -> None:
    """Swap files, backups, briefs and other programs are not looked at."""
    names = (f".{ONE}.py.swp", f"{ONE}.py~", "4913", "other.py", "briefs/x.md", f"#{ONE}.py#")
    acts = [lambda name=name: (book.root / name).write_text("x") for name in names]
    assert _told(book, *acts, _rest) == []


def test_two_files_and_one_of_them(book: Workbook) -> None:
    """All files that were saved are told; with a name, that one alone."""

    def save() -> None:
        for slug in (ONE, OTHER):
            book.file(book.course.exercise(slug)).write_text("x = 1\n")

    assert sorted(_told(book, save, _rest)) == sorted([ONE, OTHER])
    book.file(book.course.exercise(ONE)).write_text("x = 10\n")
    assert _told(book, save, _rest, only=OTHER) == [OTHER]


def test_what_is_saved_before_the_first_look_counts(book: Workbook) -> None:
    """A save while the first check runs is not lost: watching begins with the call."""
    changes = saved(book, poll=True)
    book.file(book.course.exercise(ONE)).write_text("x = 1\n")
    assert [each.slug for each in islice(changes, 1)] == [ONE]
