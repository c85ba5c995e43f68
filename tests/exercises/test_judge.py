"""The author check finds what would let a learner down, and nothing in a sound course."""

import shutil
from pathlib import Path

import pytest

from colabdev.exercises.course import Course
from colabdev.exercises.judge import author_check
from tests.support.checks import MINI_COURSE

KEPT = "wrong-value"


@pytest.fixture
def course(folder: Path) -> Path:
    """Lend a sound course of one exercise."""
    text = (MINI_COURSE / "course.toml").read_text(encoding="utf-8")
    head, first, *_ = text.split("[[exercises]]\n")
    root = folder / "course"
    root.mkdir()
    (root / "course.toml").write_text(f"{head}[[exercises]]\n{first}", encoding="utf-8")
    for tree in ("exercises", "checks", "solutions", "briefs", "explanations"):
        (root / tree).mkdir()
        for file in (MINI_COURSE / tree).glob(f"{KEPT}.*"):
            shutil.copy(file, root / tree)
    return root


def _problems(root: Path) -> list[tuple[str, str]]:
    return [
        (problem.file.relative_to(root).as_posix(), problem.message)
        for problem in author_check(Course.load(root))
    ]


def _change(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text, encoding="utf-8")


def test_a_sound_course_has_no_problems(course: Path) -> None:
    """The course that the other tests damage is sound, so that what they find is the damage."""
    assert _problems(course) == []


def test_the_mini_course_is_sound() -> None:
    """One exercise of each outcome: each starter fails in its way, each solution passes."""
    assert _problems(MINI_COURSE) == []


@pytest.mark.torch
def test_our_course_is_sound() -> None:
    """Every exercise we ship fails as shipped, and its solution passes without a warning."""
    assert author_check(Course.load()) == []


def test_missing_empty_and_stray_files(course: Path) -> None:
    """Files that are not there, say nothing, or belong to nothing are named."""
    (course / "briefs" / f"{KEPT}.ko.md").unlink()
    _change(course, f"explanations/{KEPT}.en.md", " \n")
    _change(course, "solutions/other.py", "x = 1\n")
    (course / "briefs" / f"{KEPT}.en.md").write_bytes(b"\xff")
    unreadable, *others = sorted(_problems(course))
    assert unreadable[0] == f"briefs/{KEPT}.en.md"
    assert "cannot be read" in unreadable[1]
    assert others == [
        (f"briefs/{KEPT}.ko.md", "is missing"),
        (f"explanations/{KEPT}.en.md", "is empty"),
        ("solutions/other.py", "belongs to no exercise"),
    ]


def test_a_todo_where_it_belongs(course: Path) -> None:
    """A starter says where to write, a solution has nothing left to do."""
    starter = course / "exercises" / f"{KEPT}.py"
    starter.write_text(starter.read_text().replace("TODO", "..."))
    solution = course / "solutions" / f"{KEPT}.py"
    solution.write_text(solution.read_text() + "# TODO\n")
    assert _problems(course) == [
        (f"exercises/{KEPT}.py", "has no TODO"),
        (f"solutions/{KEPT}.py", "still has a TODO"),
    ]


def test_a_starter_that_passes(course: Path) -> None:
    """An exercise that is solved as it is shipped is none."""
    _change(course, f"exercises/{KEPT}.py", "def double(x):\n    return x + x  # TODO\n")
    assert _problems(course) == [(f"exercises/{KEPT}.py", "passes as it is shipped")]


@pytest.mark.parametrize(
    ("solution", "said"),
    [
        ("def double(x):\n    return x + 1\n", "The value is not the expected one."),
        ("def double(x)\n    return x + 1\n", "SyntaxError"),
        ("import warnings\ndef double(x):\n    warnings.warn('old')\n    return 2 * x\n", "old"),
        ("import warnings\nwarnings.warn('old')\ndef double(x):\n    return 2 * x\n", "old"),
    ],
    ids=["wrong", "syntax", "warns", "warns when imported"],
)
def test_a_solution_that_does_not_pass(course: Path, solution: str, said: str) -> None:
    """A wrong solution is a problem, and so is one that only warns."""
    _change(course, f"solutions/{KEPT}.py", solution)
    ((file, message),) = _problems(course)
    assert file == f"solutions/{KEPT}.py"
    assert said in message


def test_a_check_that_does_not_run(course: Path) -> None:
    """A broken check file is named, and is not mistaken for a failing starter."""
    _change(course, f"checks/{KEPT}.py", "def check_double(learner, t:\n")
    ((file, message),) = _problems(course)
    assert file == f"checks/{KEPT}.py"
    assert "SyntaxError" in message


def test_measurements_are_announced(course: Path) -> None:
    """Whoever measures says so in the course file."""
    check = course / "checks" / f"{KEPT}.py"
    check.write_text(check.read_text() + "\n\ndef measure(learner, emit, device):\n    pass\n")
    ((file, message),) = _problems(course)
    assert (file, message) == (f"checks/{KEPT}.py", "does not do what gpu = 'none' says")
