"""``colabdev completion``, and what may stand in the place of an argument."""

import sys
from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_ZSH_START = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u; }\n"


@click.command(short_help="Print or install what completes words in the shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install", is_flag=True, help="Switch it on for every new shell.")
@json_option
@pass_console
def completion(console: Console, shell: str, install: bool) -> None:
    """Print the script that completes commands, aliases, jobs and exercises, or install it.

    \b
    Example:
      colabdev completion bash --install
      colabdev completion zsh
    """
    from colabdev.commands import completion as commands
    from colabdev.language import tr

    script = completion_script(shell)
    if not install:
        if console.as_json:
            console.result({"shell": shell, "script": script, "changed": None})
        else:
            sys.stdout.write(script)
        return
    changed = commands.install(shell, script)
    console.result({"shell": shell, "script": script, "changed": changed}, "")
    if changed is None:
        console.done(tr("It was switched on already."))
    else:
        console.done(tr("{file} reads it from now on; open a new shell.", file=changed))


def completion_script(shell: str) -> str:
    """Return what *shell* is to read."""
    from click.shell_completion import get_completion_class

    from colabdev.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three"
    # Not `source()`, which asks the bash that is here for its version.
    made = kind(cli, {}, "colabdev", "_COLABDEV_COMPLETE")
    script = made.source_template % made.source_vars()
    return (_ZSH_START if shell == "zsh" else "") + script.strip() + "\n"


def complete_alias(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> "list[CompletionItem]":
    """Return the known runtimes that begin with *incomplete*."""
    from click.shell_completion import CompletionItem

    from colabdev.errors import ColabdevError
    from colabdev.remote.runtime import HERE, Registry

    try:
        names = [runtime.alias for runtime in Registry().all()]
    except ColabdevError:
        names = []
    return [CompletionItem(one) for one in (*names, HERE) if one.startswith(incomplete)]


def complete_job(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> "list[CompletionItem]":
    """Return the jobs this computer has recorded; none is asked for over the network."""
    from click.shell_completion import CompletionItem

    from colabdev.commands.results import list_runs
    from colabdev.errors import ColabdevError

    try:
        runs = list_runs(limit=50)
    except ColabdevError:
        runs = []
    found = [CompletionItem(run.id, help=run.name) for run in runs]
    return [one for one in (*found, CompletionItem("last")) if one.value.startswith(incomplete)]


COMMANDS = (completion,)
