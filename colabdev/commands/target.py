"""What to run: a script, a notebook, a module or a command of a project."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # a TOML table is a mapping of anything

from colabdev.errors import ConfigError, InputError, why_unreadable
from colabdev.jobs.job import NOTEBOOK
from colabdev.language import tr
from colabdev.sync.ignore import is_ignored

_MARKERS = ("pyproject.toml", ".git", ".colabdev")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Target:
    """What to run: *command*, in the synced folder of the *project*.

    Files that match *results* are brought back in any case.
    """

    project: Path
    command: tuple[str, ...]
    name: str
    results: tuple[str, ...] = ()


def script_target(script: str, arguments: Sequence[str] = (), *, name: str = "") -> Target:
    """Return the target that runs the file *script* with the notebook's interpreter.

    It is a Python file, or a notebook, which comes back with what its cells put out.

    Raises:
        InputError: there is no such file, or it is neither.
    """
    path = Path(script).parent.resolve() / Path(script).name
    if not path.is_file():
        raise InputError(
            tr("There is no file {script!r}.", script=script),
            tr("To run a command instead of a script: colabdev run -- {script}", script=script),
        )
    suffix = path.suffix.lower()
    if suffix not in (".py", ".ipynb"):
        raise InputError(
            tr("{script!r} is neither a Python file nor a notebook.", script=script),
            tr("Run it as a command: colabdev run -- ./{script}", script=script),
        )
    project = project_root(path.parent)
    inside = path.relative_to(project).as_posix()
    if is_ignored(project, inside):
        raise InputError(
            tr(
                "{script!r} is left out of every sync by .gitignore, .colabdevignore or a default.",
                script=script,
            ),
            tr("Take it back with a line that begins with '!' in .colabdevignore, or move it."),
        )
    # A name with a leading dash would be an option to Python.
    word = f"./{inside}" if inside.startswith("-") else inside
    if suffix == ".py":
        return Target(project, ("python", word, *arguments), name or inside)
    if arguments:
        raise InputError(
            tr("A notebook takes no arguments."), tr("Set variables for it with --env.")
        )
    result = inside[: -len(suffix)] + ".executed.ipynb"
    import glob

    return Target(project, (*NOTEBOOK, word), name or inside, (glob.escape(result),))


def command_target(command: Sequence[str], *, name: str = "") -> Target:
    """Return the target that runs *command* for the project of the current folder."""
    return Target(project_root(Path.cwd().resolve()), tuple(command), name or command[0])


def module_target(module: str, arguments: Sequence[str] = (), *, name: str = "") -> Target:
    """Return the target that runs *module* as ``python -m`` does, for the current folder's project.

    Raises:
        InputError: that is no module's name.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        raise InputError(
            tr("{module!r} is no module's name.", module=module),
            tr("Write it with dots: colabdev run -m package.train"),
        )
    project = project_root(Path.cwd().resolve())
    return Target(project, ("python", "-m", module, *arguments), name or module)


def environment(words: Sequence[str]) -> dict[str, str]:
    """Return what the *words* ``NAME=VALUE`` set; a mere ``NAME`` takes this computer's value.

    Raises:
        InputError: one of them names nothing, or a variable that is not set here or is ours.
    """
    found = {}
    for word in words:
        name, given, value = word.partition("=")
        if not _VARIABLE.fullmatch(name):
            raise InputError(
                tr("{name!r} is no name of a variable.", name=name),
                tr("Write --env NAME=VALUE, or --env NAME."),
            )
        if name.startswith("COLABDEV_"):
            raise InputError(
                tr("{name} is one of colabdev's own variables.", name=name),
                tr("Choose another name."),
            )
        if not given and name not in os.environ:
            raise InputError(
                tr("{name} is not set on this computer.", name=name),
                tr("Set it here, or write --env {name}=VALUE.", name=name),
            )
        found[name] = value if given else os.environ[name]
    return found


def wanted_results(project: Path, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return *patterns*, by default those of ``results`` in the project's ``[tool.colabdev]``.

    Raises:
        ConfigError: the project's settings cannot be read.
        InputError: a pattern leads out of the project.
    """
    wanted = tuple(patterns) or project_table(project).get("results", ())
    if not isinstance(wanted, list | tuple) or not all(isinstance(one, str) for one in wanted):
        raise ConfigError(
            tr(
                "'results' in {project} is no list of patterns.", project=project / "pyproject.toml"
            ),
            tr('Write it like this: results = ["checkpoints/*.pt"]'),
        )
    for one in wanted:
        if not one or one.startswith("/") or ".." in one.split("/") or "\\" in one:
            raise InputError(
                tr("The pattern {one!r} names nothing inside of the project.", one=one),
                tr("Write it from the project's folder on, with '/': --pull 'checkpoints/*.pt'"),
            )
    return tuple(wanted)


def project_table(project: Path) -> Mapping[str, Any]:
    """Return ``[tool.colabdev]`` of the project's pyproject.toml, empty when there is none.

    Raises:
        ConfigError: the file cannot be read.
    """
    file = project / "pyproject.toml"
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            tr("{file} cannot be read: {error}.", file=file, error=why_unreadable(error)),
            tr("Mend it and run again."),
        ) from error
    settings = tool.get("colabdev", {}) if isinstance(tool, dict) else {}
    return settings if isinstance(settings, dict) else {}


def project_root(folder: Path) -> Path:
    """Return the nearest folder from *folder* up that is marked as a project, else *folder*.

    The home folder is never one by its marks, nor is what lies above it.
    """
    home = Path.home().resolve()
    for candidate in (folder, *folder.parents):
        if candidate == home or candidate in home.parents:
            break
        if any((candidate / marker).exists() for marker in _MARKERS):
            return candidate
    return folder
