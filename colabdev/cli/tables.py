"""Tables and texts for people, laid out for their terminal."""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rich import box
from rich.cells import cell_len
from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from colabdev.cli.clean import clean_line
from colabdev.cli.layout import room

# A command in quotes, or at the end of a line behind a colon.
_COMMAND = re.compile(
    r"'(?:colabdev|colab|ssh|pip|apt) [^'\n]{1,60}'|(?<=: )(?:colabdev|colab|uv|ssh) [^\n;]+$"
)
_NO_BREAK = "\ue000"  # a character nobody uses, one column wide
_WORDS = re.compile(r"(?<!\d) | (?!\d)")  # the day and the time of day are one
_FOLDED = 18  # columns; a longer word, such as a path, may be folded where there is little room
_WHOLE = 10_000
_NAMES = {"id", "alias", "key", "slug", "exercise", "run"}  # what is typed again as it stands
_GAP = 3  # columns between two of a table


def render(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> None:
    """Print *rows* to stdout with one column for each of *columns* (key to heading)."""
    # Off a terminal there is nothing to fit into.
    width = room(sys.stdout) if sys.stdout.isatty() else 10_000
    _terminal(width).print(laid_out(rows, columns, width))


class _Terminal(Terminal):
    def on_broken_pipe(self) -> None:
        """Leave to the boundary what it means that nobody reads any more; rich ends the program."""
        raise BrokenPipeError


def _terminal(width: int, *, stderr: bool = False) -> Terminal:
    # With its height rich believes the width too: one that TERM calls dumb counts as 80 columns.
    return _Terminal(
        stderr=stderr, markup=False, highlight=False, emoji=False, width=width, height=25
    )


def laid_out(
    rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], width: int = 0
) -> Table:
    """Return *rows* as a table for a terminal *width* columns wide, by default the one there is.

    Long cells are folded between words, and names stay whole. Where there is no room even so, each
    row becomes lines of its own: nothing is ever cut off.
    """
    cells = [[_cell(row.get(key)) for row in rows] for key in columns]
    texts = [[heading, *column] for heading, column in zip(columns.values(), cells, strict=True)]
    widths = _widths(list(columns), texts, width or room(sys.stdout))
    if widths is None:
        return _one_by_one(texts)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for (key, heading), wide in zip(columns.items(), widths, strict=True):
        numeric = all(isinstance(row.get(key), int | float | None) for row in rows)
        table.add_column(
            heading, justify="right" if numeric else "left", overflow="fold", width=wide
        )
    for row in zip(*cells, strict=True):
        table.add_row(*map(Text, row))
    return table


def _widths(keys: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return how wide each column is to be for all to fit in *width*, None if they cannot.

    The widest gives first. None becomes narrower than its longest word, but for words that are
    long and no names, such as paths.
    """
    widths = [max(map(cell_len, column)) for column in texts]
    least = [
        max(_longest_word(text, _WHOLE if key in _NAMES else _FOLDED) for text in column)
        for key, column in zip(keys, texts, strict=True)
    ]
    width -= _GAP * (len(keys) - 1)
    while sum(widths) > width:
        can_give = [at for at, wide in enumerate(widths) if wide > least[at]]
        if not can_give:
            return None
        widths[max(can_give, key=widths.__getitem__)] -= 1
    return widths


def _longest_word(text: str, most: int) -> int:
    return min(most, max(map(cell_len, _WORDS.split(text))))


def _one_by_one(texts: Sequence[Sequence[str]]) -> Table:
    """Return rows, of which *texts* are the columns with their headings, one below the other."""
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    headings, *rows = zip(*texts, strict=True)
    for row in rows:
        for heading, text in zip(headings, row, strict=True):
            if text:
                table.add_row(Text(heading, "bold"), Text(text))
        table.add_row()
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else clean_line(str(value))


def paragraph(text: str) -> None:
    """Print *text* with lines broken between words; a Korean letter takes two columns."""
    width = room(sys.stdout)
    terminal = _terminal(width)
    for line in text.split("\n"):
        for part in Text(_held_together(line, width)).wrap(terminal, width) or [Text()]:
            part.rstrip()
            terminal.print(_let_go(part), soft_wrap=True)


def message(text: str) -> str:
    """Return *text* for stderr with lines broken between words, each as far in as it began."""
    terminal = _terminal(room(sys.stderr), stderr=True)
    with terminal.capture() as capture:
        for line in text.split("\n"):
            inside = line.lstrip(" ")
            before = " " * (len(line) - len(inside))
            width = terminal.width - len(before)
            whole = Text.from_ansi(_held_together(inside, width))
            for part in whole.wrap(terminal, width) or [Text()]:
                part.rstrip()
                terminal.print(before, _let_go(part), sep="", soft_wrap=True)
    return capture.get().removesuffix("\n")


def _held_together(line: str, width: int) -> str:
    """Return *line* with commands that fit *width* as single words: they are copied from one."""

    def held(found: "re.Match[str]") -> str:
        return found[0].replace(" ", _NO_BREAK) if cell_len(found[0]) <= width else found[0]

    return _COMMAND.sub(held, line)


def _let_go(part: Text) -> Text:
    part.plain = part.plain.replace(_NO_BREAK, " ")
    return part


def moment(seconds: float) -> str:
    """Return a time in seconds since 1970 as local day and time, with the year when it is old."""
    then = datetime.fromtimestamp(seconds).astimezone()
    old = abs(datetime.now().astimezone() - then) > timedelta(days=300)
    return then.strftime("%Y-%m-%d %H:%M" if old else "%m-%d %H:%M")
