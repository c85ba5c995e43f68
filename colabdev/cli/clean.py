"""Text from the far side, made safe to show in a terminal."""

import re

# C0 and C1 controls but tab and newline, and the marks that reorder or hide text (bidi, joiners).
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def clean(text: str) -> str:
    """Replace every control character of *text* by its visible escape."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def clean_line(text: str) -> str:
    """Clean *text* and put it on one line."""
    return clean(text).replace("\n", "\\n").replace("\t", " ")
