"""Tables and texts for people, laid out for their terminal."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rich import box
from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from colabdev.cli.clean import clean_line

_COMMAND = re.compile(r"'(?:colabdev|colab|ssh|pip|apt) [^'\n]{1,60}'")
_NO_BREAK = "\ue000"  # a character nobody uses, one column wide
_SHORT = 18  # characters; a longer cell may be folded where the terminal is narrow


def render(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> None:
    """Print *rows* to stdout with one column for each of *columns* (key to heading)."""
    terminal = Terminal(markup=False, highlight=False)
    if not terminal.is_terminal:  # nothing there to fit into
        terminal.width = 10_000
    terminal.print(laid_out(rows, columns))


def laid_out(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> Table:
    """Return *rows* as a table for a terminal of any width."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for key, heading in columns.items():
        numeric = all(isinstance(row.get(key), int | float | None) for row in rows)
        longest = max((len(_cell(row.get(key))) for row in rows), default=0)
        table.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=longest <= _SHORT,
        )
    for row in rows:
        table.add_row(*(Text(_cell(row.get(key))) for key in columns))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else clean_line(str(value))


def paragraph(text: str) -> None:
    """Print *text* with lines broken between words; a Korean letter takes two columns."""
    terminal = Terminal(markup=False, highlight=False, emoji=False)
    for line in text.split("\n"):
        for part in Text(_held_together(line)).wrap(terminal, terminal.width) or [Text()]:
            part.rstrip()
            terminal.print(_let_go(part), soft_wrap=True)


def message(text: str) -> str:
    """Return *text* for stderr with lines broken between words, each as far in as it began."""
    terminal = Terminal(stderr=True, markup=False, highlight=False, emoji=False)
    with terminal.capture() as capture:
        for line in text.split("\n"):
            inside = line.lstrip(" ")
            before = " " * (len(line) - len(inside))
            whole = Text.from_ansi(_held_together(inside))
            for part in whole.wrap(terminal, terminal.width - len(before)) or [Text()]:
                part.rstrip()
                terminal.print(before, _let_go(part), sep="", soft_wrap=True)
    return capture.get().removesuffix("\n")


def _held_together(line: str) -> str:
    """Return *line* with commands in quotes as single words: they are copied from one line."""
    return _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), line)


def _let_go(part: Text) -> Text:
    part.plain = part.plain.replace(_NO_BREAK, " ")
    return part


def moment(seconds: float) -> str:
    """Return a time in seconds since 1970 as local day and time, with the year when it is old."""
    then = datetime.fromtimestamp(seconds).astimezone()
    old = abs(datetime.now().astimezone() - then) > timedelta(days=300)
    return then.strftime("%Y-%m-%d %H:%M" if old else "%m-%d %H:%M")
