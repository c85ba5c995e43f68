"""The course as it is typed: a learner's walk, in both languages, with and without a terminal."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from colabdev.cli.exercises.group import exercises
from tests.support.checks import MINI_COURSE, copy_of_mini, warm_checker
from tests.support.cli import colabdev, json_lines

ONE = "wrong-value"


@pytest.fixture(autouse=True)
def cool(home: Path) -> Iterator[None]:
    """End the warm checker of the test."""
    with warm_checker():
        yield


@pytest.fixture
def book(folder: Path) -> Path:
    """Lend a learner's folder of the mini-course."""
    begun = colabdev("exercises", "start", "mine", "--course", str(MINI_COURSE), cwd=folder)
    assert begun.returncode == 0, begun.stderr
    return folder / "mine"


def _says(book: Path, *words: str, code: int = 0) -> str:
    done = colabdev("exercises", *words, cwd=book)
    assert done.returncode == code, (done.stdout, done.stderr)
    return (done.stdout + done.stderr).decode()


def test_a_walk_in_english(book: Path) -> None:
    """Continue, fail, take a hint, mend it, pass, see the solution, go on."""
    assert f"{ONE}.py:" in _says(book)
    assert "0 of 6 done" in _says(book)
    failed = _says(book, "check", code=1)
    assert "please wait" in failed
    assert "your line: wrong-value.py:" in failed
    assert "exercises hint wrong-value" in failed
    assert "hint 1 of 3" in _says(book, "hint")
    assert "stays closed" in _says(book, "solution", code=1)
    (book / f"{ONE}.py").write_bytes((MINI_COURSE / "solutions" / f"{ONE}.py").read_bytes())
    passed = _says(book, "check", f"{ONE}.py")
    assert "It passes." in passed
    assert "raises-error.py" in passed
    assert f"({ONE})" in _says(book)  # nothing goes on by itself
    assert "def " in _says(book, "solution")
    assert "(raises-error)" in _says(book, "next")
    assert "done" in _says(book, "list", "--state", "done")


def test_a_walk_in_korean(folder: Path) -> None:
    """The language chosen at the start stays; --lang overrides it."""
    words = ("start", "내 폴더", "--lang", "ko", "--course", str(MINI_COURSE))
    assert "새 파일 6개" in _says(folder, *words)
    book = folder / "내 폴더"
    assert "6개 중 0개 완료" in _says(book)
    assert "값이 다릅니다." in _says(book, "check", code=1)
    assert "힌트 3개 중 1번째" in _says(book, "hint")
    assert "hint 2 of 3" in _says(book, "hint", "--lang", "en")
    assert "틀린 값" in _says(book, "list")


def test_json_of_the_verbs(book: Path) -> None:
    """Every verb gives one result with stable keys, and the env row comes before any check."""
    for words, keys in (
        ([], {"exercise", "file", "line", "passed", "hints", "next", "done", "total", "brief"}),
        (["show", ONE], {"exercise", "title", "topic", "brief"}),
        (["hint"], {"exercise", "number", "total", "hint", "docs"}),
        (["solution", "--show"], {"exercise", "solution", "explanation", "docs"}),
        (["next"], {"exercise", "file", "next"}),
        (["start"], {"folder", "files", "place"}),
    ):
        *_, result, end = json_lines(colabdev("exercises", *words, "--json", cwd=book))
        assert keys <= result["data"].keys(), words
        assert end["exit_code"] == 0
    lines = json_lines(colabdev("exercises", "check", ONE, "--json", cwd=book))
    kinds = [line["kind"] for line in lines if line["type"] == "record"]
    assert kinds == ["env", "check", "done"]
    assert lines[-2]["data"] == [{"exercise": ONE, "outcome": "failed", "passed": 0, "tasks": 1}]
    assert lines[-1] == {"v": 1, "type": "end", "exit_code": 1, "whose": "colabdev"}


def test_check_all_ends_at_the_first_that_is_not_done(book: Path) -> None:
    """One line for each exercise, a count, and where to go on."""
    said = _says(book, "check", "--all", code=1)
    assert "0 of 6 passed." in said
    assert f"exercises next {ONE}" in said
    assert "SKIPPED  needs-gpu" in said


def test_reset_asks_and_keeps(book: Path) -> None:
    """Without a terminal it wants --yes; then the learner's file is in backups."""
    (book / f"{ONE}.py").write_text("mine = 1\n")
    assert "--yes" in _says(book, "reset", code=2)
    assert "-mine = 1" in _says(book, "reset", "--diff")
    assert "backups" in _says(book, "reset", "--yes", "--all")
    assert [file.read_text() for file in (book / "backups").iterdir()] == ["mine = 1\n"]


def test_watch_without_a_terminal(book: Path) -> None:
    """It checks at once and at each save, and Ctrl-C ends it without a traceback."""
    child = subprocess.Popen(
        [sys.executable, "-m", "colabdev", "exercises", "watch", "--poll"],
        cwd=book,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert child.stdout
    told = []
    with child.stdout:
        for line in child.stdout:
            told.append(line)
            if "Waiting for you" in line and sum("Waiting" in each for each in told) == 1:
                solution = MINI_COURSE / "solutions" / f"{ONE}.py"
                (book / f"{ONE}.py").write_bytes(solution.read_bytes())
            elif "Waiting for you" in line:
                child.send_signal(signal.SIGINT)
    assert child.wait(60) == 130
    text = "".join(told)
    assert text.index(f"FAILED   {ONE}") < text.index(f"PASSED   {ONE}")
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "wrong-valeu"], "Did you mean 'wrong-value'?"),
        (["check", "nowhere"], "There is no exercise 'nowhere'"),
        (["check", ONE, "--all"], "not both"),
        (["run"], "Name an exercise, or say --all"),
        (["run", ONE, "--all"], "Name an exercise, or say --all"),
        (["run", ONE, "--mine", "nowhere.py", "--on", "here"], "nowhere.py"),
        (["list", "--topic", "outcome"], "Did you mean 'outcomes'?"),
        (["start", "mine/deeper"], "inside the course"),
        (["check", "--course", "nowhere"], "nowhere"),
    ],
)
def test_bad_words_are_2(book: Path, words: list[str], said: str) -> None:
    """What was typed wrong is told with the way to mend it."""
    assert said in _says(book, *words, code=2)


def test_outside_of_a_course(folder: Path) -> None:
    """Alone it invites; list and show work; what needs a course of one's own says so."""
    assert "exercises start" in _says(folder)
    assert "tiny-autograd" in _says(folder, "list", "--topic", "autograd")
    assert "#" in _says(folder, "show", "tiny-autograd")
    for verb in ("check", "hint", "next", "solution", "watch"):
        assert "holds a course" in _says(folder, verb, code=2)


def test_a_progress_file_of_another_version(book: Path) -> None:
    """It is refused in a sentence and stays."""
    (book / ".colabdev-progress.toml").write_text("version = 9\n")
    assert "version 9" in _says(book, code=2)
    assert (book / ".colabdev-progress.toml").read_text() == "version = 9\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 1\ncolour = 2", "'colour' is unknown"),
        ('slug = "measured"', f'slug = "{ONE}"', "twice"),
        ('en = "Look at it."', "", "hints[0].en"),
    ],
)
def test_a_course_file_that_is_wrong(folder: Path, old: str, new: str, said: str) -> None:
    """A third party's course file is refused by the key that is wrong."""
    root = copy_of_mini(folder)
    text = (root / "course.toml").read_text(encoding="utf-8")
    (root / "course.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    for words in (["author", "check"], ["start", "mine"], ["list"]):
        assert said in _says(folder, *words, "--course", str(root), code=1)


def test_run_mine_and_side_by_side(book: Path) -> None:
    """--mine is the file of the course; what two runs measured stands side by side."""
    assert "FAILED" in _says(book, "run", "measured", "--mine", "--on", "here", code=1)
    assert "FAILED" in _says(book, "run", "--mine", "measured", "--on", "here", code=1)
    assert "measured nothing yet" in _says(book, "results", "measured")
    for _ in range(2):
        _says(book, "run", "measured", "--on", "here")
    said = _says(book, "results", "measured", "--last", "2")
    assert "sum-1m" in said
    assert said.count("here: CPU") == 2
    assert "1 more row was skipped" in said


def test_run_all(folder: Path) -> None:
    """The whole course runs in turn and ends with a table."""
    root = copy_of_mini(folder, ONE, "measured")
    words = ("run", "--all", "--course", str(root), "--on", "here")
    said = _says(folder, *words)
    assert "2 of 2 passed on here." in said


def test_options_before_the_verb_count(folder: Path) -> None:
    """The course and the language may stand before the verb, also before 'author check'."""
    course = ("--course", str(copy_of_mini(folder, ONE)))
    assert "틀린 값" in _says(folder, *course, "--lang", "ko", "list")
    assert "tiny-autograd" not in _says(folder, *course, "list")
    (folder / "their-course" / "briefs" / "stray.md").write_text("x")
    assert "stray.md: belongs to no exercise" in _says(folder, *course, "author", "check", code=1)


def test_names_are_completed(book: Path) -> None:
    """The shell is offered the names of the learner's own course."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("colabdev"))],
        cwd=book,
        env={
            **os.environ,
            "_COLABDEV_COMPLETE": "bash_complete",
            "COMP_WORDS": "colabdev exercises hint w",
            "COMP_CWORD": "3",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.split() == [f"plain,{ONE}"]


def test_every_verb_has_help_with_an_example() -> None:
    """The verbs are loaded late, and are no worse for it: each shows an example."""
    context = click.Context(exercises)
    verbs = exercises.list_commands(context)
    assert {"start", "check", "watch", "hint", "solution", "reset", "run", "results"} <= set(verbs)
    for verb in verbs:
        command = exercises.get_command(context, verb)
        assert command
        assert "Example:" in (command.help or ""), verb
