"""``up`` and ``down``: a runtime on this very machine."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console
from colabdev.errors import InputError
from colabdev.language import tr


@click.command()
@click.option("--local", is_flag=True, help="On this machine; there is no other kind.")
@click.option("--name", default="local", show_default=True, help="The runtime's alias.")
@click.option(
    "--python",
    metavar="PATH",
    help="The interpreter its jobs run under, as one that has torch. Default: this one.",
)
@json_option
@pass_console
def up(console: Console, local: bool, name: str, python: str | None) -> None:
    """Start a runtime on this machine and connect to it.

    It is the cell that Colab runs, with an SSH server on loopback and a home of its own.

    \b
    Example:
      colabdev up --local --python ~/torch/bin/python
    """
    from colabdev.commands.connect import connect
    from colabdev.commands.local import up_local

    if not local:
        raise InputError(
            tr("Only a runtime on this machine can be started from here."),
            tr("Say so with --local; for Colab: colabdev cell --copy"),
        )
    connection = connect(up_local(console, name=name, python=python), name, console)
    end = "colabdev down" if name == "local" else f"colabdev down --name {name}"
    console.result(
        connection,
        tr(
            "Next: 'colabdev run SCRIPT' in your project, or 'colabdev new DIR' for one to try. "
            "It runs until '{end}'.",
            end=end,
        ),
    )


@click.command(short_help="End a runtime on this machine and remove its files.")
@click.option("--name", default="local", show_default=True, help="The runtime's alias.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_console
def down(console: Console, name: str, yes: bool) -> int:
    """End a runtime on this machine, its jobs with it, and remove its files.

    \b
    Example:
      colabdev down --yes
    """
    from colabdev.commands.local import take_down

    if not (yes or _agreed(name)):
        console.done(tr("Nothing was changed."))
        return 1
    take_down(name, console)
    return 0


def _agreed(name: str) -> bool:
    import sys

    if not sys.stdin.isatty():
        raise InputError(
            tr("This removes the runtime {name} and all its files.", name=name),
            tr("Agree with --yes."),
        )
    return click.confirm(
        tr("End the runtime {name} and remove all its files?", name=name), err=True
    )


COMMANDS = (up, down)
