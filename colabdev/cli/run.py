"""``colabdev run``: a script or a command as a job on the runtime."""

from typing import TYPE_CHECKING

import click

from colabdev.cli.amounts import SIZE, pull_anyway_option, pull_limit_option, reconnect_option
from colabdev.cli.console import Console
from colabdev.cli.options import SettingOption, json_option, on_option, pass_console
from colabdev.language import tr

if TYPE_CHECKING:
    from colabdev.commands.follow import RunOutcome


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


@click.command(
    cls=_TargetCommand,
    context_settings={"allow_interspersed_args": False},
    short_help="Sync the project and run something on the runtime, live.",
)
@on_option
@click.option("--detach", is_flag=True, help="Start the job and leave it to itself.")
@click.option("--name", default="", help="What to call the job. Default: the script's name.")
@click.option("-m", "is_module", is_flag=True, help="TARGET is a module, as with python -m.")
@click.option(
    "--env",
    "words",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="Set a variable for the job; without a value, to what it is here. May be repeated.",
)
@click.option("--no-sync", is_flag=True, help="Take the project's folder there as it stands.")
@click.option(
    "--pull",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="Bring back matching files that the job makes, while it runs. May be repeated. "
    "Default: results in [tool.colabdev].",
)
@pull_limit_option
@pull_anyway_option
@click.option(
    "--log-limit",
    cls=SettingOption,
    setting="log_limit",
    type=SIZE,
    show_default=True,
    help="How much of the job's output is kept there; beyond it the oldest is dropped.",
)
@reconnect_option
@json_option
@click.argument("target")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_console
def run(
    console: Console,
    alias: str | None,
    detach: bool,
    name: str,
    is_module: bool,
    words: tuple[str, ...],
    no_sync: bool,
    patterns: tuple[str, ...],
    pull_limit: float,
    pull_anyway: bool,
    log_limit: float,
    patience: float,
    target: str,
    arguments: tuple[str, ...],
    is_command: bool,
) -> int:
    """Sync the project, run TARGET on the runtime, and stream what it says.

    TARGET is a script or a notebook of the project, or a module with -m; after '--' it is a
    command. A notebook comes back as NAME.executed.ipynb with what its cells put out. The job goes
    on when the connection ends, and is listened to again once it is back. Ctrl-C asks it to
    stop, a second one leaves it running. The exit code is the job's own.

    \b
    Example:
      colabdev run train.py --epochs 3
      colabdev run --pull 'checkpoints/*.pt' train.py
      colabdev run --env WANDB_API_KEY -m package.train
      colabdev run -- nvidia-smi
    """
    from colabdev.commands.target import (
        command_target,
        environment,
        module_target,
        script_target,
        wanted_results,
    )
    from colabdev.remote.reach import Dial
    from colabdev.remote.runtime import Registry

    if is_command and is_module:
        raise click.UsageError(tr("-m names a module; what comes after '--' is a command."))
    if is_command:
        wanted = command_target((target, *arguments), name=name)
    elif is_module:
        wanted = module_target(target, arguments, name=name)
    else:
        wanted = script_target(target, arguments, name=name)
    variables = environment(words)
    results = wanted_results(wanted.project, patterns)
    with Dial(Registry().get(alias)) as dial:
        from colabdev.commands.run import RunOptions, run_target  # while that is on its way

        options = RunOptions(
            sync=not no_sync,
            env=variables,
            pull=results,
            pull_limit=int(pull_limit),
            pull_anyway=pull_anyway,
            log_limit=int(log_limit),
            patience=patience,
        )
        outcome = run_target(wanted, console, dial=dial, detach=detach, options=options)
    return ended(console, outcome)


def ended(console: Console, outcome: "RunOutcome") -> int:
    """Say how the job stands and return its exit code, which is the command's own."""
    console.whose = "job"
    console.result(outcome)
    if outcome.job.state.ended and outcome.code:
        from colabdev.commands.words import word

        console.done(
            tr(
                "Job {id} {state}: exit code {code}.",
                id=outcome.job.id,
                state=word(outcome.job.state),
                code=outcome.code,
            )
        )
    return outcome.code


COMMANDS = (run,)
