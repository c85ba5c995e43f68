"""What a project's folder is called on a runtime."""

import unicodedata
from pathlib import Path

from colabdev.errors import ConfigError
from colabdev.language import tr
from colabdev.sync.settings import project_settings
from colabdev.sync.snapshot import shown

_MAX_NAME = 200  # bytes; file systems take 255


def remote_name(project: Path) -> str:
    """Return the name of the project's folder on a runtime: ``[tool.colabdev] name``, or its own.

    Raises:
        ConfigError: pyproject.toml cannot be read, or names something that is no folder's name.
    """
    root = project.expanduser().resolve()
    given = project_settings(root).name
    if given is None:
        name = unicodedata.normalize("NFC", root.name)
        name = "".join(letter if _is_safe(letter) else "_" for letter in name)
        while len(name.encode()) > _MAX_NAME:
            name = name[:-1]
        return name.lstrip("-. ").rstrip() or "project"
    name = unicodedata.normalize("NFC", given)
    fits = name.strip() == name and name[:1] not in ("", "-", ".")
    if not fits or not all(map(_is_safe, name)) or len(name.encode()) > _MAX_NAME:
        raise ConfigError(
            tr(
                "The name {given!r} in [tool.colabdev] of pyproject.toml names no folder.",
                given=shown(given),
            ),
            tr("Use letters, digits, blanks, '-', '_' and '.', and start with a letter or digit."),
        )
    return name


def _is_safe(letter: str) -> bool:
    return letter.isprintable() and letter not in "/\\"
