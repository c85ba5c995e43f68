"""Options whose values are amounts: times such as 30m, and sizes such as 200MB."""

from collections.abc import Callable
from typing import Any, TypeVar  # click's own callables are untyped in their arguments

import click

from colabdev import amounts
from colabdev.cli.options import SettingOption
from colabdev.language import mark, tr

F = TypeVar("F", bound=Callable[..., Any])


class Amount(click.ParamType[float]):
    """An amount that *parse* reads."""

    def __init__(self, name: str, parse: Callable[[str], float]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return how many seconds or bytes *value* names."""
        if isinstance(value, (int, float)):
            return float(value)
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(
                tr(
                    "{value!a} is no {kind}; write one like {example}.",
                    value=value,
                    kind=tr(self.name),
                    example=error,
                ),
                param,
                context,
            )


DURATION = Amount(mark("duration"), amounts.seconds)
SIZE = Amount(mark("size"), amounts.size)


def reconnect_option(function: F) -> F:
    """Add ``--reconnect-for TIME``, how long a broken connection is dialled anew."""
    return click.option(
        "--reconnect-for",
        "patience",
        cls=SettingOption,
        setting="reconnect_for",
        type=DURATION,
        show_default=True,
        help="How long to try to get a broken connection back; 0 is not at all.",
    )(function)


def pull_limit_option(function: F) -> F:
    """Add ``--pull-limit SIZE``, beyond which a result is named and not brought."""
    return click.option(
        "--pull-limit",
        cls=SettingOption,
        setting="pull_limit",
        type=SIZE,
        show_default=True,
        help="The largest file to bring back; a larger one is named.",
    )(function)


def pull_anyway_option(function: F) -> F:
    """Add ``--pull-anyway``, which brings results beyond the tunnel's free month."""
    return click.option(
        "--pull-anyway",
        is_flag=True,
        help="Bring results also beyond what is left of ngrok's free month.",
    )(function)
