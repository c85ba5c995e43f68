"""A course: an ordered list of exercises in a TOML file, and the texts and programs beside it."""

import difflib
import enum
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args  # a TOML document is a mapping of anything

from colabdev.errors import CourseError, InputError, system_says
from colabdev.language import tr

FORMAT = 1
Gpu = Literal["none", "optional", "measures"]
Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

# A slug names files, progress and results of learners for years, on every file system.
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FEWEST_HINTS = 3


class Outcome(enum.StrEnum):
    """How an exercise ended; ERROR means that the learner's code did not come to its end."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages of the course."""

    en: str
    ko: str

    def in_language(self, language: Language) -> str:
        return self.ko if language == "ko" else self.en


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise; its files lie in mirrored trees below *root*.

    *covers* names what of the course's source it is about, *hints* go from a direction to nearly
    the answer, *docs* are pages to read, *gpu* says what a GPU adds, *seconds* is the time the
    check takes on a CPU.
    """

    slug: str
    title: Text
    topic: str
    covers: tuple[str, ...]
    hints: tuple[Text, ...]
    docs: tuple[str, ...]
    gpu: Gpu
    seconds: float
    root: Path

    @property
    def starter(self) -> Path:
        """What the learner begins with."""
        return self.root / "exercises" / f"{self.slug}.py"

    @property
    def check(self) -> Path:
        return self.root / "checks" / f"{self.slug}.py"

    @property
    def solution(self) -> Path:
        """One way to solve it."""
        return self.root / "solutions" / f"{self.slug}.py"

    def brief_file(self, language: Language) -> Path:
        """What is asked for."""
        return self.root / "briefs" / f"{self.slug}.{language}.md"

    def explanation_file(self, language: Language) -> Path:
        """Why the solution is right, for afterwards."""
        return self.root / "explanations" / f"{self.slug}.{language}.md"

    def files(self) -> tuple[Path, ...]:
        """Return every file the exercise needs."""
        texts = [
            file(language)
            for file in (self.brief_file, self.explanation_file)
            for language in LANGUAGES
        ]
        return (self.starter, self.check, self.solution, *texts)


@dataclass(frozen=True, slots=True)
class Course:
    """The exercises in the order in which they are meant to be done."""

    title: Text
    exercises: tuple[Exercise, ...]
    root: Path

    @classmethod
    def load(cls, root: Path | None = None) -> Self:
        """Read ``course.toml`` of the folder *root*, by default of the course we ship.

        Raises:
            CourseError: it is missing, damaged, or of another format; names the file and the key.
        """
        root = root or cls.shipped_root()
        file = root / "course.toml"
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise CourseError(
                tr("{file} cannot be read: {strerror}.", file=file, strerror=system_says(error)),
                tr("Name the folder of a course: --course DIR"),
            ) from error
        except ValueError as error:
            raise CourseError(tr("{file} is no TOML: {error}.", file=file, error=error)) from error
        return cls._parse(_Table(document, "", file), root)

    @staticmethod
    def shipped_root() -> Path:
        """Return the folder of the course that ships with colabdev."""
        return Path(__file__).parent / "data"

    @classmethod
    def _parse(cls, table: "_Table", root: Path) -> Self:
        if (version := table.take("format", int)) != FORMAT:
            raise table.error(
                "format",
                tr("is {found}, and this colabdev reads {known}", found=version, known=FORMAT),
            )
        course = cls(
            title=_text(table.table("title")),
            exercises=tuple(_exercise(each, root) for each in table.tables("exercises")),
            root=root,
        )
        table.finish()
        slugs = [exercise.slug for exercise in course.exercises]
        for slug in slugs:
            if slugs.count(slug) > 1:
                raise table.error("exercises", tr("has '{slug}' twice", slug=slug))
        return course

    def exercise(self, slug: str) -> Exercise:
        """Return the exercise *slug*.

        Raises:
            InputError: there is none; the nearest name is suggested.
        """
        known = {exercise.slug: exercise for exercise in self.exercises}
        if slug in known:
            return known[slug]
        near = difflib.get_close_matches(slug, known, n=1)
        hint = tr("Did you mean {name}?", name=f"'{near[0]}'") + " " if near else ""
        raise InputError(
            tr("There is no exercise '{slug}'.", slug=slug),
            tr("{hint}'colabdev exercises list' shows them all.", hint=hint),
        )


def _exercise(table: "_Table", root: Path) -> Exercise:
    slug = table.take("slug", str)
    if not _SLUG.fullmatch(slug):
        raise table.error("slug", tr("is {slug!r}: use lower-case words joined by '-'", slug=slug))
    table = table.renamed(f"exercises.{slug}")
    hints = tuple(_text(hint) for hint in table.tables("hints"))
    if len(hints) < _FEWEST_HINTS:
        raise table.error(
            "hints",
            tr("has {count} of at least {least} hints", count=len(hints), least=_FEWEST_HINTS),
        )
    gpu = table.take("gpu", str)
    if gpu not in get_args(Gpu):
        raise table.error(
            "gpu", tr("is {gpu!r}, and may be {names}", gpu=gpu, names=", ".join(get_args(Gpu)))
        )
    exercise = Exercise(
        slug=slug,
        title=_text(table.table("title")),
        topic=table.text("topic"),
        covers=table.texts("covers"),
        hints=hints,
        docs=table.texts("docs"),
        gpu=gpu,
        seconds=float(table.take("seconds", int, float)),
        root=root,
    )
    table.finish()
    return exercise


def _text(table: "_Table") -> Text:
    text = Text(en=table.text("en"), ko=table.text("ko"))
    table.finish()
    return text


class _Table:
    """A TOML table that is read key by key, so that what is left over is unknown."""

    def __init__(self, values: Mapping[str, Any], name: str, file: Path) -> None:
        self._values = dict(values)
        self._name = name
        self._file = file

    def renamed(self, name: str) -> "_Table":
        return _Table(self._values, name, self._file)

    def error(self, key: str, problem: str) -> CourseError:
        where = f"{self._name}.{key}" if self._name else key
        return CourseError(
            tr("{file}: '{where}' {problem}.", file=self._file, where=where, problem=problem),
            tr("Mend the course's file."),
        )

    def take(self, key: str, *kinds: type) -> Any:
        """Take the value of *key* out; it must be there and be of one of *kinds*."""
        try:
            value = self._values.pop(key)
        except KeyError:
            raise self.error(key, tr("is missing")) from None
        if type(value) not in kinds:
            raise self.error(key, tr("is no {kind}", kind=kinds[-1].__name__))
        return value

    def text(self, key: str) -> str:
        value: str = self.take(key, str)
        if not value.strip():
            raise self.error(key, tr("is empty"))
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list)
        if not values or not all(isinstance(value, str) and value.strip() for value in values):
            raise self.error(key, tr("is no list of texts"))
        return tuple(values)

    def table(self, key: str) -> "_Table":
        return _Table(self.take(key, dict), self._inner(key), self._file)

    def tables(self, key: str) -> list["_Table"]:
        values = self.take(key, list)
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.error(key, tr("is no list of tables"))
        return [
            _Table(value, f"{self._inner(key)}[{at}]", self._file)
            for at, value in enumerate(values)
        ]

    def finish(self) -> None:
        """Refuse the keys that nobody took."""
        for key in self._values:
            raise self.error(key, tr("is unknown"))

    def _inner(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key
