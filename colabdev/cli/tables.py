"""Tables for people."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from colabdev.cli.clean import clean_line


def render(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> None:
    """Print *rows* to stdout with one column for each of *columns* (key to heading)."""
    terminal = Terminal(markup=False, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for key, heading in columns.items():
        numeric = all(isinstance(row.get(key), int | float | None) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(key))) for key in columns))
    # Off a terminal nothing is cut at an assumed width of 80.
    terminal.print(table, soft_wrap=not terminal.is_terminal, crop=terminal.is_terminal)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else clean_line(str(value))
