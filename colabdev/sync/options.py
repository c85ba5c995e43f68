"""What can be asked of a sync."""

import enum
from dataclasses import dataclass

LIMIT = 50_000_000


class Mode(enum.StrEnum):
    """Which way changes travel; the values are what is typed."""

    TWO_WAY = "two-way-safe"
    PUSH = "push"
    PULL = "pull"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Options:
    """How to sync.

    Files above *limit* bytes stay where they are, but for those that the project's own *large*
    rules name; with *large*, none do. *named* are patterns as in .gitignore: nothing else is
    touched, and these travel whatever their size. With *force* what is named is put over what
    stands on the other side (push, pull). *dry_run* changes nothing.

    A mirror that deletes or replaces something, and a sync that would take away more than half of a
    tree, need *sure*.
    """

    mode: Mode = Mode.TWO_WAY
    limit: int = LIMIT
    large: bool = False
    named: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False
    sure: bool = False
