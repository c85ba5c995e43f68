"""The progress file is small, readable, and never loses what it does not understand."""

from pathlib import Path

import pytest

from colabdev.errors import ConfigError
from colabdev.exercises.progress import FILE, Mark, Progress, edit_progress


def test_without_a_file_nothing_has_been_done(folder: Path) -> None:
    """No file is a fresh start, and reading makes none."""
    assert Progress.read(folder) == Progress()
    assert list(folder.iterdir()) == []


def test_what_is_written_is_what_is_read(folder: Path) -> None:
    """Each value arrives; an empty one is taken out of the file."""
    with edit_progress(folder) as draft:
        draft.set("current", "one")
        draft.set("language", "ko")
        draft.mark("one", passed="2026-01-02T03:04:05Z", hints=2, starter="ab")
        draft.mark("two", hints=1)
    read = Progress.read(folder)
    assert (read.current, read.language, read.course) == ("one", "ko", "")
    assert read.mark("one") == Mark("2026-01-02T03:04:05Z", 2, "ab")
    assert read.mark("two") == Mark(hints=1)
    assert read.mark("three") == Mark()
    with edit_progress(folder) as draft:
        draft.mark("one", passed="")
        draft.set("language", "")
    assert not Progress.read(folder).mark("one").passed
    assert "language" not in (folder / FILE).read_text(encoding="utf-8")


def test_a_person_can_read_it(folder: Path) -> None:
    """A line for each thing, and a table for each exercise."""
    with edit_progress(folder) as draft:
        draft.set("current", "one")
        draft.mark("one", hints=2)
    lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    assert 'current = "one"' in lines
    assert lines[lines.index("[exercises.one]") + 1] == "hints = 2"


def test_unknown_names_and_comments_stay(folder: Path) -> None:
    """What a later colabdev, or the learner, wrote is there after a change."""
    text = (
        "# mine\nversion = 1\nstreak = [1, 2]\n\n[exercises.gone]\nhints = 1\nmood = 'good'\n"
        "\n[later.table]\nx = 1979-05-27\n"
    )
    (folder / FILE).write_text(text)
    with edit_progress(folder) as draft:
        draft.mark("new", hints=1)
    after = (folder / FILE).read_text()
    for line in text.splitlines():
        assert line in after
    assert Progress.read(folder).mark("gone") == Mark(hints=1)
    assert Progress.read(folder).mark("new") == Mark(hints=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 2\n", "it is of version 2, this colabdev reads 1"),
        ("current = 'a'\n", "it is of version None"),
        ("version = \n", "Invalid value"),
        ("version = 1\ncurrent = 3\n", "'current' in it is no text"),
        ("version = 1\nexercises = 3\n", "an entry in it is damaged"),
        ("version = 1\n[exercises]\none = 3\n", "an entry in it is damaged"),
        ("version = 1\n[exercises.one]\nhints = 'two'\n", "hints is no int"),
        ("version = 1\n[exercises.one]\npassed = true\n", "passed is no str"),
    ],
)
def test_a_file_we_cannot_read_is_an_error(folder: Path, text: str, said: str) -> None:
    """Another version and a damaged file are refused by name, and stay as they are."""
    (folder / FILE).write_text(text)
    for attempt in (lambda: Progress.read(folder), lambda: edit_progress(folder).__enter__()):
        with pytest.raises(ConfigError) as refused:
            attempt()
        assert said in refused.value.message
        assert FILE in refused.value.message
        assert refused.value.hint
    assert (folder / FILE).read_text() == text


def test_a_change_that_fails_changes_nothing(folder: Path) -> None:
    """An error in the middle of a change leaves the file as it was."""
    with edit_progress(folder) as draft:
        draft.set("current", "one")
    before = (folder / FILE).read_bytes()

    def change() -> None:
        with edit_progress(folder) as draft:
            draft.set("current", "two")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    assert (folder / FILE).read_bytes() == before
