"""What a learner does between two checks, from the first start to the last hint."""

import dataclasses
from pathlib import Path

import pytest

from colabdev.commands.exercises.learn import (
    DEFAULT_FOLDER,
    brief,
    difference,
    go_on,
    hint,
    overview,
    place,
    reset,
    solution,
    start,
)
from colabdev.errors import CourseError, InputError
from colabdev.exercises.course import Course, Outcome
from colabdev.exercises.workbook import Workbook
from tests.support.checks import MINI_COURSE, copy_of_mini

ONE, OTHER = "wrong-value", "raises-error"


@pytest.fixture
def course(folder: Path) -> Path:
    """Lend a course of two exercises."""
    return copy_of_mini(folder, ONE, OTHER)


@pytest.fixture
def book(folder: Path, course: Path) -> Workbook:
    """Lend a workbook of that course."""
    return Workbook.find(start(None, folder, course=course).folder)


def test_start_tells_where_to_begin(folder: Path, course: Path) -> None:
    """A folder of the default name, with everything new, at the first exercise."""
    begun = start(None, folder, course=course)
    assert begun.folder == folder / DEFAULT_FOLDER
    assert begun.files.new == (ONE, OTHER)
    assert begun.place.exercise.slug == ONE
    assert (begun.place.done, begun.place.total, begun.place.following) == (0, 2, OTHER)
    assert begun.place.file == begun.folder / f"{ONE}.py"
    assert begun.place.line >= 1


def test_start_again_is_safe_from_everywhere(folder: Path, course: Path) -> None:
    """By name, by default, and from inside, it is the same course, and nothing is new."""
    root = start(None, folder, course=course).folder
    for given, here in ((None, folder), (None, root), (None, root / "briefs"), (root, folder)):
        again = start(given, here)
        assert again.folder == root
        assert again.files.new == ()
        assert Workbook.find(root).course.root == course


def test_a_course_is_not_started_inside_of_another(folder: Path, course: Path) -> None:
    """A folder inside of a learner's course is refused."""
    root = start(None, folder, course=course).folder
    with pytest.raises(InputError, match="inside the course"):
        start(root / "deeper", root)


def test_a_place_whose_file_is_gone(book: Workbook) -> None:
    """A deleted file has no line, and is no error."""
    book.file(book.current).unlink()
    assert place(book).line == 0


def test_hints_come_in_steps_and_are_counted(book: Workbook) -> None:
    """Each request gives the next one; after the last the last again; languages share a count."""
    told = [hint(book.again(), None, language) for language in ("en", "ko", "en", "en")]
    assert [each.number for each in told] == [1, 2, 3, 3]
    assert {each.total for each in told} == {3}
    assert told[0].text == "Look at it."
    assert told[1].text == "생각해 보세요."
    assert all(each.docs for each in told)
    assert place(book.again()).hints == 3
    assert hint(book.again(), OTHER, "en").number == 1


def test_the_solution_stays_closed_until_it_passes(book: Workbook) -> None:
    """Closed with a next step, open with *show*, and open after success."""
    with pytest.raises(CourseError) as closed:
        solution(book, None, "en")
    assert "--show" in closed.value.hint
    exercise = book.current
    opened = solution(book, None, "ko", show=True)
    assert opened.source == exercise.solution.read_text(encoding="utf-8")
    assert opened.explanation == exercise.explanation_file("ko").read_text(encoding="utf-8")
    book.record({ONE: Outcome.PASSED})
    assert solution(book.again(), ONE, "ko") == opened


def test_next_goes_on_skips_and_goes_back(book: Workbook) -> None:
    """Forward to what is not done, to any name, and nowhere when all is done."""
    moved = go_on(book)
    assert moved
    assert moved.exercise.slug == OTHER
    back = go_on(book.again(), ONE)
    assert back
    assert back.exercise.slug == book.again().current.slug == ONE
    book.record({OTHER: Outcome.PASSED})
    assert go_on(book.again()) is None
    with pytest.raises(InputError, match="no exercise 'nowhere'"):
        go_on(book, "nowhere")


def test_what_a_reset_would_change(book: Workbook) -> None:
    """The difference to the starter, empty when there is none; a reset then leaves none."""
    exercise = book.current
    assert difference(book, exercise) == ""
    book.file(exercise).write_text("mine = 1\n")
    assert "-mine = 1" in difference(book, exercise)
    assert reset(book, exercise)
    assert difference(book, exercise) == ""


def test_the_list_and_its_filters(book: Workbook) -> None:
    """In the order of the course, by state, by topic, and by a word in either language."""
    known = Course.load(MINI_COURSE)
    assert [row.exercise for row in overview(known)] == list(known.exercises)
    assert {row.state for row in overview(known)} == {""}
    book.record({ONE: Outcome.PASSED})
    done = book.again()
    assert [row.state for row in overview(done.course, done)] == ["done", "current"]
    for state, slugs in (("done", [ONE]), ("pending", [OTHER]), ("current", [OTHER])):
        rows = overview(done.course, done, state=state)
        assert [row.exercise.slug for row in rows] == slugs
    for word, slugs in (
        ("AN ERR", [OTHER]),
        ("틀린", [ONE]),
        ("outcome", [ONE, OTHER]),
        ("zz", []),
    ):
        rows = overview(done.course, search=word)
        assert [row.exercise.slug for row in rows] == slugs
    assert len(overview(known, topic="outcomes")) == len(known.exercises)
    with pytest.raises(InputError, match="topic 'outcome'") as refused:
        overview(known, topic="outcome")
    assert "'outcomes'" in refused.value.hint


def test_a_text_that_is_missing_is_the_courses_fault(book: Workbook) -> None:
    """A brief that cannot be read is one sentence."""
    gone = dataclasses.replace(book.current, root=book.root / "nowhere")
    with pytest.raises(CourseError, match="cannot be read"):
        brief(gone, "en")
