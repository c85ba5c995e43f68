"""``config``: the settings as they stand, from here."""

from pathlib import Path

from colabdev.commands.target import project_root, project_table
from colabdev.settings import KEYS, Setting, setting


def show_settings() -> list[Setting]:
    """Return every setting; those of a project as the project around the current folder says.

    Raises:
        ConfigError: config.toml or the project's pyproject.toml says what cannot be.
    """
    table = project_table(project_root(Path.cwd().resolve()))
    return [setting(name, project=table) for name in KEYS]
