"""``jobs``, ``attach`` and ``cancel``: what runs over there, and back to it."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console


@click.command()
@on_option
@json_option
@pass_console
def jobs(console: Console, alias: str | None) -> None:
    """List the jobs on the runtime.

    \b
    Example:
      colabdev jobs
    """
    raise NotImplementedError


COMMANDS = (jobs,)
