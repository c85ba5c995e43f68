"""``colabdev uninstall``: leave this computer as it was."""

import sys

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_console
def uninstall(console: Console, yes: bool) -> int:
    """Take out of this computer what colabdev put there.

    That is its key, settings, known runtimes and results, the Include line in ~/.ssh/config, shell
    completion, and what it noted in editors' settings. The program itself goes with pip or pipx.

    \b
    Example:
      colabdev uninstall
    """
    from colabdev import paths
    from colabdev.commands.uninstall import uninstall as take_out
    from colabdev.errors import InputError
    from colabdev.language import tr

    if not yes:
        if not sys.stdin.isatty():
            raise InputError(
                tr("This removes {place} with its keys and results.", place=paths.home()),
                tr("Agree with --yes."),
            )
        question = tr("Remove {place} with its keys and results?", place=paths.home())
        if not click.confirm(question, err=True):
            console.done(tr("Nothing was changed."))
            return 1
    if console.log is not None:
        console.log.close()  # it goes too
    removed = take_out(console)
    console.result(removed)
    for file in removed.edited:
        console.done(tr("Took colabdev's lines out of {file}.", file=file))
    for file in removed.gone:
        console.done(tr("Removed {file}.", file=file))
    if not (removed.edited or removed.gone):
        console.done(tr("There was nothing to remove."))
    for file in removed.stay:
        console.done(tr("{file} stays: it is not colabdev's.", file=file))
    console.done(
        tr(
            "Projects keep their .colabdev folder (what both sides last agreed on) and what they "
            "say in pyproject.toml. The program itself: pip uninstall colabdev"
        )
    )
    return 0


COMMANDS = (uninstall,)
