"""``runtimes``: the machines this computer knows, renamed and forgotten."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console
from colabdev.language import tr


@click.group(
    invoke_without_command=True, short_help="List the known runtimes; rename or forget one."
)
@json_option
@click.pass_context
def runtimes(context: click.Context) -> None:
    """List the known runtimes; the default is marked, and what no longer answers is said.

    \b
    Example:
      colabdev runtimes
      colabdev runtimes rename colab a100
    """
    if context.invoked_subcommand is not None:
        return
    from colabdev.commands.runtimes import runtimes as look
    from colabdev.commands.words import word

    console = context.ensure_object(Console)
    with console.step(tr("Asking the runtimes")):
        rows = look()
    if console.as_json:
        console.result(rows)
        return
    console.table(
        [
            {**row, "default": "*" if row["default"] else "", "state": word(str(row["state"]))}
            for row in rows
        ],
        {
            "default": "",
            "alias": tr("runtime"),
            "state": tr("state"),
            "address": tr("address"),
            "via": tr("via"),
            "problem": tr("problem"),
        },
        empty=tr("No runtime is known yet. Run 'colabdev cell --copy'; paste the cell into Colab."),
    )


@runtimes.command()
@click.argument("old")
@click.argument("new")
@json_option
@pass_console
def rename(console: Console, old: str, new: str) -> None:
    """Call the runtime OLD by the name NEW, in the SSH config as well.

    \b
    Example:
      colabdev runtimes rename colab a100
    """
    from colabdev.commands.runtimes import rename as call

    call(old, new, console)


@runtimes.command(short_help="Forget a runtime; the machine itself goes on.")
@click.argument("alias")
@json_option
@pass_console
def forget(console: Console, alias: str) -> None:
    """Forget a runtime, as 'disconnect' does; the machine itself goes on.

    \b
    Example:
      colabdev runtimes forget colab
    """
    from colabdev.commands.disconnect import disconnect

    disconnect(alias, console)


COMMANDS = (runtimes,)
