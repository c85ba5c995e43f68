"""``colabdev sync``: make the runtime's copy of the project agree with this one."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console


@click.command()
@click.argument("project", type=click.Path(exists=True, file_okay=False), default=".")
@on_option
@json_option
@pass_console
def sync(console: Console, project: str, alias: str | None) -> None:
    """Send what differs from the project folder to the runtime.

    .gitignore and .colabdevignore are honoured, nothing is deleted, and a file that was changed
    on the runtime is never overwritten: it is named, and the exit code is 3.

    \b
    Example:
      colabdev sync
    """
    from pathlib import Path

    from colabdev.commands.sync import sync_project
    from colabdev.remote.reach import reach
    from colabdev.remote.runtime import Registry

    runtime = Registry().get(alias)
    with console.step(f"Connecting to {runtime.alias}"):
        transport = reach(runtime)
    with transport:
        report = sync_project(Path(project).resolve(), runtime, transport, console)
    console.result(report, report.summary())


COMMANDS = (sync,)
