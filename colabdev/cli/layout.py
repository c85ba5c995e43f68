"""Help laid out for letters that take two columns, as Korean ones do."""

import os
import unicodedata
from collections.abc import Iterable
from typing import TextIO

import click

_USUAL = 80  # columns


class WideFormatter(click.HelpFormatter):
    """click's formatter, which counts a letter as one column, taught to count two."""

    def write_text(self, text: str) -> None:
        """Write the paragraphs of *text*; one that begins with ``\\b`` keeps its lines."""
        indent = " " * self.current_indent
        paragraphs = []
        for paragraph in text.split("\n\n"):
            if paragraph.lstrip(" ").startswith("\b"):
                lines = paragraph.split("\n")[1:]
            else:
                lines = broken(paragraph, self.width - self.current_indent)
            paragraphs.append("\n".join(indent + line for line in lines))
        self.write("\n\n".join(paragraphs) + "\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write *rows* of a name and what is said of it as two columns."""
        rows = list(rows)
        widest = max((columns(name) for name, _ in rows), default=0)
        first = min(widest, col_max) + col_spacing
        indent = " " * self.current_indent
        room = max(self.width - first - self.current_indent, 10)
        for name, text in rows:
            lines = broken(text, room)
            if columns(name) > first - col_spacing:
                self.write(f"{indent}{name}\n")
            else:
                head = lines.pop(0) if lines else ""
                gap = " " * (first - columns(name))
                self.write(f"{indent}{name}{gap}{head}".rstrip() + "\n")
            for line in lines:
                self.write(f"{indent}{' ' * first}{line}\n")


def room(stream: TextIO) -> int:
    """Return how many columns the terminal behind *stream* has, whatever kind TERM says it is."""
    set_ = os.environ.get("COLUMNS", "")
    if set_.isdigit() and int(set_):
        return int(set_)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (OSError, ValueError):  # it is none; it has no file
        return _USUAL


def columns(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide


def broken(text: str, width: int) -> list[str]:
    """Return *text* in lines of at most *width* columns, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if columns(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
