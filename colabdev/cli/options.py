"""Options that several commands share, and how a command gets its console."""

import os
from collections.abc import Callable
from typing import Any, TypeVar  # click's own callables are untyped in their arguments

import click

from colabdev.cli.console import Console

F = TypeVar("F", bound=Callable[..., Any])

pass_console = click.make_pass_decorator(Console, ensure=True)


class SettingOption(click.Option):
    """An option that the setting of the name *setting* stands in for where it is not given."""

    def __init__(self, *words: Any, setting: str, **more: Any) -> None:
        super().__init__(*words, **more)
        self.setting = setting

    def get_default(self, context: click.Context, call: bool = True) -> Any:
        """Return what is set; for the help, with *call* off, what counts when nothing is."""
        from colabdev.settings import default_of, setting

        # Completion and help parse leniently: a broken config.toml is no matter of theirs.
        if not call or context.resilient_parsing:
            return default_of(self.setting).given
        return setting(self.setting).given


def json_option(function: F) -> F:
    """Add ``--json``, which turns the console to JSON lines."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_to_json,
        help="Print JSON lines instead (docs/json.md).",
    )(function)


def on_option(function: F) -> F:
    """Add ``--on ALIAS`` (without it the runtime connected last is meant) and ``--no-link``."""
    return no_link_option(
        click.option(
            "--on",
            "alias",
            metavar="ALIAS",
            shell_complete=_aliases,
            help="The runtime to use: an alias, or 'here' for this machine. Default: the latest.",
        )(function)
    )


def _aliases(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    from colabdev.cli.completion import complete_alias

    return list(complete_alias(context, parameter, incomplete))


def job_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the id of a job that this computer has recorded."""
    from colabdev.cli.completion import complete_job

    return list(complete_job(context, parameter, incomplete))


def no_link_option(function: F) -> F:
    """Add ``--no-link``, which dials a connection of the command's own."""
    return click.option(
        "--no-link",
        is_flag=True,
        expose_value=False,
        callback=_without_link,
        help="Do not share the background connection (docs/link.md).",
    )(function)


def _without_link(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001 - click's signature
    if value:
        os.environ["COLABDEV_LINK"] = "0"


def _to_json(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001 - click's signature
    console = context.find_object(Console)
    if value and console is not None:
        console.as_json = True
