"""``colabdev code``: the editor on the runtime."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console
from colabdev.language import tr


@click.command()
@click.argument("path", required=False)
@on_option
@click.option(
    "--editor", metavar="NAME", help="code, cursor, codium or windsurf. Default: the first found."
)
@click.option(
    "--install-extension", "install", is_flag=True, help="Install what opens SSH folders."
)
@click.option(
    "--no-settings", is_flag=True, help="Print what belongs into settings.json; change nothing."
)
@json_option
@pass_console
def code(
    console: Console,
    path: str | None,
    alias: str | None,
    editor: str | None,
    install: bool,
    no_settings: bool,
) -> int:
    """Open VS Code, or an editor of its family, on the runtime.

    It opens the synced project there, or PATH inside of it. With no editor on this computer, it
    prints the link that opens it and ends with 1.

    \b
    Example:
      colabdev code
      colabdev code --editor cursor train.py
    """
    from colabdev.commands.code import code as open_editor

    opened = open_editor(
        path, alias, console, editor=editor, install=install, write_settings=not no_settings
    )
    if opened.opened or console.as_json:
        where = {"editor": opened.editor, "path": opened.path, "alias": opened.alias}
        console.result(opened, tr("{editor}: {path} on {alias}", **where))
    elif opened.link:
        click.echo(opened.link)  # in one piece, however narrow the terminal is: it will be copied
    return 0 if opened.opened else 1


COMMANDS = (code,)
