"""``colabdev exercises check`` and ``watch``."""

from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.exercises.options import (
    course_option,
    lang_option,
    name_argument,
    names_argument,
    please_wait,
    seed_option,
    spoken,
    workbook,
)
from colabdev.cli.options import json_option, on_option, pass_console
from colabdev.language import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colabdev.commands.exercises.check import Checked
    from colabdev.exercises.course import Exercise, Language
    from colabdev.exercises.workbook import Workbook


@click.command()
@names_argument
@click.option("--all", "every", is_flag=True, help="Check the whole course, several at a time.")
@seed_option
@course_option
@lang_option
@on_option
@json_option
@pass_console
def check(
    console: Console,
    names: tuple[str, ...],
    every: bool,
    seed: int | None,
    course: str | None,
    lang: str | None,
    alias: str | None,
) -> int:
    """Check your answer to an exercise, by default the one at hand.

    It runs on this machine when that has torch, else on the runtime. Exit code 0: it passes;
    1: not yet.

    \b
    Example:
      colabdev exercises check
      colabdev exercises check tiny-autograd --seed 7
      colabdev exercises check --all
    """
    from colabdev.cli.exercises.texts import summary
    from colabdev.commands.exercises.check import check_all

    if every and names:
        raise click.UsageError(tr("Name exercises, or say --all, and not both."))
    book = workbook(course)
    language = spoken(lang, book)
    if not every:
        chosen = list(dict.fromkeys(book.pick(name) for name in names or (None,)))
        found = check_and_tell(console, book, chosen, language, alias, seed)
        return 0 if all(each.outcome == "passed" for each in found) else 1
    please_wait(console, language, [book.course.title.in_language(language)])
    found = check_all(book, console, on=alias, seed=seed)
    console.result(_rows(found), summary(found, language))
    return 0 if all(each.outcome in ("passed", "skipped") for each in found) else 1


@click.command()
@name_argument
@click.option("--poll", is_flag=True, help="Look again and again (WSL, network drives).")
@course_option
@lang_option
@on_option
@json_option
@pass_console
def watch(
    console: Console,
    name: str | None,
    poll: bool,
    course: str | None,
    lang: str | None,
    alias: str | None,
) -> None:
    """Check what you save, whenever you save it, until Ctrl-C.

    NAME narrows it to one exercise. It needs no terminal.

    \b
    Example:
      colabdev exercises watch
    """
    from colabdev.cli.exercises.options import say
    from colabdev.commands.exercises.watch import saved

    book = workbook(course)
    language = spoken(lang, book)
    only = book.pick(name) if name else None
    changes = saved(book, only, poll=poll)
    if book.file(first := only or book.current).is_file():
        check_and_tell(console, book, [first], language, alias, None)
    ready = say(language, "Waiting for you to save a file.", "파일을 저장하면 검사합니다.")
    console.done(ready)
    for exercise in changes:
        check_and_tell(console, workbook(course), [exercise], language, alias, None)
        console.done(ready)


def check_and_tell(
    console: Console,
    book: "Workbook",
    chosen: "Sequence[Exercise]",
    language: "Language",
    alias: str | None,
    seed: int | None,
) -> "list[Checked]":
    """Check the exercises *chosen*, tell the verdicts and the next step, and go on with one."""
    from colabdev.cli.exercises.texts import after_check
    from colabdev.commands.exercises.check import check as check_here

    please_wait(console, language, [each.slug for each in chosen])
    console.shows_metrics = False
    if len(chosen) == 1:
        book.choose(chosen[0])
    found = check_here(book, chosen, console, on=alias, language=language, seed=seed)
    console.result(_rows(found), after_check(found, book.again(), language))
    return found


def _rows(found: "Sequence[Checked]") -> "list[dict[str, object]]":
    return [
        {
            "exercise": each.exercise.slug,
            "outcome": each.outcome,
            "passed": each.passed,
            "tasks": each.tasks,
        }
        for each in found
    ]


COMMANDS = (check, watch)
