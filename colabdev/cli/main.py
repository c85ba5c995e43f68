"""The command group and the one boundary at which failures are printed."""

import itertools
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from colabdev import __version__, paths
from colabdev.cli.console import Console
from colabdev.cli.speech import Group, check_output, speak
from colabdev.errors import ColabdevError, OutputClosed, OutputRefused
from colabdev.language import LANGUAGES, choose, spoken, tr

if TYPE_CHECKING:
    from colabdev.cli.log import Log


# The module of each command: only that of the one that is typed is loaded, and all for --help.
MODULES = {
    "attach": "jobs",
    "cancel": "jobs",
    "cell": "cell",
    "code": "code",
    "completion": "completion",
    "config": "config",
    "connect": "connect",
    "demo": "demo",
    "disconnect": "connect",
    "doctor": "doctor",
    "down": "local",
    "exercises": "exercises",
    "forward": "forward",
    "gpu": "gpu",
    "init": "new",
    "jobs": "jobs",
    "logs": "jobs",
    "new": "new",
    "proxy": "proxy",
    "pull": "sync",
    "push": "sync",
    "results": "results",
    "run": "run",
    "runtimes": "runtimes",
    "shell": "connect",
    "status": "status",
    "sync": "sync",
    "uninstall": "uninstall",
    "up": "local",
    "wait": "jobs",
}


@click.group(
    cls=Group,
    modules=MODULES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start here: colabdev cell --copy, paste it into Colab, run it, then colabdev connect.",
)
@click.version_option(__version__, message="%(version)s")
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    expose_value=False,
    help="The language of messages and help. Default: the system's.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but results, warnings and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Show each step with its time, as in the log.")
@click.pass_obj
def cli(console: Console, quiet: bool, verbose: bool) -> None:
    """Turn a Google Colab GPU into a machine you develop on from your own laptop."""
    console.quiet = quiet
    if console.log is not None:
        console.log.echo = verbose


_OF_THE_ROOT = ("-q", "--quiet", "-v", "--verbose", "--lang")
_OF_COMMANDS = ("--json", "--on", "--no-link")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    choose(_language(arguments))
    if spoken() != "en":
        from colabdev.cli.layout import WideFormatter

        click.Context.formatter_class = WideFormatter
        speak(cli)
    console = Console(log=_log(arguments))
    code = _run(arguments, console)
    try:
        console.end(code)
        check_output()
    except OutputRefused as error:
        code = code or _unsaid(error, console)
    if console.log and not {"-h", "--help", "--version"} & set(arguments):
        console.log.line(f"ended: {code}")
        console.log.close()
    sys.exit(code)


def _log(arguments: Sequence[str]) -> "Log | None":
    if arguments[:1] in (["-h"], ["--help"], ["--version"]):
        return None  # nothing is done that could be told
    from colabdev.cli.log import Log

    return Log(paths.log_file(), arguments)


def _language(arguments: Sequence[str]) -> str:
    """Return the language that ``--lang`` before the command asks for, else the setting's."""
    for word, following in itertools.pairwise([*arguments, ""]):
        if not word.startswith("-"):
            break
        if word == "--lang":
            return following
        if word.startswith("--lang="):
            return word.removeprefix("--lang=")
    from colabdev import paths

    if not os.environ.get("COLABDEV_LANG") and not paths.config_file().exists():
        return ""  # nobody has set anything: --help need not load what settings are made of
    from colabdev.settings import setting

    try:
        return setting("lang").value or ""
    except ColabdevError:  # the command that needs settings will say what is wrong with them
        return ""


def _run(arguments: Sequence[str], console: Console) -> int:
    try:
        value = cli.main(list(arguments), prog_name="colabdev", standalone_mode=False, obj=console)
        return value if isinstance(value, int) else 0
    except OutputClosed as error:
        return _unsaid(error, console)
    except ColabdevError as error:
        console.failed(error.message, error.hint, kind=type(error).__name__)
        console.whose = "colabdev"
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        # A usage error comes before the option has been read.
        console.as_json = console.as_json or "--json" in arguments
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        hint = tr("See '{path} --help'.", path=path) if path else ""
        text = error.format_message()
        if isinstance(error, click.NoSuchOption) and (where := _elsewhere(error)):
            text, hint = error.message, where  # it is not mistyped: no other one is meant
        console.failed(text, hint, kind="UsageError")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        console.failed(tr("Stopped."), kind="Interrupted")
        return 130
    except Exception as error:
        if isinstance(error, FileNotFoundError) and _is_astray():
            text, hint = tr("The current folder is gone."), tr("Change to one that is there.")
            console.failed(text, hint, kind="InputError")
            return 2
        console.failed(
            tr(
                "This is a bug in colabdev: {name}: {error}", name=type(error).__name__, error=error
            ),
            tr(
                "Its trace is in {keep_trace}; please report it with what you typed.",
                keep_trace=_keep_trace(),
            ),
            kind="Bug",
        )
        return 1


def _unsaid(error: OutputClosed, console: Console) -> int:
    """Say why the output ends, to those who read the messages, and return the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.message:
        console.failed(error.message, error.hint, kind=type(error).__name__)
    return error.exit_code


def _elsewhere(error: click.NoSuchOption) -> str:
    """Say where an option stands that is there, but not where it was typed; ``""`` for others."""
    word, at_root = error.option_name, error.ctx is not None and error.ctx.parent is None
    if word in _OF_THE_ROOT:
        where = tr("It stands before the command: colabdev {word} ...", word=word)
    elif at_root and word in _OF_COMMANDS:
        where = tr("It stands behind the command: colabdev COMMAND {word} ...", word=word)
    else:
        return ""
    return where


def _is_astray() -> bool:
    """Tell whether the current folder was taken away under us."""
    try:
        os.getcwd()  # noqa: PTH109 - it is asked for, not used
    except FileNotFoundError:
        return True
    return False


def _keep_trace() -> str:
    """Write the trace of the current exception to a file of ours; return the file's name."""
    import traceback
    from datetime import UTC, datetime

    folder = paths.home() / "log"
    file = folder / f"bug-{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(f"colabdev {__version__}\n{traceback.format_exc()}", encoding="utf-8")
    except OSError:
        traceback.print_exc()
        return tr("the lines above")
    return str(file)
