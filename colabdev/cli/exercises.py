"""``colabdev exercises``: the course."""

import os
from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console

if TYPE_CHECKING:
    from colabdev.commands.exercises import ExerciseOutcome
    from colabdev.exercises.course import Exercise


def _default_language() -> str:
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "ko" if (spoken or "").startswith("ko") else "en"


_lang_option = click.option(
    "--lang",
    type=click.Choice(["en", "ko"]),
    default=_default_language,
    help="Language of titles and feedback. Default: that of the system.",
)


@click.group()
def exercises() -> None:
    """A course of PyTorch exercises that are checked and measured on the runtime.

    \b
    Example:
      colabdev exercises list
    """


@exercises.command("list")
@_lang_option
@json_option
@pass_console
def list_(console: Console, lang: str) -> None:
    """List the exercises in the order of the course.

    \b
    Example:
      colabdev exercises list --lang ko
    """
    from colabdev.commands.exercises import list_exercises

    rows = [_row(exercise, lang) for exercise in list_exercises()]
    console.table(
        rows,
        {"slug": "exercise", "title": "title", "topic": "topic", "gpu": "GPU", "seconds": "s"},
    )


def _row(exercise: "Exercise", lang: str) -> dict[str, object]:
    title = exercise.title.ko if lang == "ko" else exercise.title.en
    return {
        "slug": exercise.slug,
        "title": title,
        "topic": exercise.topic,
        "gpu": exercise.gpu,
        "seconds": exercise.seconds,
    }


@exercises.command()
@click.argument("name")
@click.option(
    "--mine",
    type=click.Path(exists=True, dir_okay=False),
    help="Check this file of yours. Default: the course's own solution.",
)
@click.option("--seed", type=int, help="Replay the random cases of this seed.")
@_lang_option
@on_option
@json_option
@pass_console
def run(
    console: Console, name: str, mine: str | None, seed: int | None, lang: str, alias: str | None
) -> int:
    """Check an exercise on the runtime, measure it, and record the numbers.

    \b
    Example:
      colabdev exercises run dot-mm-matmul
      colabdev exercises run tiny-autograd --mine my_autograd.py --on here
    """
    from pathlib import Path

    from colabdev.commands.exercises import run_exercise
    from colabdev.remote.reach import reach
    from colabdev.remote.runtime import Registry

    console.shows_metrics = False  # the checker's own lines have them
    runtime = Registry().get(alias)
    with console.step(f"Connecting to {runtime.alias}"):
        transport = reach(runtime)
    with transport:
        outcome = run_exercise(
            name,
            runtime,
            transport,
            console,
            mine=Path(mine) if mine else None,
            language="ko" if lang == "ko" else "en",
            seed=seed,
        )
    console.whose = "job"
    console.result({"outcome": outcome.outcome, "run": outcome.run}, _verdict(outcome))
    return outcome.run.code


def _verdict(outcome: "ExerciseOutcome") -> str:
    how = outcome.outcome or f"ended with exit code {outcome.run.code}"
    return (
        f"{outcome.exercise.slug}: {how}. "
        f"Recorded as {outcome.run.run_id}: colabdev results show {outcome.run.run_id}"
    )


@exercises.group()
def author() -> None:
    """For those who write courses.

    \b
    Example:
      colabdev exercises author check --course my-course
    """


@author.command()
@click.option(
    "--course",
    type=click.Path(exists=True, file_okay=False),
    help="The folder of a course. Default: the course that ships with colabdev.",
)
@json_option
@pass_console
def check(console: Console, course: str | None) -> int:
    """Prove that every starter fails, every solution passes, and nothing is missing.

    It runs on this machine and needs torch here.

    \b
    Example:
      colabdev exercises author check
    """
    from pathlib import Path

    from colabdev.commands.exercises import check_course

    problems = check_course(Path(course) if course else None, console)
    text = "\n".join(f"{problem.file}: {problem.message}" for problem in problems)
    console.result(problems, text or "Nothing to mend.")
    return 1 if problems else 0


COMMANDS = (exercises,)
