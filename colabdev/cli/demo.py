"""``colabdev demo``: the whole road on one machine."""

import sys

import click

from colabdev.cli.console import Console
from colabdev.cli.options import pass_console
from colabdev.language import tr


class _Terminal:
    """The demo's stage: headings and prompts between the commands' own output."""

    def chapter(self, text: str) -> None:
        click.secho(f"\n# {text}", fg="cyan", bold=True)

    def prompt(self, side: str, command: str) -> None:
        click.secho(f"\n{side}$ ", fg="green", bold=True, nl=False)
        click.echo(command)
        sys.stdout.flush()

    def said(self, text: str) -> None:
        click.echo(text.rstrip("\n"))
        sys.stdout.flush()


@click.command(short_help="Walk the whole road on this machine, with no account.")
@click.option(
    "--python",
    default=sys.executable,
    metavar="PATH",
    help="The interpreter that plays the notebook kernel; it needs torch. Default: this one.",
)
@pass_console
def demo(console: Console, python: str) -> None:
    """Walk the whole road on this machine, with no account and no tunnel.

    The real cell starts a real SSH server on loopback; a project is synced, jobs run, and their
    results are recorded. Everything is taken down at the end, and nothing of yours is touched.

    \b
    Example:
      colabdev demo
    """
    from colabdev.commands.demo import demo as walk

    walk(_Terminal(), python=python)
    console.done(tr("\nThat was the whole road. With Colab: colabdev cell --copy"))


COMMANDS = (demo,)
