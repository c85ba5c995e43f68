"""Amounts as people type them: times such as 30m, and sizes such as 200MB."""

import re
from collections.abc import Callable
from typing import Any, TypeVar  # click's own callables are untyped in their arguments

import click

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4}


class Amount(click.ParamType[float]):
    """A number with one of the *units*, which map to what they count."""

    def __init__(self, name: str, units: dict[str, int], example: str) -> None:
        self.name = name
        self._units = units
        self._example = example

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return how many seconds or bytes *value* names."""
        if isinstance(value, (int, float)):
            return float(value)
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?([a-z]*)", value.strip().lower())
        unit = found and self._units.get(found[2])
        if not found or not unit:
            self.fail(
                f"{value!a} is no {self.name}; write one like {self._example}.", param, context
            )
        return float(found[1]) * unit


DURATION = Amount("duration", _SECONDS, "90s, 30m or 2h")
SIZE = Amount("size", _BYTES, "500kB, 200MB or 2GB")


def reconnect_option(function: F) -> F:
    """Add ``--reconnect-for TIME``, how long a broken connection is dialled anew."""
    return click.option(
        "--reconnect-for",
        "patience",
        type=DURATION,
        default="30m",
        show_default=True,
        help="How long to try to get a broken connection back; 0 is not at all.",
    )(function)


def pull_limit_option(function: F) -> F:
    """Add ``--pull-limit SIZE``, beyond which a result is named and not brought."""
    return click.option(
        "--pull-limit",
        type=SIZE,
        default="500MB",
        show_default=True,
        help="The largest file to bring back; a larger one is named.",
    )(function)
