"""Amounts as people write them: times such as 30m, and sizes such as 200MB."""

import re

from colabdev.language import tr

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4}


def seconds(text: str) -> float:
    """Return how many seconds *text* names.

    Raises:
        ValueError: it is no such thing; the message holds examples.
    """
    return _amount(text, _SECONDS, tr("90s, 30m or 2h"))


def size(text: str) -> float:
    """Return how many bytes *text* names.

    Raises:
        ValueError: it is no such thing; the message holds examples.
    """
    return _amount(text, _BYTES, tr("500kB, 200MB or 2GB"))


def _amount(text: str, units: dict[str, int], example: str) -> float:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?([a-z]*)", text.strip().lower())
    unit = found and units.get(found[2])
    if not found or not unit:
        raise ValueError(example)
    return float(found[1]) * unit
