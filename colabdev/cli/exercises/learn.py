"""The verbs of a learner: start, list, show, next, hint, solution, reset."""

import sys

import click

from colabdev.cli.console import Console
from colabdev.cli.exercises.options import (
    course_of,
    course_option,
    lang_option,
    name_argument,
    say,
    spoken,
    workbook,
    workbook_if_any,
)
from colabdev.cli.options import json_option, pass_console
from colabdev.language import tr


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False))
@course_option
@lang_option
@json_option
@pass_console
def start(console: Console, folder: str | None, course: str | None, lang: str | None) -> None:
    """Make a course folder of your own, or bring yours up to date.

    DIR is by default colabdev-course, and inside of a course the course itself. Files that you
    edited are never overwritten.

    \b
    Example:
      colabdev exercises start
      colabdev exercises start my-course --lang ko
    """
    from pathlib import Path

    from colabdev.cli.exercises.texts import place_row, started
    from colabdev.commands.exercises.learn import start as start_course

    begun = start_course(
        Path(folder) if folder else None,
        Path.cwd(),
        course=Path(course) if course else None,
        language=lang or "",
    )
    row = {"folder": begun.folder, "files": begun.files, "place": place_row(begun.place)}
    console.result(row, started(begun, spoken(lang, workbook_if_any(course))))


@click.command("list", short_help="List the exercises in their order, and which are done.")
@click.argument("search", required=False, default="")
@click.option("--topic", default="", help="Only exercises of this topic.")
@click.option(
    "--state",
    type=click.Choice(["done", "pending", "current"]),
    default=None,
    help="Only those that stand so in your course.",
)
@course_option
@lang_option
@json_option
@pass_console
def list_(
    console: Console,
    search: str,
    topic: str,
    state: str | None,
    course: str | None,
    lang: str | None,
) -> None:
    """List the exercises in the order of the course, and which are done.

    SEARCH is looked for in names, titles, topics, and what an exercise covers.

    \b
    Example:
      colabdev exercises list
      colabdev exercises list --state pending --topic autograd
      colabdev exercises list S08
    """
    from colabdev.cli.exercises.texts import shown_word
    from colabdev.commands.exercises.learn import overview

    book = workbook_if_any(course)
    language = spoken(lang, book)
    rows = overview(course_of(course, book), book, search=search, topic=topic, state=state or "")
    words = (lambda word: word) if console.as_json else (lambda word: shown_word(word, language))
    columns = {"state": say(language, "state", "상태")} if book else {}
    console.table(
        [
            {
                "slug": row.exercise.slug,
                "title": row.exercise.title.in_language(language),
                "topic": row.exercise.topic,
                "gpu": words(row.exercise.gpu),
                "seconds": row.exercise.seconds,
                "covers": row.exercise.covers,
                "state": words(row.state),
            }
            for row in rows
        ],
        {
            **columns,
            "slug": say(language, "exercise", "연습 문제"),
            "title": say(language, "title", "제목"),
            "topic": say(language, "topic", "주제"),
            "gpu": "GPU",
            "seconds": say(language, "s", "초"),
        },
        empty=say(language, "No exercise fits.", "맞는 연습 문제가 없습니다."),
    )


@click.command()
@name_argument
@course_option
@lang_option
@json_option
@pass_console
def show(console: Console, name: str | None, course: str | None, lang: str | None) -> None:
    """Show what an exercise asks for, by default the one at hand.

    \b
    Example:
      colabdev exercises show tiny-autograd
    """
    from colabdev.cli.exercises.texts import show_place
    from colabdev.commands.exercises.learn import brief, place

    book = workbook_if_any(course)
    language = spoken(lang, book)
    if book:
        show_place(console, place(book, book.pick(name)), language)
        return
    known = course_of(course, None)
    exercise = known.exercise(name) if name else known.exercises[0]
    text = brief(exercise, language)
    row = {"exercise": exercise.slug, "title": exercise.title, "topic": exercise.topic}
    console.result({**row, "brief": text}, text.strip())


@click.command("next", short_help="Go on with the next exercise, or with any other.")
@name_argument
@course_option
@lang_option
@json_option
@pass_console
def next_(console: Console, name: str | None, course: str | None, lang: str | None) -> None:
    """Go on with the next exercise that is not done, or with any other.

    No exercise is locked: NAME may be skipped to, and gone back to.

    \b
    Example:
      colabdev exercises next
      colabdev exercises next device-move
    """
    from colabdev.cli.exercises.texts import show_place
    from colabdev.commands.exercises.learn import go_on

    book = workbook(course)
    language = spoken(lang, book)
    place = go_on(book, name)
    if place is None:
        done = say(language, "Nothing else is left to do.", "남은 연습 문제가 없습니다.")
        console.result({"exercise": None}, done)
        return
    show_place(console, place, language)


@click.command(short_help="Show the next hint.")
@name_argument
@course_option
@lang_option
@json_option
@pass_console
def hint(console: Console, name: str | None, course: str | None, lang: str | None) -> None:
    """Show the next hint: a direction, then the API, then nearly the answer.

    \b
    Example:
      colabdev exercises hint
    """
    from colabdev.commands.exercises.learn import hint as take_hint

    book = workbook(course)
    language = spoken(lang, book)
    taken = take_hint(book, name, language)
    head = say(
        language,
        f"{taken.exercise.slug}, hint {taken.number} of {taken.total}:",
        f"{taken.exercise.slug}, 힌트 {taken.total}개 중 {taken.number}번째:",
    )
    read = say(language, "To read:", "읽을거리:")
    row = {
        "exercise": taken.exercise.slug,
        "number": taken.number,
        "total": taken.total,
        "hint": taken.text,
        "docs": taken.docs,
    }
    console.result(row, "\n".join([head, taken.text, "", read, *(f"  {d}" for d in taken.docs)]))


@click.command()
@name_argument
@click.option("--show", "opened", is_flag=True, help="Also before your own answer passes.")
@course_option
@lang_option
@json_option
@pass_console
def solution(
    console: Console, name: str | None, opened: bool, course: str | None, lang: str | None
) -> None:
    """Show one way to solve an exercise, and why it is one.

    \b
    Example:
      colabdev exercises solution tiny-autograd
    """
    from colabdev.commands.exercises.learn import solution as open_solution

    book = workbook(course)
    language = spoken(lang, book)
    found = open_solution(book, name, language, show=opened)
    row = {
        "exercise": found.exercise.slug,
        "solution": found.source,
        "explanation": found.explanation,
        "docs": found.exercise.docs,
    }
    read = say(language, "To read:", "읽을거리:")
    docs = [f"  {page}" for page in found.exercise.docs]
    text = [found.source.strip(), "", found.explanation.strip(), "", read, *docs]
    console.result(row, "\n".join(text))


@click.command()
@name_argument
@click.option("--all", "every", is_flag=True, help="Every exercise of the course.")
@click.option("--diff", is_flag=True, help="Only show what would change.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@course_option
@lang_option
@json_option
@pass_console
def reset(
    console: Console,
    name: str | None,
    every: bool,
    diff: bool,
    yes: bool,
    course: str | None,
    lang: str | None,
) -> None:
    """Put the starter back; your file is kept in backups/.

    \b
    Example:
      colabdev exercises reset tiny-autograd
    """
    from colabdev.commands.exercises.learn import difference
    from colabdev.commands.exercises.learn import reset as put_back

    if every and name:
        raise click.UsageError(tr("Name an exercise, or say --all, and not both."))
    book = workbook(course)
    language = spoken(lang, book)
    chosen = list(book.course.exercises) if every else [book.pick(name)]
    if diff:
        found = {each.slug: difference(book, each) for each in chosen}
        console.result(found, "\n".join(text for text in found.values() if text))
        return
    names = ", ".join(each.slug for each in chosen)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(tr("There is nobody to ask; to reset without a question: --yes"))
        question = say(language, f"Put back {names}?", f"{names}: 처음 상태로 되돌릴까요?")
        click.confirm(question, abort=True, err=True)
    kept = {each.slug: put_back(book, each) for each in chosen}
    lines = [say(language, f"Put back: {names}", f"되돌렸습니다: {names}")]
    for backup in filter(None, kept.values()):
        label = say(language, "Your file is kept", "내 파일 보관 위치")
        lines.append(f"{label}: {backup}")
    console.result(kept, "\n".join(lines))


COMMANDS = (start, list_, show, next_, hint, solution, reset)
