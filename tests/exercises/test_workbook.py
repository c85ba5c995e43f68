"""The learner's folder follows the course, and what they wrote is theirs."""

from pathlib import Path

import pytest

from colabdev.errors import ConfigError, CourseError, InputError
from colabdev.exercises.course import Course, Outcome
from colabdev.exercises.progress import FILE, Progress
from colabdev.exercises.workbook import Workbook, todo_line
from tests.support.checks import copy_of_mini

ONE, OTHER = "wrong-value", "raises-error"


@pytest.fixture
def root(folder: Path) -> Path:
    """Lend a course of two exercises."""
    return copy_of_mini(folder, ONE, OTHER)


@pytest.fixture
def book(folder: Path, root: Path) -> Workbook:
    """Lend a workbook of that course, as it is laid down."""
    fresh = Workbook(folder / "내 강좌 (mine)", Course.load(root))
    assert fresh.lay_down("ko").new == (ONE, OTHER)
    return Workbook.find(fresh.root)


def _starter(root: Path, slug: str = ONE) -> Path:
    return root / "exercises" / f"{slug}.py"


def test_starters_and_briefs_and_nothing_that_tells(book: Workbook) -> None:
    """The folder holds starters and briefs; no check, no solution, no explanation."""
    files = {file.relative_to(book.root).as_posix() for file in book.root.rglob("*.*")}
    briefs = {f"briefs/{slug}.{lang}.md" for slug in (ONE, OTHER) for lang in ("en", "ko")}
    assert files == {f"{ONE}.py", f"{OTHER}.py", *briefs, FILE, f"{FILE}.lock"}
    for exercise in book.course.exercises:
        assert book.file(exercise).read_bytes() == exercise.starter.read_bytes()
    assert book.progress.language == "ko"


def test_it_is_found_from_within_with_its_course(book: Workbook, root: Path) -> None:
    """From any folder below, with the course it was made from; outside there is none."""
    assert Workbook.find(book.root / "briefs").root == book.root
    assert book.course.root == root
    assert Workbook.around(book.root.parent) is None
    with pytest.raises(InputError, match="holds a course") as missing:
        Workbook.find(book.root.parent)
    assert "exercises start" in missing.value.hint


def test_a_course_that_went_away(book: Workbook, root: Path) -> None:
    """A course of somebody else's that is gone is one sentence, and can be named anew."""
    moved = root.rename(root.with_name("moved"))
    with pytest.raises(CourseError) as missing:
        Workbook.find(book.root)
    assert "--course" in missing.value.hint
    assert Workbook.find(book.root, moved).course.exercises


def test_again_never_overwrites_what_was_edited(book: Workbook) -> None:
    """A second time nothing happens; an edited file stays, a deleted one comes back."""
    mine, gone = (book.file(each) for each in book.course.exercises)
    mine.write_text("# mine\n")
    gone.unlink()
    laid = Workbook.find(book.root).lay_down()
    assert (laid.new, laid.updated, laid.kept) == ((OTHER,), (), ())
    assert mine.read_text() == "# mine\n"
    laid = Workbook.find(book.root).lay_down()
    assert (laid.new, laid.updated, laid.kept) == ((), (), ())
    assert Progress.read(book.root).language == "ko"


def test_a_newer_course_reaches_only_what_was_not_edited(book: Workbook, root: Path) -> None:
    """A changed starter replaces an untouched file; beside an edited one it is told of."""
    edited, untouched = (book.file(each) for each in book.course.exercises)
    edited.write_text("# mine\n")
    for slug in (ONE, OTHER):
        _starter(root, slug).write_text("# TODO newer\n")
    for updated in ((OTHER,), ()):
        laid = Workbook.find(book.root).lay_down()
        assert (laid.new, laid.updated, laid.kept) == ((), updated, (ONE,))
    assert edited.read_text() == "# mine\n"
    assert untouched.read_text() == "# TODO newer\n"


def test_a_file_that_was_there_before_is_kept(folder: Path, root: Path) -> None:
    """Starting in a folder that holds such a file leaves the file."""
    (folder / "mine").mkdir()
    (folder / "mine" / f"{ONE}.py").write_text("x = 1\n")
    laid = Workbook(folder / "mine", Course.load(root)).lay_down()
    assert laid.new == (OTHER,)
    assert (folder / "mine" / f"{ONE}.py").read_text() == "x = 1\n"


def test_a_folder_that_cannot_be(folder: Path, root: Path) -> None:
    """A file in the place of the folder is an error with a next step."""
    (folder / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        Workbook(folder / "file", Course.load(root)).lay_down()


def test_the_order_is_free(book: Workbook) -> None:
    """The current one is the first not done, until another is chosen; next goes round."""
    one, other = book.course.exercises
    assert book.current == one
    assert book.after(one) == other
    assert book.after(other) == one
    book.choose(other)
    assert book.again().current == other
    book.record({ONE: Outcome.PASSED})
    assert book.again().after(other) is None
    book.record({OTHER: Outcome.PASSED})
    done = book.again()
    assert done.after(None) is None
    assert done.current == other


def test_a_verdict_marks_afresh(book: Workbook) -> None:
    """Passing marks, failing takes the mark away, and a skipped exercise stays as it was."""
    one, _ = book.course.exercises
    for outcome, passed in (
        (Outcome.SKIPPED, False),
        (Outcome.PASSED, True),
        (Outcome.SKIPPED, True),
        (Outcome.FAILED, False),
        (Outcome.PASSED, True),
        (Outcome.ERROR, False),
    ):
        book.again().record({ONE: outcome})
        assert book.again().passed(one) is passed


def test_progress_of_an_exercise_that_is_gone(book: Workbook, root: Path) -> None:
    """A current exercise that the course dropped does not hold the learner up."""
    book.choose(book.course.exercises[0])
    text = (root / "course.toml").read_text(encoding="utf-8")
    (root / "course.toml").write_text(text.replace(ONE, "new-one"), encoding="utf-8")
    assert Workbook.find(book.root).current.slug == "new-one"
    assert Progress.read(book.root).mark(ONE).starter


@pytest.mark.parametrize("name", [ONE, f"{ONE}.py", f"./{ONE}.py", f"/anywhere/{ONE}.py"])
def test_an_exercise_may_be_named_by_its_file(book: Workbook, name: str) -> None:
    """What a shell completes is a name, too."""
    assert book.pick(name).slug == ONE


def test_reset_keeps_the_learners_file(book: Workbook) -> None:
    """The starter is back, the file is in backups, and the exercise is open again."""
    one, _ = book.course.exercises
    assert book.reset(one) is None
    book.record({ONE: Outcome.PASSED})
    book.file(one).write_text("# mine\n")
    backup = book.again().reset(one)
    assert backup is not None
    assert backup.parent == book.root / "backups"
    assert backup.read_text() == "# mine\n"
    assert book.file(one).read_bytes() == one.starter.read_bytes()
    assert not book.again().passed(one)


def test_where_to_begin(folder: Path) -> None:
    """The first TODO in a comment, or the first line."""
    file = folder / "a.py"
    file.write_text('"""A TODO list."""\n\n\ndef f():\n    x = 1  # TODO: more\n')
    assert todo_line(file) == 5
    file.write_text("x = 1\n")
    assert todo_line(file) == 1
