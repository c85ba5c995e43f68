"""The whole note is in the course: each snippet and each claim of its prose."""

import re
from pathlib import Path

from colabdev.exercises.course import Course

FURTHER_READING = Path(__file__).parents[2] / "docs" / "further-reading.md"


def _numbered(letter: str, last: int) -> set[str]:
    return {f"{letter}{number:02}" for number in range(1, last + 1)}


def test_every_part_of_the_note_is_covered() -> None:
    """Snippets S, prose P, introduction N, templates T, question Q and links L: none is left out.

    The links and the note's table of contents have a page of their own, which needs no exercise.
    """
    wanted = _numbered("S", 50) | _numbered("N", 5) | _numbered("P", 12) | _numbered("T", 4)
    wanted |= {"Q01"} | _numbered("L", 3)
    covered = {one for exercise in Course.load().exercises for one in exercise.covers}
    page = set(re.findall(r"\b[LN]\d\d\b", FURTHER_READING.read_text(encoding="utf-8")))
    assert wanted - covered - page == set()
    assert page == _numbered("L", 3) | {"N05"}


def test_the_course_has_the_notes_order_and_no_gap() -> None:
    """34 exercises, the first with the note's first snippet, the last with all of it."""
    slugs = [exercise.slug for exercise in Course.load().exercises]
    assert len(slugs) == len(set(slugs)) == 34
    assert (slugs[0], slugs[-1]) == ("tensor-creation", "transfer-train-step")
