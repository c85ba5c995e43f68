"""``colabdev sync``, ``push`` and ``pull``: make the project and its copy on a runtime agree."""

import sys
from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console

if TYPE_CHECKING:
    from pathlib import Path

    from colabdev.sync.options import Options
    from colabdev.sync.report import SyncReport

_MODES = ("two-way-safe", "push", "pull", "mirror")
_dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done, with sizes, and do nothing."
)
_yes_option = click.option("--yes", is_flag=True, help="Delete and replace without asking.")


@click.command()
@click.argument("project", type=click.Path(exists=True, file_okay=False), default=".")
@click.option("--mode", type=click.Choice(_MODES), default=_MODES[0], help="Which way to sync.")
@click.option("--large", is_flag=True, help="Let files above size_limit (50 MB) travel too.")
@click.option("--watch", is_flag=True, help="Stay, and sync on every save until Ctrl-C.")
@_dry_run_option
@_yes_option
@on_option
@json_option
@pass_console
def sync(
    console: Console,
    project: str,
    mode: str,
    large: bool,
    watch: bool,
    dry_run: bool,
    yes: bool,
    alias: str | None,
) -> None:
    """Make the project folder and its copy on the runtime agree.

    What was changed, made or deleted on one side goes to the other. A file that was changed on
    both is left as it is on both and named, and the exit code is 3. What .gitignore and
    .colabdevignore name stays where it is.

    \b
    --mode two-way-safe  as above
    --mode push, pull    send or fetch what is new, and change nothing on this or that side
    --mode mirror        make the runtime's copy the same as this one, whatever was changed there

    \b
    Example:
      colabdev sync
      colabdev sync --dry-run
      colabdev sync --watch
    """
    from dataclasses import replace
    from pathlib import Path

    from colabdev.errors import SyncHalted
    from colabdev.language import tr
    from colabdev.settings import setting
    from colabdev.sync.options import Mode, Options

    limit = int(setting("size_limit").value)
    options = Options(Mode(mode), limit=limit, large=large, dry_run=dry_run, sure=yes)
    root = Path(project).resolve()
    if options.mode is Mode.MIRROR and not (yes or dry_run or console.as_json) and _can_ask():
        planned = _sync(console, root, alias, replace(options, dry_run=True)).planned
        if not (planned or watch):
            return
        if planned and not click.confirm(tr("Make the runtime's copy so?"), err=True):
            raise SyncHalted(
                tr("Nothing was changed: the runtime's copy stays as it is."),
                tr("To send what is new here and delete nothing: colabdev sync --mode push"),
            )
        options = replace(options, sure=True)
    if watch and dry_run:
        raise click.UsageError(tr("--watch and --dry-run do not go together."))
    if watch:
        _watch(console, root, alias, options)
    else:
        _sync(console, root, alias, options)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Replace what is there, even if it is newer.")
@_dry_run_option
@_yes_option
@on_option
@json_option
@pass_console
def push(
    console: Console,
    paths: tuple[str, ...],
    force: bool,
    dry_run: bool,
    yes: bool,
    alias: str | None,
) -> None:
    """Send single files or folders of the project to the runtime.

    What is named goes whatever its size, and even if it is ignored. Where it was changed on the
    runtime it stays as it is there, unless --force is given.

    \b
    Example:
      colabdev push data/train.csv
    """
    from pathlib import Path

    from colabdev.commands.sync import named_paths
    from colabdev.commands.target import project_root
    from colabdev.sync.options import Mode, Options

    project = project_root(Path.cwd().resolve())
    options = Options(
        Mode.PUSH,
        named=named_paths(project, paths),
        force=force,
        dry_run=dry_run,
        sure=yes,
    )
    _sync(console, project, alias, options)


@click.command()
@click.argument("globs", metavar="GLOB...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Replace what is here, even if it is newer.")
@_dry_run_option
@_yes_option
@on_option
@json_option
@pass_console
def pull(
    console: Console,
    globs: tuple[str, ...],
    force: bool,
    dry_run: bool,
    yes: bool,
    alias: str | None,
) -> None:
    """Fetch single files or folders of the project from the runtime.

    A GLOB is a pattern as in .gitignore, relative to the project; put it in quotes. What it names
    comes whatever its size, and even if it is ignored. Where it was changed here it stays as it is
    here, unless --force is given.

    \b
    Example:
      colabdev pull 'checkpoints/*.pt'
    """
    from pathlib import Path

    from colabdev.commands.sync import named_globs
    from colabdev.commands.target import project_root
    from colabdev.sync.options import Mode, Options

    options = Options(
        Mode.PULL,
        named=named_globs(globs),
        force=force,
        dry_run=dry_run,
        sure=yes,
    )
    _sync(console, project_root(Path.cwd().resolve()), alias, options)


def _sync(console: Console, project: "Path", alias: str | None, options: "Options") -> "SyncReport":
    from colabdev.remote.runtime import Registry
    from colabdev.sync.ahead import opened

    runtime = Registry().get(alias)
    with opened(project, runtime, whole=not options.named) as (dial, ahead):
        from colabdev.commands.sync import sync_project
        from colabdev.sync.report import plan_lines

        report = sync_project(project, runtime, dial, console, options=options, ahead=ahead)
    console.result(report, "\n".join((*plan_lines(report), report.summary())))
    return report


def _watch(console: Console, project: "Path", alias: str | None, options: "Options") -> None:
    from colabdev.commands.watch import watch_project
    from colabdev.language import tr
    from colabdev.remote.reach import Dial
    from colabdev.remote.runtime import Registry

    runtime = Registry().get(alias)
    console.done(tr("Watching {project}; Ctrl-C ends it.", project=project.name))
    with Dial(runtime) as dial:
        watched = watch_project(
            project,
            runtime,
            dial(),
            console,
            options=options,
            tell=lambda report: console.synced(report, report.summary()),
        )
    console.result(watched, watched.summary())


def _can_ask() -> bool:
    return sys.stdin.isatty()


COMMANDS = (sync, push, pull)
