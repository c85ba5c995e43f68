"""``colabdev exercises`` alone: continue where I was."""

import click

from colabdev.cli.console import Console
from colabdev.cli.exercises.options import course_option, lang_option, spoken, workbook_if_any
from colabdev.cli.options import json_option, pass_console


class _Verbs(click.Group):
    """A group that loads its verbs when one is asked for: ``colabdev --help`` needs none."""

    def list_commands(self, context: click.Context) -> list[str]:
        self._load()
        return super().list_commands(context)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        self._load()
        return super().get_command(context, name)

    def _load(self) -> None:
        from colabdev.cli.exercises import check, learn, run

        for command in (*learn.COMMANDS, *check.COMMANDS, *run.COMMANDS):
            self.add_command(command)


@click.group(
    cls=_Verbs,
    invoke_without_command=True,
    short_help="A course of PyTorch exercises, checked and measured.",
)
@course_option
@lang_option
@json_option
@pass_console
@click.pass_context
def exercises(
    context: click.Context, console: Console, course: str | None, lang: str | None
) -> None:
    """A course of PyTorch exercises that are checked here and measured on the runtime.

    Alone it continues: it shows the exercise at hand, its file, and what to do.

    \b
    Example:
      colabdev exercises start
      cd colabdev-course
      colabdev exercises
    """
    if context.invoked_subcommand:
        # Given before the verb, an option means what it means behind it ('author' has one below).
        given = {"course": course, "lang": lang}
        chosen = {name: value for name, value in given.items() if value}
        context.default_map = {context.invoked_subcommand: {**chosen, "check": chosen}}
        return
    from colabdev.cli.exercises.texts import invitation, show_place
    from colabdev.commands.exercises.learn import place

    book = workbook_if_any(course)
    if book is None:
        console.result({"exercise": None}, invitation(spoken(lang)))
        return
    show_place(console, place(book), spoken(lang, book))
