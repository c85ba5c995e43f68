"""Text from the far side, made safe to show in a terminal."""

import re

# C0 and C1 controls but tab and newline, the marks that reorder or hide text (bidi, joiners), and
# the bytes of a name that is no UTF-8, which no output takes.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Replace every control character of *text* by its visible escape."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def clean_line(text: str) -> str:
    """Clean *text* and put it on one line."""
    return clean(text).replace("\n", "\\n").replace("\t", " ")


def clean_json(line: str) -> str:
    """Replace what `clean` replaces in a *line* of JSON by JSON's own escapes; it says the same."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def indented(text: str) -> str:
    """Put the lines after the first of *text* one step in: none can pass for another message."""
    head = text.lstrip("\n")
    return "\n" * (len(text) - len(head)) + head.replace("\n", "\n  ")
