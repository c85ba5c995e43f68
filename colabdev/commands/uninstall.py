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
from colabdev.exercises.warm import stop_all
from colabdev.language import tr
from colabdev.payload.jobfolder import supervised
from colabdev.remote import sshconfig
from colabdev.remote.link.client import tell
from colabdev.remote.link.place import place
from colabdev.remote.runtime import Registry, here

# What colabdev writes below its home; a user's own file that lies there stays.
_FOLDERS = ("ssh", "log", "completion", "claims", "kept", "programs", "links", "link")


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
    gone = [*_own_files(), *local.glob(".*.lock"), *_jobs_here(reporter), *_listeners()]
    for one in gone:
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)
    for folder in (local, local.parent, paths.home(), _far_side()):
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
    ours = [home / name for name in (*_FOLDERS, "colab.lock") if (home / name).exists()]
    for file in files:  # with its lock, and a database with its journal
        ours += [one for one in sorted(file.parent.glob(f"{file.name}*")) if one.parent == home]
    return ours


def _jobs_here(reporter: Reporter) -> list[Path]:
    """Return what jobs of this very machine (``--on here``) left, once none of them runs.

    Where a cell made it a runtime, it is the cell's own stop that ends that.
    """
    far = _far_side()
    if (far / "runtime.json").exists():
        return []
    jobs = sorted((far / "jobs").iterdir()) if (far / "jobs").is_dir() else []
    left = [far / "jobs", far / "payload", far / "verdicts", Path(here().root).parent]
    if any(supervised(str(job)) for job in jobs):
        reporter.warn(
            tr("A job runs on this machine, so its files stay in {folder}.", folder=far),
            tr("End it, and run this again: colabdev cancel --on here last"),
        )
        return []
    return [folder for folder in left if folder.exists()]


def _listeners() -> list[Path]:
    """Return where our background processes listened, which have ended."""
    links = place("any").folder  # beside our own folder where that has too long a name
    return [folder for folder in (stop_all(), links) if folder.is_dir() and _is_beside(folder)]


def _is_beside(folder: Path) -> bool:
    return not folder.is_relative_to(paths.home().absolute())


def _far_side() -> Path:
    """Return what is ours on a machine that is a runtime, as this one is with ``--on here``."""
    return Path.home() / ".colabdev"
