"""``colabdev exercises run``, ``results`` and ``author check``."""

from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.exercises.options import (
    course_of,
    course_option,
    lang_option,
    name_argument,
    say,
    seed_option,
    spoken,
    workbook,
    workbook_if_any,
)
from colabdev.cli.options import json_option, on_option, pass_console
from colabdev.language import tr, tr_n

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colabdev.commands.exercises.history import SideBySide
    from colabdev.commands.exercises.run import ExerciseOutcome
    from colabdev.exercises.course import Language
    from colabdev.jobs.job import Metric
    from colabdev.results.run import Run

_MINE = ""  # what --mine without a file means


@click.command(short_help="Check an exercise on the runtime and record its numbers.")
@name_argument
@click.option("--all", "every", is_flag=True, help="Every exercise of the course, in turn.")
@click.option(
    "--mine",
    metavar="[FILE]",
    is_flag=False,
    flag_value=_MINE,
    default=None,
    help="Run your own file, by default that of your course. Else: the course's solution.",
)
@seed_option
@course_option
@lang_option
@on_option
@json_option
@pass_console
def run(
    console: Console,
    name: str | None,
    every: bool,
    mine: str | None,
    seed: int | None,
    course: str | None,
    lang: str | None,
    alias: str | None,
) -> int:
    """Check an exercise on the runtime, measure it, and record the numbers.

    \b
    Example:
      colabdev exercises run dot-mm-matmul
      colabdev exercises run tiny-autograd --mine --on here
      colabdev exercises run --all
    """
    from pathlib import Path

    from colabdev.cli.exercises.texts import shown_word
    from colabdev.commands.exercises.run import run_course, run_exercise
    from colabdev.remote.reach import reach
    from colabdev.remote.runtime import Registry

    if mine and not name and not every and not Path(mine).is_file():
        name, mine = mine, _MINE  # 'run --mine NAME'
    if every == bool(name):
        raise click.UsageError(tr("Name an exercise, or say --all."))
    if every and mine:
        raise click.UsageError(
            tr("--all runs the files of your course: --mine takes no FILE then.")
        )
    book = workbook(course) if mine == _MINE else workbook_if_any(course)
    language, known = spoken(lang, book), course_of(course, book)
    file = Path(mine) if mine else None
    if book and mine == _MINE and name:
        file = book.file(book.pick(name))
    if name:
        name = (book.pick(name) if book else known.exercise(name)).slug
    console.shows_metrics = False  # the checker's own lines have them
    runtime = Registry().get(alias)
    with console.step(tr("Connecting to {alias}", alias=runtime.alias)):
        transport = reach(runtime)
    with transport:
        if name:
            one = run_exercise(
                name,
                runtime,
                transport,
                console,
                mine=file,
                course=known,
                language=language,
                seed=seed,
            )
            console.whose = "job"
            console.result({"outcome": one.outcome, "run": one.run}, _verdict(one, language))
            return one.code
        all_of_them = run_course(
            runtime,
            transport,
            console,
            course=known,
            mine=book if mine == _MINE else None,
            language=language,
            seed=seed,
        )
        outcomes = list(all_of_them)
    console.table(
        [
            {
                "exercise": each.exercise.slug,
                "outcome": each.outcome or "unknown"
                if console.as_json
                else shown_word(each.outcome, language),
                "tasks": f"{each.passed}/{each.tasks}",
                "run": each.run.run_id if each.run else "",
            }
            for each in outcomes
        ],
        {
            "exercise": say(language, "exercise", "연습 문제"),
            "outcome": say(language, "outcome", "결과"),
            "tasks": say(language, "tasks", "과제"),
            "run": say(language, "run", "실행"),
        },
    )
    passed = sum(each.outcome == "passed" for each in outcomes)
    console.done(
        say(
            language,
            f"{passed} of {len(outcomes)} passed on {runtime.alias}.",
            f"{runtime.alias}에서 {len(outcomes)}개 중 {passed}개를 통과했습니다.",
        )
    )
    return 0 if all(each.outcome in ("passed", "skipped") for each in outcomes) else 1


def _verdict(outcome: "ExerciseOutcome", language: "Language") -> str:
    from colabdev.cli.exercises.texts import shown_word

    assert outcome.run, "what cannot run at all is an error"
    slug, run, code = outcome.exercise.slug, outcome.run.run_id, outcome.run.code
    how = (
        shown_word(outcome.outcome, language)
        if outcome.outcome
        else say(language, f"ended with exit code {code}", f"종료 코드 {code}")
    )
    return say(
        language,
        f"{slug}: {how}. Recorded as {run}: colabdev results show {run}\n"
        f"Side by side with other machines: colabdev exercises results {slug}",
        f"{slug}: {how}. {run}(으)로 기록했습니다: colabdev results show {run}\n"
        f"다른 머신과 나란히 보기: colabdev exercises results {slug}",
    )


@click.command(short_help="Show what an exercise measured on each machine.")
@name_argument
@click.option(
    "--last",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compare the last N runs instead of the last one on each machine.",
)
@course_option
@json_option
@pass_console
def results(console: Console, name: str | None, last: int | None, course: str | None) -> None:
    """Show what an exercise measured on each machine it ran on, side by side.

    NAME is by default the exercise at hand.

    \b
    Example:
      colabdev exercises results dot-mm-matmul
      colabdev exercises results dot-mm-matmul --last 2
    """
    from colabdev.commands.exercises.history import side_by_side

    book = workbook_if_any(course)
    known = course_of(course, book)
    exercise = known.exercise(name) if name else book.current if book else known.exercises[0]
    found = side_by_side(exercise, last=last or 0)
    if console.as_json:
        console.result(found)
        return
    measured = [line for line in found.lines if any(map(_measured, line.values))]
    console.table(
        [
            {
                "case": line.case,
                "metric": line.metric,
                "unit": line.unit,
                **{run.id: _cell(it) for run, it in zip(found.runs, line.values, strict=True)},
            }
            for line in measured
        ],
        {"case": tr("case"), "metric": tr("metric"), "unit": tr("unit"), **_headings(found)},
        empty=tr(
            "'{name}' has measured nothing yet. Measure it: colabdev exercises run {name}",
            name=exercise.slug,
        ),
    )
    if left_out := len(found.lines) - len(measured):
        console.done(
            tr_n(
                "{count} more row was skipped in each of these runs; --json has it.",
                "{count} more rows were skipped in each of these runs; --json has them.",
                left_out,
            )
        )


def _headings(found: "SideBySide") -> "Mapping[str, str]":
    """Return what to call each run: its runtime and hardware, and when, if they do not tell."""
    from colabdev.cli.results import hardware
    from colabdev.cli.tables import moment

    def short(run: "Run") -> str:
        return f"{run.alias}: {hardware(run.hardware)}"

    names = [short(run) for run in found.runs]
    return {
        run.id: short(run)
        if names.count(short(run)) == 1
        else f"{short(run)}, {moment(run.started)}"
        for run in found.runs
    }


def _measured(value: "Metric | None") -> bool:
    return value is not None and not value.skipped


def _cell(value: "Metric | None") -> object:
    if value is None:
        return None
    return tr("skipped: {why}", why=value.skipped) if value.skipped else value.value


@click.group()
def author() -> None:
    """For those who write courses.

    \b
    Example:
      colabdev exercises author check --course my-course
    """


@author.command("check", short_help="Prove that starters fail, solutions pass, nothing is missing.")
@course_option
@json_option
@pass_console
def author_check(console: Console, course: str | None) -> int:
    """Prove that every starter fails, every solution passes, and nothing is missing.

    It runs on this machine and needs torch here.

    \b
    Example:
      colabdev exercises author check
    """
    from pathlib import Path

    from colabdev.commands.exercises.author import check_course

    problems = check_course(Path(course) if course else None, console)
    text = "\n".join(f"{problem.file}: {problem.message}" for problem in problems)
    console.result(problems, text or tr("Nothing to mend."))
    return 1 if problems else 0


COMMANDS = (run, results, author)
