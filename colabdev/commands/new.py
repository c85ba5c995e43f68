"""``new``: a PyTorch project from the template, under a name of its own."""

import keyword
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from colabdev import texts
from colabdev.errors import ColabdevError, InputError, system_says
from colabdev.language import tr

_PLACEHOLDER = "project_name"  # what the template itself is called: it is a working project
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST = 30  # lines of code that hold the name still fit into 100 characters
# A package of such a name would stand in the way of the real one, or of the project's own folders.
_TAKEN = {name.lower() for name in sys.stdlib_module_names} | {
    "colabdev",
    "colabdev_report",
    "configs",
    "data",
    "google",
    "mypy",
    "numpy",
    "pip",
    _PLACEHOLDER,
    "pytest",
    "ruff",
    "runs",
    "tensorboard",
    "tests",
    "torch",
}
# What using the template in a checkout leaves in it.
_LEFTOVERS = frozenset(
    ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".colabdev", "runs", "data")
)


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project that was made: its folder, its package, and its files by POSIX path."""

    folder: Path
    package: str
    files: tuple[str, ...]


def new_project(folder: Path, name: str | None = None) -> NewProject:
    """Make a project in *folder*, which is missing or empty; its package is *name*.

    Without *name* the package is called like the folder. Either all of it is there afterwards, or
    nothing.

    Raises:
        InputError: *name* cannot be a package's, or *folder* is not free.
        ColabdevError: the disk refuses.
    """
    folder = Path(os.path.normpath(folder.expanduser().absolute()))
    package = _checked_name(folder.name if name is None else name, given=name is not None)
    _check_free(folder)
    try:
        files = _fill(folder, package)
    except OSError as error:
        raise ColabdevError(
            tr(
                "The project cannot be written to {folder}: {strerror}; nothing was made.",
                folder=folder,
                strerror=system_says(error),
            ),
            tr("Name a folder that you may write to, on a disk with free space."),
        ) from error
    return NewProject(folder, package, files)


def _checked_name(name: str, *, given: bool) -> str:
    reason = _refusal(name)
    if not reason:
        return name
    proposal = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LONGEST].strip("_")
    if _refusal(proposal):
        proposal = "demo"
    what = "name" if given else "folder's name"
    raise InputError(
        tr(
            "The {what} {name!r} cannot be that of a Python package: {reason}.",
            what=what,
            name=name,
            reason=reason,
        ),
        tr("Name the package: --name {proposal}", proposal=proposal),
    )


def _refusal(name: str) -> str:
    """Return why *name* cannot name a package, or nothing."""
    if not _NAME.fullmatch(name):
        return tr("it takes a-z, 0-9 and _, and begins with a letter")
    if name.endswith("_"):
        return tr("it ends with _")
    if len(name) > _LONGEST:
        return tr("it has more than {most} letters", most=_LONGEST)
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return tr("it is a word of the language")
    return tr("something else is called so already") if name in _TAKEN else ""


def _check_free(folder: Path) -> None:
    if not folder.parent.is_dir():
        raise InputError(
            tr("There is no folder {parent} to make the project in.", parent=folder.parent),
            tr("Make that folder first."),
        )
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise InputError(
            tr("{folder} is a file.", folder=folder), tr("Name a folder that is not there yet.")
        )
    try:
        empty = next(folder.iterdir(), None) is None
    except OSError as error:
        raise InputError(
            tr("{folder} cannot be read: {strerror}.", folder=folder, strerror=system_says(error)),
            tr("Name another."),
        ) from error
    if not empty:
        raise InputError(
            tr("The folder {folder} is not empty.", folder=folder),
            tr("Name a new folder; to use colabdev with the project that is in it: colabdev init"),
        )


def _fill(folder: Path, package: str) -> tuple[str, ...]:
    """Write the project beside its place first, then move it there, whole."""
    exists = folder.exists()
    # Inside of a folder that exists: it may be the current one, and is not replaced.
    staging = Path(
        tempfile.mkdtemp(prefix=".colabdev-new-", dir=folder if exists else folder.parent)
    )
    moved: list[Path] = []
    try:
        files = _write(staging / "project", package)
        if not exists:
            (staging / "project").rename(folder)
        else:
            for entry in sorted((staging / "project").iterdir()):
                moved.append(entry.rename(folder / entry.name))
    except BaseException:
        for entry in moved:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return files


def _write(target: Path, package: str) -> tuple[str, ...]:
    source = texts.templates_dir() / "project"
    files = []
    for path in _template_files(source):
        name = path.relative_to(source).as_posix().replace(_PLACEHOLDER, package)
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes().decode().replace(_PLACEHOLDER, package)
        file.write_bytes(text.encode())
        files.append(name)
    return tuple(files)


def _template_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in _LEFTOVERS:
            yield from _template_files(path)
        elif path.is_file():
            yield path
