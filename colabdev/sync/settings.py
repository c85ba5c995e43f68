"""What a project says about itself in ``[tool.colabdev]`` of its pyproject.toml."""

from pathlib import Path
from typing import NamedTuple

from colabdev.errors import ConfigError, why_unreadable
from colabdev.language import tr
from colabdev.sync.snapshot import shown


class Settings(NamedTuple):
    """The *name* of its folder on a runtime, and which *large* files travel (as in .gitignore)."""

    name: str | None = None
    large: tuple[str, ...] = ()


def project_settings(root: Path) -> Settings:
    """Return the settings of the project at *root*; without a pyproject.toml there are none.

    Raises:
        ConfigError: the file cannot be read, or a value in it is of the wrong kind.
    """
    file = root / "pyproject.toml"
    try:
        text = file.read_bytes()
        import tomllib  # only where there is something to read

        table = tomllib.loads(text.decode()).get("tool", {}).get("colabdev", {})
        name, large = table.get("name"), table.get("large", [])
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(
            tr(
                "{file} cannot be read: {reason}.",
                file=shown(str(file)),
                reason=why_unreadable(error),
            ),
            tr("Mend it."),
        ) from error
    if name is not None and not isinstance(name, str):
        raise ConfigError(
            tr("The name in [tool.colabdev] of {file} is no text.", file=shown(str(file))),
            tr("Mend it."),
        )
    if not isinstance(large, list) or not all(isinstance(one, str) for one in large):
        raise ConfigError(
            tr(
                "The value of large in [tool.colabdev] of {file} is no list of patterns.",
                file=shown(str(file)),
            ),
            tr('Write it like this: large = ["*.pt", "data/"]'),
        )
    return Settings(name, tuple(large))
