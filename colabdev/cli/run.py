"""``colabdev run``: a script or a command as a job on the runtime."""

from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console

if TYPE_CHECKING:
    from colabdev.commands.run import RunOutcome


class _TargetCommand(click.Command):
    """A command that knows whether its target came after ``--`` (click drops that word)."""

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        given = list(words)
        rest = super().parse_args(context, words)
        positional = [context.params["target"], *context.params["arguments"]]
        context.params["is_command"] = (
            "--" in given and given[given.index("--") + 1 :] == positional
        )
        return rest


@click.command(cls=_TargetCommand, context_settings={"allow_interspersed_args": False})
@on_option
@click.option("--detach", is_flag=True, help="Start the job and leave it to itself.")
@click.option("--name", default="", help="What to call the job. Default: the script's name.")
@json_option
@click.argument("target")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_console
def run(
    console: Console,
    alias: str | None,
    detach: bool,
    name: str,
    target: str,
    arguments: tuple[str, ...],
    is_command: bool,
) -> int:
    """Sync the project, run TARGET on the runtime, and stream what it says.

    TARGET is a script of the project; after '--' it is a command. The job goes on when the
    connection ends. Ctrl-C asks it to stop, a second one leaves it running. The exit code is the
    job's own.

    \b
    Example:
      colabdev run train.py --epochs 3
      colabdev run -- nvidia-smi
    """
    from colabdev.commands.run import command_target, run_target, script_target

    if is_command:
        wanted = command_target((target, *arguments), name=name)
    else:
        wanted = script_target(target, arguments, name=name)
    outcome = run_target(wanted, console, on=alias, detach=detach)
    return ended(console, outcome)


def ended(console: Console, outcome: "RunOutcome") -> int:
    """Say how the job stands and return its exit code, which is the command's own."""
    console.whose = "job"
    console.result(outcome)
    if outcome.job.state.ended and outcome.code:
        console.done(f"Job {outcome.job.id} {outcome.job.state}: exit code {outcome.code}.")
    return outcome.code


COMMANDS = (run,)
