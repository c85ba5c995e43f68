"""``jobs``, ``attach`` and ``cancel``: what runs over there, and back to it."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console


@click.command()
@on_option
@json_option
@pass_console
def jobs(console: Console, alias: str | None) -> None:
    """List the jobs on the runtime, the newest first.

    \b
    Example:
      colabdev jobs
    """
    from colabdev.cli.tables import moment
    from colabdev.commands.jobs import list_jobs

    with console.step("Asking the runtime"):
        found = list_jobs(alias)
    if console.as_json:
        console.result(found)
        return
    console.table(
        [
            {
                "id": job.id,
                "name": job.name,
                "state": job.state.value,
                "code": job.exit_code,
                "created": moment(job.created),
            }
            for job in found
        ],
        {"id": "job", "name": "name", "state": "state", "code": "exit code", "created": "created"},
        empty="No job has run there yet. Start one: colabdev run SCRIPT",
    )


@click.command()
@click.argument("job")
@on_option
@json_option
@pass_console
def attach(console: Console, job: str, alias: str | None) -> int:
    """Listen to a job from its first byte on, and end with its exit code.

    JOB is an id, the beginning of one, a job's name, or 'last'.

    \b
    Example:
      colabdev attach last
    """
    from colabdev.cli.run import ended
    from colabdev.commands.jobs import attach as listen

    return ended(console, listen(job, console, on=alias))


@click.command()
@click.argument("job")
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

    asked = cancel_job(job, on=alias)
    state = asked.state.value
    text = (
        f"Job {asked.id} has ended: {state}." if asked.state.ended else f"Asked {asked.id} to stop."
    )
    console.result(asked, text)


COMMANDS = (jobs, attach, cancel)
