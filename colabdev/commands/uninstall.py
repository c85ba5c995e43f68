"""``uninstall``: take out of this computer what colabdev put there, and nothing else."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from colabdev import paths
from colabdev.commands import completion
from colabdev.commands.local import take_down
from colabdev.commands.reporter import Reporter
from colabdev.editor.settings import forget_everywhere
from colabdev.errors import ColabdevError, ConfigError
from colabdev.language import tr
from colabdev.remote import sshconfig
from colabdev.remote.link.client import tell
from colabdev.remote.runtime import Registry

# What colabdev writes below its home; a user's own file that lies there stays.
_FOLDERS = ("ssh", "log", "completion", "claims", "links", "link")


@dataclass(frozen=True, slots=True)
class Removed:
    """The files and folders *gone* or *edited*, and those that *stay* because they are not ours."""

    gone: tuple[Path, ...]
    edited: tuple[Path, ...]
    stay: tuple[Path, ...]


def uninstall(reporter: Reporter) -> Removed:
    """End what runs here, take our lines out of the user's files, and remove our own.

    A file that cannot be edited is named with a warning, and the rest is done all the same.

    Raises:
        ColabdevError: a runtime of this machine did not end; its files are needed for that.
    """
    known = _aliases(reporter)
    for alias in known:
        tell(alias, "leave")
    local = paths.local_runtimes_dir()
    for home in sorted(local.iterdir()) if local.is_dir() else ():
        if home.is_dir():
            take_down(home.name, reporter)
    edited = [
        *_edited(reporter, lambda: [paths.user_ssh_config()] * sshconfig.remove_include()),
        *_edited(reporter, completion.remove),
        *_edited(reporter, lambda: forget_everywhere(known)),
    ]
    gone = _own_files()
    for place in gone:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
    for folder in (local, local.parent, paths.home()):
        with contextlib.suppress(OSError):  # something else lies in it
            folder.rmdir()
    stay = sorted(paths.home().iterdir()) if paths.home().is_dir() else []
    return Removed(tuple(gone), tuple(edited), tuple(stay))


def _aliases(reporter: Reporter) -> list[str]:
    try:
        return [runtime.alias for runtime in Registry().all()]
    except ConfigError as error:  # damaged: it goes all the same
        reporter.warn(error.message)
        return []


def _edited(reporter: Reporter, change: Callable[[], list[Path]]) -> list[Path]:
    try:
        return change()
    except ColabdevError as error:
        reporter.warn(error.message, tr("Take out colabdev's line yourself."))
        return []


def _own_files() -> list[Path]:
    home = paths.home()
    files = (
        paths.config_file(),
        paths.runtimes_file(),
        paths.results_file(),
        paths.usage_file(),
        paths.machines_file(),
    )
    ours = [home / name for name in _FOLDERS if (home / name).exists()]
    for file in files:  # with its lock, and a database with its journal
        ours += [one for one in sorted(file.parent.glob(f"{file.name}*")) if one.parent == home]
    return ours
