"""Which paths of a project are never synced: git's ignore rules, compiled for both sides.

The rules run on the far side too, where only the standard library is at hand, so that a folder
they leave out is not even listed there. Each pattern therefore becomes a regular expression over
bytes that matches one name or path and nothing below it: a scan goes from the top down and does
not enter what is ignored, which is how git itself comes to its answer.
"""

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple  # Any: a run travels as JSON

from colabdev.errors import SyncHalted, system_says
from colabdev.language import tr
from colabdev.payload.replica import Rules
from colabdev.sync.snapshot import shown

# What projects hold and no other machine can use; a .gitignore or .colabdevignore may take it back.
DEFAULTS = (
    ".venv/",
    "venv/",
    ".tox/",
    ".nox/",
    "node_modules/",
    "__pycache__/",
    "*.egg-info/",
    ".ipynb_checkpoints/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".hypothesis/",
    ".DS_Store",
    "Thumbs.db",
)
IGNORE_FILES = (".gitignore", ".colabdevignore")  # the latter decides first
_SPECIAL = re.compile(rb"[*?\[\\]")
_CLASSES = {
    b"alnum": b"0-9A-Za-z",
    b"alpha": b"A-Za-z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": b"0-9",
    b"graph": b"!-~",
    b"lower": b"a-z",
    b"print": b" -~",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb" \t\n\v\f\r",
    b"upper": b"A-Z",
    b"xdigit": b"0-9A-Fa-f",
}


class Pattern(NamedTuple):
    """One line: whether it ignores or takes back, what it is held against, and its expression."""

    ignores: bool
    by_name: bool
    regex: bytes


class ProjectRules(Rules):
    """The rules of the project at *root*, read folder by folder as a scan comes to them.

    Paths that match *named* (patterns as in .gitignore) were asked for by the user: what the
    project's own files say at its top does not leave them out.
    """

    def __init__(self, root: Path, named: Sequence[str] = ()) -> None:
        super().__init__()
        self._root = root
        self._named = tuple(f"!{folder}" for line in named for folder in _way_to(line))
        self.add("", "", runs("\n".join(DEFAULTS).encode()))
        for folder in _folders_above(root):
            prefix = root.relative_to(folder).as_posix() + "/"
            self._read(folder, "", prefix, (".gitignore",))

    def enter(self, folder: str) -> None:
        self._read(self._root / folder, folder, "", IGNORE_FILES)
        if not folder and self._named:
            self.add("", "", runs("\n".join(self._named).encode("utf-8", "surrogateescape")))

    def _read(self, folder: Path, base: str, prefix: str, names: tuple[str, ...]) -> None:
        for name in names:
            file = folder / name
            # As git does: a link is not followed, for it may lead anywhere.
            if not file.is_file() or file.is_symlink():
                continue
            try:
                found = runs(file.read_bytes())
            except OSError as error:
                raise SyncHalted(
                    tr(
                        "{file} cannot be read ({strerror}); it may keep files from being sent.",
                        file=shown(str(file)),
                        strerror=system_says(error),
                    ),
                    tr("Make it readable, or take it away."),
                ) from error
            if found:
                self.add(base, prefix, found)


def chooser(patterns_: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells whether a path matches one of *patterns_*, or is below one that does."""
    if not patterns_:
        return lambda _path: False
    lines = "\n".join(patterns_).encode("utf-8", "surrogateescape")
    rules = Rules([["", "", runs(lines)]])

    def chosen(path: str) -> bool:
        if rules.ignores(path, False) or rules.ignores(path, True):
            return True
        return "/" in path and chosen(path.rpartition("/")[0])

    return chosen


def _way_to(pattern: str) -> Iterator[str]:
    """Yield the patterns of the folders that lead to *pattern*, and the pattern itself."""
    parts = pattern.strip("/").split("/")
    for count in range(1, len(parts)):
        yield "/" + "/".join(parts[:count]) + "/"
    yield pattern


class Ignored:
    """Tells which files of the project at *root* are never synced, as its rules are now.

    Each folder on the way to a file is looked at once, however many files are asked for.
    """

    def __init__(self, root: Path) -> None:
        self._rules = ProjectRules(root)
        self._rules.enter("")
        self._folders: dict[str, bool] = {}

    def __call__(self, path: str) -> bool:
        return self._is_folder_out(path.rpartition("/")[0]) or self._rules.ignores(path, False)

    def _is_folder_out(self, folder: str) -> bool:
        """Tell whether *folder* is left out: it takes all below it along, as it does for git."""
        parts = folder.split("/") if folder else []
        for count in range(1, len(parts) + 1):
            above = "/".join(parts[:count])
            if above not in self._folders:
                self._folders[above] = self._rules.ignores(above, True)
                if not self._folders[above]:
                    self._rules.enter(above)
            if self._folders[above]:
                return True
        return False


def is_ignored(root: Path, path: str) -> bool:
    """Return whether the file *path* of the project at *root* is never synced."""
    return Ignored(root)(path)


def runs(text: bytes, fold: bool = sys.platform in ("darwin", "win32")) -> list[list[Any]]:
    """Compile the *text* of an ignore file into runs for `Rules.add`.

    Neighbouring patterns of one sign become one expression: the last match decides, and among
    them it does not matter which it is. *fold* makes letters match in either case, as git does
    where the file system does not tell them apart.
    """
    found: list[list[Any]] = []
    for ignores, group in itertools.groupby(patterns(text), key=lambda pattern: pattern.ignores):
        names: list[bytes] = []
        paths: list[bytes] = []
        for pattern in group:
            (names if pattern.by_name else paths).append(pattern.regex)
        found.append([ignores, _union(names, fold), _union(paths, fold)])
    return found


def patterns(text: bytes) -> Iterator[Pattern]:
    """Yield the patterns of an ignore file in their order (see gitignore(5))."""
    for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if not line.startswith(b"#") and (pattern := _pattern(line.removesuffix(b"\r"))):
            yield pattern


def _pattern(line: bytes) -> Pattern | None:
    text = _without_trailing_blanks(line)
    ignores = not text.startswith(b"!")
    text = text.removeprefix(b"!")
    only_folders = text.endswith(b"/")
    text = text.removesuffix(b"/")
    by_name = b"/" not in text
    if by_name:
        regex = _translate(text, whole_path=False)
    else:
        text = text.removeprefix(b"/")
        # Git takes the letters up to the first special one off and matches the rest on its own,
        # so that "**" just behind them counts as if it stood at the start.
        special = _SPECIAL.search(text)
        at = special.start() if special else len(text)
        rest = _translate(text[at:], whole_path=True)
        regex = None if rest is None else re.escape(text[:at]) + rest
    if not regex:
        return None
    return Pattern(ignores, by_name, regex + (rb"\0" if only_folders else rb"\0?"))


def _without_trailing_blanks(line: bytes) -> bytes:
    """Cut blanks at the end, but for those that a backslash keeps."""
    kept = re.match(rb"(?:\\.|[^\\ ]|\\$| +(?=[^ ]))*", line, re.DOTALL)
    assert kept, "the expression matches the empty line"
    return kept[0]


def _translate(glob: bytes, *, whole_path: bool) -> bytes | None:
    """Return the expression of *glob*, or None when git lets it match nothing (see wildmatch.c)."""
    out = b""
    at = 0
    while at < len(glob):
        letter = glob[at : at + 1]
        if letter == b"*":
            end = at
            while glob[end : end + 1] == b"*":
                end += 1
            free = (at == 0 or glob[at - 1 : at] == b"/") and end - at > 1 and whole_path
            if free and glob[end : end + 1] == b"/":
                out += rb"(?:[^\0]*/)?"
                end += 1
            elif free and (end == len(glob) or glob[end : end + 2] == b"\\/"):
                out += rb"[^\0]*"
            else:
                out += rb"[^/\0]*"
            at = end
        elif letter == b"?":
            out += rb"[^/\0]"
            at += 1
        elif letter == b"[":
            bracket = _bracket(glob, at + 1)
            if bracket is None:
                return None
            expression, at = bracket
            out += expression
        elif letter == b"\\":
            if at + 1 == len(glob):
                return None
            out += re.escape(glob[at + 1 : at + 2])
            at += 2
        else:
            out += re.escape(letter)
            at += 1
    return out


def _bracket(glob: bytes, at: int) -> tuple[bytes, int] | None:
    """Translate the bracket expression whose inside starts at *at*; return it and where it ends."""
    negated = glob[at : at + 1] in (b"!", b"^")
    at += negated
    members = b""
    previous: bytes | None = None  # what a range may start from
    first = True
    while first or glob[at : at + 1] != b"]":
        first = False
        letter = glob[at : at + 1]
        if letter == b"-" and previous and glob[at + 1 : at + 2] not in (b"", b"]"):
            escaped = glob[at + 1 : at + 2] == b"\\"
            at += 1 + escaped
            end = glob[at : at + 1]
            if not end:
                return None
            members += _span(previous, end)
            previous = None
        elif letter == b"[" and glob[at + 1 : at + 2] == b":":
            close = glob.find(b"]", at + 2)
            if close < 0:
                return None
            name = glob[at + 2 : close]
            if name.endswith(b":"):
                if name[:-1] not in _CLASSES:
                    return None
                members += _CLASSES[name[:-1]]
                previous = None
                at = close
            else:
                members += rb"\["
                previous = letter
        else:
            if letter == b"\\":
                at += 1
                letter = glob[at : at + 1]
            if not letter:
                return None
            members += _span(letter, letter)
            previous = letter
        at += 1
    if not members:
        return (rb"[^/\0]" if negated else b"(?!)"), at + 1
    return rb"(?![/\0])[" + (b"^" if negated else b"") + members + b"]", at + 1


def _span(start: bytes, end: bytes) -> bytes:
    return b"\\x%02x-\\x%02x" % (start[0], end[0]) if start <= end else b""


def _union(expressions: Iterable[bytes], fold: bool) -> str:
    union = b"|".join(b"(?:%s)" % expression for expression in expressions)
    return (b"(?i:%s)" % union if fold and union else union).decode("latin-1")


def _folders_above(root: Path) -> list[Path]:
    """Return the folders between the top of root's git repository and *root*, from the top down.

    The user's home is no such top: a repository of dotfiles often ignores everything else.
    """
    above: list[Path] = []
    folder = root
    while not (folder / ".git").exists():
        folder = folder.parent
        if folder in (Path.home(), folder.parent):
            return []
        above.insert(0, folder)
    return above
