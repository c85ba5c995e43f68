"""``init``: take up a project that is there already, and show what a sync would send of it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from colabdev.errors import ConfigError, system_says, why_unreadable
from colabdev.language import tr
from colabdev.store import write_atomic
from colabdev.sync.ignore import ProjectRules
from colabdev.sync.options import LIMIT
from colabdev.sync.replica import LocalReplica
from colabdev.sync.safety import checked_project
from colabdev.sync.snapshot import Kind, Left, shown

_TABLE = """
[tool.colabdev]
# What a job makes that is worth having here, as patterns from this folder.
results = ["runs/**"]
"""
_IGNORE = """\
# What colabdev does not send to a runtime, beside what .gitignore names; the rules of writing are
# those of .gitignore. This file decides last: a line with '!' in front takes back.
"""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What `init_project` wrote, and what a sync would send: by POSIX path, the largest first.

    *too_large* would be named and not sent; *skipped* is neither file, folder nor link.
    """

    folder: Path
    written: tuple[str, ...]
    files: int
    bytes: int
    sizes: dict[str, int]
    too_large: dict[str, int]
    skipped: tuple[Left, ...]


def init_project(folder: Path) -> Adopted:
    """Write ``[tool.colabdev]`` and ``.colabdevignore`` into *folder* where they are missing.

    Not a byte of what is there is changed.

    Raises:
        InputError: *folder* is no project.
        ConfigError: its pyproject.toml cannot be read or added to; nothing was written.
    """
    root = checked_project(folder)
    table = _missing_table(root / "pyproject.toml")
    written = []
    if table is not None:
        _write(root / "pyproject.toml", table)
        written.append("pyproject.toml")
    if not (root / ".colabdevignore").exists():
        _write(root / ".colabdevignore", _IGNORE.encode())
        written.append(".colabdevignore")
    found = LocalReplica(root).snapshot(ProjectRules(root))
    sizes = {path: e.size for path, e in found.entries.items() if e.kind is Kind.FILE}
    ordered = dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))
    sent = {path: size for path, size in ordered.items() if size <= LIMIT}
    large = {path: size for path, size in ordered.items() if size > LIMIT}
    return Adopted(
        root, tuple(written), len(sent), sum(sent.values()), sent, large, tuple(found.skipped)
    )


def _missing_table(file: Path) -> bytes | None:
    """Return the contents of *file* with our table at its end, or None when it has one."""
    try:
        before = file.read_bytes()
    except FileNotFoundError:
        return _TABLE.lstrip().encode()
    except OSError as error:
        raise ConfigError(
            tr("{file} cannot be read: {strerror}.", file=file, strerror=system_says(error)),
            tr("Mend it."),
        ) from error
    tool = _parsed(file, before).get("tool", {})
    if isinstance(tool, dict) and "colabdev" in tool:
        return None
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    start = b"" if before.endswith(b"\n") or not before else newline
    after = before + start + _TABLE.encode().replace(b"\n", newline)
    try:
        tomllib.loads(after.decode())
    except tomllib.TOMLDecodeError as error:  # `tool` may be written in a way that cannot grow
        raise ConfigError(
            tr("{file} cannot be added to: {error}.", file=shown(str(file)), error=error),
            tr("Write the table by hand: [tool.colabdev]"),
        ) from error
    return after


def _parsed(file: Path, contents: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(contents.decode())
    except ValueError as error:
        raise ConfigError(
            tr(
                "{file} cannot be read: {error}.",
                file=shown(str(file)),
                error=why_unreadable(error),
            ),
            tr("Mend it."),
        ) from error


def _write(file: Path, contents: bytes) -> None:
    file = file.resolve()  # a link stays one
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    write_atomic(file, contents, mode=mode)
