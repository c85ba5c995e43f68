"""Progress as programs hear of it."""

import json
import re
from pathlib import Path
from typing import Any  # the fields of a line

import jsonschema

from colabdev.cli.steps import ToldStep


def told(*moments: tuple[float, int, int | None]) -> list[dict[str, Any]]:
    """Return what is told of a step that advances at *moments*: seconds, bytes done, in all."""
    lines: list[dict[str, Any]] = []
    times = iter([0.0, *(when for when, _, _ in moments)])
    step = ToldStep("Syncing", lambda **fields: lines.append(fields), lambda: next(times))
    for _, done, total in moments:
        step.advance(done, total)
    return lines


def test_what_is_done_soon_is_not_told() -> None:
    """A step of less than a second gives no line, however often it advances."""
    assert told(*((n / 100, n, 100) for n in range(99))) == []


def test_a_long_step_is_told_once_a_second() -> None:
    """Each line has the bytes, the rate since the first of them and the seconds left."""
    lines = told((0.0, 0, 1000), (0.5, 50, 1000), *((n / 4, 25 * n, 1000) for n in range(4, 41)))
    assert [line["done"] for line in lines] == [100 * n for n in range(1, 11)]
    assert lines[0] == {"step": "Syncing", "done": 100, "total": 1000, "rate": 100, "left": 9.0}
    assert lines[-1]["left"] == 0.0


def test_what_cannot_be_known_is_null() -> None:
    """Without a total there is no line, without a rate no time that is left."""
    assert told((0.0, 0, None), (5.0, 9, None)) == []
    assert told((0.0, 0, 9), (2.0, 0, 9)) == [
        {"step": "Syncing", "done": 0, "total": 9, "rate": 0, "left": None}
    ]


def test_a_line_of_progress_holds_to_the_page() -> None:
    """What is told is what docs/json.md says."""
    page = Path(__file__).parents[2] / "docs" / "json.md"
    found = re.search(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    for line in told((0.0, 0, 9), (2.0, 0, 9), (4.0, 5, 9)):
        jsonschema.validate({"v": 1, "type": "progress", **line}, json.loads(found[1]))
