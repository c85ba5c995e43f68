"""The moving part of the terminal: a spinner that becomes a bar, and what is shown in place."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console as Terminal
from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from colabdev.cli.clean import clean_line

_CLOCK = 12  # columns that the spinner and its time take
_BAR = 20  # columns
_FIGURES = 42  # columns that sizes, rate and time left take at most


def _words(most: int) -> TextColumn:
    """Return the column that says what is under way, on one line: only one is taken back after.

    What is too long for it is cut off at its end.
    """
    column = Column(no_wrap=True, overflow="ellipsis", max_width=max(most, 12))
    return TextColumn("{task.description}", markup=False, table_column=column)


class Step:
    """One line that moves while a step is under way."""

    def __init__(self, terminal: Terminal, text: str) -> None:
        self._terminal = terminal
        self._text = text
        self._spin = Progress(
            SpinnerColumn(),
            _words(terminal.width - _CLOCK),
            TimeElapsedColumn(),
            console=terminal,
            transient=True,
        )
        self._bar: Progress | None = None
        self._task: TaskID = self._spin.add_task(Text(text).plain, total=None)

    def start(self) -> None:
        self._spin.start()

    def advance(self, done: int, total: int | None = None) -> None:
        if total is None:
            return
        if self._bar is None:
            self._spin.stop()
            self._bar = Progress(
                _words(self._terminal.width - _BAR - _FIGURES),
                BarColumn(_BAR),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=self._terminal,
                transient=True,
            )
            self._task = self._bar.add_task(self._text, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def say(self, text: str) -> None:
        (self._bar or self._spin).update(self._task, description=text)

    def stop(self) -> None:
        (self._bar or self._spin).stop()


@contextlib.contextmanager
def live_step(text: str) -> Iterator[Step]:
    """Show *text* with a spinner on stderr until the block ends, leaving no trace."""
    step = Step(Terminal(stderr=True, markup=False, highlight=False), text)
    step.start()
    try:
        yield step
    finally:
        step.stop()


@contextlib.contextmanager
def in_place() -> Iterator[Callable[..., None]]:
    """Lend a function that shows tables and lines of text in the place of what it showed before.

    What it showed last stays when the block ends.
    """

    def show(*parts: Any) -> None:  # what rich can show
        texts = [
            Text(clean_line(part)) if isinstance(part, str) else part for part in parts if part
        ]
        live.update(Group(*texts), refresh=True)

    terminal = Terminal(markup=False, highlight=False)
    with Live(
        console=terminal, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    ) as live:
        yield show
