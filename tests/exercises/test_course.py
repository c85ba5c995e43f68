"""A course file is read strictly, and ours is complete in both languages."""

import re
import shutil
from pathlib import Path

import pytest

from colabdev.errors import CourseError, InputError
from colabdev.exercises.course import LANGUAGES, Course
from tests.support.checks import MINI_COURSE

MINIMAL = """
format = 1
title = { en = "A course", ko = "강좌" }

[[exercises]]
slug = "first-one"
title = { en = "First", ko = "첫째" }
topic = "a"
covers = ["S01"]
hints = [{ en = "1", ko = "하나" }, { en = "2", ko = "둘" }, { en = "3", ko = "셋" }]
docs = ["https://example.org"]
gpu = "none"
seconds = 1.5
"""


def _load(folder: Path, text: str) -> Course:
    (folder / "course.toml").write_text(text, encoding="utf-8")
    return Course.load(folder)


def test_what_is_written_is_what_is_read(folder: Path) -> None:
    """Every field of the file arrives, and files are found below the course's folder."""
    course = _load(folder, MINIMAL)
    exercise = course.exercise("first-one")
    assert course.exercises == (exercise,)
    assert course.title.in_language("ko") == "강좌"
    assert exercise.title.in_language("en") == "First"
    assert [hint.ko for hint in exercise.hints] == ["하나", "둘", "셋"]
    assert (exercise.gpu, exercise.seconds, exercise.covers) == ("none", 1.5, ("S01",))
    assert exercise.starter == folder / "exercises" / "first-one.py"
    assert exercise.brief_file("ko") == folder / "briefs" / "first-one.ko.md"
    assert len(set(exercise.files())) == 7


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("format = 1", "format = 2", "format"),
        ("format = 1", "", "format"),
        ("format = 1", "format = 1\nlevel = 3", "level"),
        ("format = 1", 'format = "1"', "format"),
        ('slug = "first-one"', 'slug = "First One"', "exercises[0].slug"),
        ('slug = "first-one"', 'slug = "../first"', "exercises[0].slug"),
        ('slug = "first-one"', 'slug = "first-one\\n"', "exercises[0].slug"),
        ('slug = "first-one"', "", "exercises[0].slug"),
        ('topic = "a"', 'topic = " "', "exercises.first-one.topic"),
        ('topic = "a"', 'topic = "a"\ntpoic = "b"', "exercises.first-one.tpoic"),
        (', ko = "첫째"', "", "exercises.first-one.title.ko"),
        (', ko = "첫째"', ', ko = "첫째", fr = "un"', "exercises.first-one.title.fr"),
        (', { en = "3", ko = "셋" }', "", "exercises.first-one.hints"),
        ('{ en = "3", ko = "셋" }', '{ en = "3" }', "exercises.first-one.hints[2].ko"),
        ('{ en = "3", ko = "셋" }', '"3"', "exercises.first-one.hints"),
        ('covers = ["S01"]', "covers = []", "exercises.first-one.covers"),
        ('covers = ["S01"]', "covers = [1]", "exercises.first-one.covers"),
        ('gpu = "none"', 'gpu = "maybe"', "exercises.first-one.gpu"),
        ("seconds = 1.5", "seconds = true", "exercises.first-one.seconds"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, old: str, new: str, key: str) -> None:
    """A missing, unknown or ill-typed value is refused by the name of its key and file."""
    assert old in MINIMAL
    with pytest.raises(CourseError) as refused:
        _load(folder, MINIMAL.replace(old, new, 1))
    assert f"'{key}'" in refused.value.message
    assert "course.toml" in refused.value.message


def test_a_slug_is_there_once(folder: Path) -> None:
    """Two exercises of one name are refused."""
    twice = MINIMAL + MINIMAL[MINIMAL.index("[[exercises]]") :]
    with pytest.raises(CourseError, match="'first-one' twice"):
        _load(folder, twice)


def test_a_folder_that_is_no_course(folder: Path) -> None:
    """No file, and a file that is no TOML, are errors that name the file."""
    with pytest.raises(CourseError, match="No such file"):
        Course.load(folder)
    with pytest.raises(CourseError, match="is no TOML"):
        _load(folder, "format = ")
    (folder / "course.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CourseError, match="is no TOML"):
        Course.load(folder)


def test_a_name_that_is_nearly_right() -> None:
    """An unknown name is bad input; a near one is suggested."""
    with pytest.raises(InputError) as missing:
        Course.load().exercise("device-mvoe")
    assert "'device-move'" in missing.value.hint
    with pytest.raises(InputError) as missing:
        Course.load().exercise("zzz")
    assert "Did you mean" not in missing.value.hint


@pytest.mark.parametrize("root", [None, MINI_COURSE], ids=["ours", "mini"])
def test_both_languages_say_as_much(root: Path | None) -> None:
    """Each text is there in both languages, and the Korean one is in Korean.

    A title may consist of the API's own names, which are the same in both.
    """
    for exercise in Course.load(root).exercises:
        pairs = [(hint.en, hint.ko) for hint in exercise.hints]
        if not exercise.title.ko.isascii():
            pairs.append((exercise.title.en, exercise.title.ko))
        for file in (exercise.brief_file, exercise.explanation_file):
            english, korean = (file(each).read_text(encoding="utf-8") for each in LANGUAGES)
            assert len(english.split("\n\n")) == len(korean.split("\n\n")), exercise.slug
            assert english.count("\n- ") == korean.count("\n- "), exercise.slug
            pairs.append((english, korean))
        for english, korean in pairs:
            assert re.search("[가-힣]", korean)
            assert not re.search("[가-힣]", english)


def test_the_checks_of_our_course_speak_both_languages() -> None:
    """Each task of each exercise has a Korean title besides the English one."""
    for exercise in Course.load().exercises:
        text = exercise.check.read_text(encoding="utf-8")
        titles = re.findall(r'def check_\w+\(learner, t\):\n    """(.+?)"""', text, re.DOTALL)
        assert len(titles) == text.count("def check_") > 0
        for title in titles:
            english, korean = title.split("\n\n")
            assert re.search("[가-힣]", korean)
            assert not re.search("[가-힣]", english)


def test_a_course_may_lie_anywhere(folder: Path) -> None:
    """A copy of a course in a folder with blanks and Korean letters is the same course."""
    copy = folder / "내 강좌 (copy)"
    shutil.copytree(MINI_COURSE, copy)
    assert [each.slug for each in Course.load(copy).exercises] == [
        each.slug for each in Course.load(MINI_COURSE).exercises
    ]
