"""``--watch``: what a command shows, again and again, in the same place of a terminal."""

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar  # click's own callables are untyped in their arguments

import click

from colabdev.cli.console import Console

F = TypeVar("F", bound=Callable[..., Any])
_Look = TypeVar("_Look")


def watch_options(every: float) -> Callable[[F], F]:
    """Add ``--watch`` and ``--every SECONDS``, by default *every*."""

    def add(function: F) -> F:
        pause = click.option(
            "--every",
            type=click.FloatRange(min=0.5, max=3600),
            default=every,
            show_default=True,
            help="Seconds between two looks.",
        )
        watch = click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
        return watch(pause(function))

    return add


def watched(
    console: Console,
    looks: Iterable[_Look],
    *,
    lines: Callable[[_Look], None],
    screen: Callable[[_Look], Iterable[object]],
) -> None:
    """Show each of *looks* until Ctrl-C: in a terminal as *screen* lays it out, else as *lines*."""
    with contextlib.suppress(KeyboardInterrupt):  # it is how a watch ends
        if console.as_json or not sys.stdout.isatty():
            for found in looks:
                lines(found)
                sys.stdout.flush()
            return
        from colabdev.cli.live import in_place

        told = iter(looks)
        first = next(told)  # what fails at once leaves no empty line where it would have been
        with in_place() as show:
            for found in itertools.chain([first], told):
                show(*screen(found))
