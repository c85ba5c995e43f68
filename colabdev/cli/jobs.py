"""``jobs``, ``attach``, ``logs``, ``wait`` and ``cancel``: what runs over there, and back to it."""

from typing import TYPE_CHECKING

import click

from colabdev.cli.amounts import DURATION, pull_anyway_option, pull_limit_option, reconnect_option
from colabdev.cli.console import Console
from colabdev.cli.options import job_ids, json_option, on_option, pass_console
from colabdev.language import tr, tr_n

if TYPE_CHECKING:
    from colabdev.jobs.job import Job

_FAR_SIDE_FAILED = 70  # how a job ended is not known
_INTERRUPTED = 130  # by Ctrl-C


@click.group(invoke_without_command=True)
@on_option
@json_option
@pass_console
@click.pass_context
def jobs(context: click.Context, console: Console, alias: str | None) -> None:
    """List the jobs on the runtime, the newest first.

    \b
    Example:
      colabdev jobs
      colabdev jobs prune --older-than 7d
    """
    if context.invoked_subcommand:
        return
    from colabdev.commands.jobs import list_jobs

    with console.step(tr("Asking the runtime")):
        found = list_jobs(alias)
    _show(console, found, tr("No job has run there yet. Start one: colabdev run SCRIPT"))


@jobs.command()
@click.option(
    "--older-than",
    "ago",
    type=DURATION,
    default="1d",
    show_default=True,
    help="How long ago a job must have ended; 0 is all that have ended.",
)
@on_option
@json_option
@pass_console
def prune(console: Console, ago: float, alias: str | None) -> None:
    """Remove the records and the output of jobs that have ended.

    What they measured stays in the results on this computer.

    \b
    Example:
      colabdev jobs prune --older-than 7d
    """
    from colabdev.commands.jobs import prune_jobs

    with console.step(tr("Asking the runtime")):
        gone = prune_jobs(ago, on=alias)
    text = tr_n(
        "Removed the records of {count} job.", "Removed the records of {count} jobs.", len(gone)
    )
    console.result(gone, text if gone else "")
    if not gone:
        console.done(tr("No job ended so long ago."))


def _show(console: Console, found: "list[Job]", empty: str) -> None:
    from colabdev.cli.tables import moment
    from colabdev.commands.words import word

    if console.as_json:
        console.result(found)
        return
    console.table(
        [
            {
                "id": job.id,
                "name": job.name,
                "state": tr("{state} (still runs)", state=word(job.state.value))
                if job.orphaned
                else word(job.state.value),
                "code": job.exit_code,
                "created": moment(job.created),
            }
            for job in found
        ],
        {
            "id": tr("job"),
            "name": tr("name"),
            "state": tr("state"),
            "code": tr("exit code"),
            "created": tr("created"),
        },
        empty=empty,
    )


@click.command(short_help="Listen to a job again, from its first byte on.")
@click.argument("job", shell_complete=job_ids)
@pull_limit_option
@pull_anyway_option
@reconnect_option
@on_option
@json_option
@pass_console
def attach(
    console: Console,
    job: str,
    pull_limit: float,
    pull_anyway: bool,
    patience: float,
    alias: str | None,
) -> int:
    """Listen to a job from its first byte on, and end with its exit code.

    JOB is an id, the beginning of one, a job's name, or 'last'. In the folder of the project that
    it ran for, the results that were asked for are brought back.

    \b
    Example:
      colabdev attach last
    """
    from colabdev.cli.run import ended
    from colabdev.commands.jobs import attach as listen

    outcome = listen(
        job,
        console,
        on=alias,
        pull_limit=int(pull_limit),
        pull_anyway=pull_anyway,
        patience=patience,
    )
    return ended(console, outcome)


@click.command(short_help="Ask a job to stop.")
@click.argument("job", shell_complete=job_ids)
@on_option
@json_option
@pass_console
def cancel(console: Console, job: str, alias: str | None) -> None:
    """Ask a job to stop: SIGINT, after 10 s SIGTERM, after 10 more SIGKILL.

    JOB is an id, the beginning of one, a job's name, or 'last'.

    \b
    Example:
      colabdev cancel last
    """
    from colabdev.commands.jobs import cancel_job
    from colabdev.commands.words import word

    asked = cancel_job(job, on=alias)
    console.result(
        asked,
        tr("Job {id} has ended: {state}.", id=asked.id, state=word(asked.state.value))
        if asked.state.ended
        else tr("Asked {id} to stop.", id=asked.id),
    )


@click.command()
@click.argument("job", shell_complete=job_ids)
@click.option("-f", "--follow", is_flag=True, help="Go on with what it prints, to its end.")
@click.option(
    "--since",
    "ago",
    type=DURATION,
    metavar="TIME",
    help="Nothing that was printed longer ago than this.",
)
@click.option("--tail", type=click.IntRange(0), metavar="LINES", help="The last lines only.")
@reconnect_option
@on_option
@json_option
@pass_console
def logs(
    console: Console,
    job: str,
    follow: bool,
    ago: float | None,
    tail: int | None,
    patience: float,
    alias: str | None,
) -> int:
    """Show what a job has printed.

    JOB is an id, the beginning of one, a job's name, or 'last'. Ctrl-C ends the showing, and
    leaves the job alone.

    \b
    Example:
      colabdev logs -f --tail 20 last
    """
    from colabdev.commands.jobs import show_logs

    try:
        show_logs(job, console, on=alias, follow=follow, tail=tail, ago=ago, patience=patience)
    except KeyboardInterrupt:  # it is how a showing ends
        return _INTERRUPTED
    return 0


@click.command()
@click.argument("wanted", metavar="JOB...", nargs=-1, required=True, shell_complete=job_ids)
@reconnect_option
@on_option
@json_option
@pass_console
def wait(console: Console, wanted: tuple[str, ...], patience: float, alias: str | None) -> int:
    """Wait until jobs have ended.

    Each JOB is an id, the beginning of one, a job's name, or 'last'. The exit code is that of the
    first, in the order given, that did not succeed. Ctrl-C leaves the jobs alone.

    \b
    Example:
      colabdev wait last && colabdev results show last
    """
    from colabdev.commands.jobs import wait_for_jobs

    try:
        ended = wait_for_jobs(wanted, console, on=alias, patience=patience)
    except KeyboardInterrupt:
        console.warn(tr("Nobody waits any more; what runs goes on."))
        return _INTERRUPTED
    _show(console, ended, "")
    console.whose = "job"
    codes = (_FAR_SIDE_FAILED if job.exit_code is None else job.exit_code for job in ended)
    return next((code for code in codes if code), 0)


COMMANDS = (jobs, attach, logs, wait, cancel)
