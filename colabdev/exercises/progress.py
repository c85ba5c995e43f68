"""How far a learner is: one small TOML file in their folder, which they may read and move."""

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self  # a TOML document is a mapping of anything

import tomlkit

from colabdev.errors import ConfigError
from colabdev.language import tr
from colabdev.store import locked, write_atomic

FILE = ".colabdev-progress.toml"
VERSION = 1
_HEAD = "Progress in a colabdev course. It may be read, and copied to another machine."


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of one exercise.

    *passed* is when it passed (UTC), empty while it has not; *hints* counts those that were
    shown; *starter* is the digest of the starter that was laid down, which tells an edited file
    from one that only is of an older course.
    """

    passed: str = ""
    hints: int = 0
    starter: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the file says; names it does not know yet are kept in the file and not here.

    *course* is the folder of somebody else's course, *language* the one the learner chose,
    *current* the exercise at hand; each may be empty.
    """

    course: str = ""
    language: str = ""
    current: str = ""
    marks: Mapping[str, Mark] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> Self:
        """Read the file in the folder *root*; without one nothing has been done yet.

        Raises:
            ConfigError: the file is damaged or of another version; it is never taken as empty.
        """
        file = root / FILE
        document = _document(file)
        known = {name: document.get(name, "") for name in ("course", "language", "current")}
        for name, value in known.items():
            if not isinstance(value, str):
                raise _unreadable(file, tr("{name!r} in it is no text", name=name))
        try:
            marks = {slug: _mark(entry) for slug, entry in document.get("exercises", {}).items()}
        except (AttributeError, TypeError) as error:
            raise _unreadable(
                file, tr("an entry in it is damaged ({error})", error=error)
            ) from error
        return cls(**known, marks=marks)

    def mark(self, slug: str) -> Mark:
        """Return what is known of the exercise *slug*."""
        return self.marks.get(slug, Mark())


class Draft:
    """The progress while it is changed."""

    def __init__(self, document: tomlkit.TOMLDocument) -> None:
        self._document = document

    def set(self, name: str, value: str) -> None:
        """Set *course*, *language* or *current*; an empty value takes the name out."""
        _put(self._document, name, value)

    def mark(self, slug: str, **fields: str | int) -> None:
        """Set fields of the exercise's `Mark`; an empty value takes the field out."""
        exercises: Any = self._document.setdefault("exercises", tomlkit.table(is_super_table=True))
        entry = exercises.setdefault(slug, tomlkit.table())
        for name, value in fields.items():
            _put(entry, name, value)


@contextlib.contextmanager
def edit_progress(root: Path) -> Iterator[Draft]:
    """Lend the progress of the folder *root* for a change; written back if the block ends well.

    Comments and unknown names in the file stay.
    """
    file = root / FILE
    with locked(file):
        Progress.read(root)  # which refuses what we could not write back
        if file.exists():
            document = tomlkit.parse(file.read_text(encoding="utf-8"))
        else:
            document = tomlkit.document()
            document.add(tomlkit.comment(_HEAD))
            document["version"] = VERSION
        yield Draft(document)
        write_atomic(file, tomlkit.dumps(document).encode(), mode=0o644)


def _document(file: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(file, str(error)) from error
    if (version := document.get("version")) != VERSION:
        raise _unreadable(
            file,
            tr(
                "it is of version {found!r}, this colabdev reads {known}",
                found=version,
                known=VERSION,
            ),
        )
    return document


def _mark(entry: Any) -> Mark:
    """Read one entry; names of a later colabdev are passed over."""
    mark = Mark(**{name: entry[name] for name in Mark.__slots__ if name in entry})
    kinds = (str, int, str)
    for name, kind in zip(Mark.__slots__, kinds, strict=True):
        if type(getattr(mark, name)) is not kind:
            raise TypeError(tr("{name} is no {kind}", name=name, kind=kind.__name__))
    return mark


def _put(table: Any, name: str, value: str | int) -> None:
    if value:
        table[name] = value
    else:
        table.pop(name, None)


def _unreadable(file: Path, reason: str) -> ConfigError:
    return ConfigError(
        tr("{file} cannot be read: {reason}.", file=file, reason=reason),
        tr("Update colabdev, or move the file aside and run: colabdev exercises start"),
    )
