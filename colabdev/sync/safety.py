"""What must hold of a project before anything of it is synced."""

from pathlib import Path

from colabdev import paths
from colabdev.errors import InputError, SyncHalted
from colabdev.sync.snapshot import Snapshot, shown


def checked_project(project: Path) -> Path:
    """Return *project* as an absolute path without links.

    Raises:
        InputError: it is no folder, or one that holds far more than a project.
    """
    root = project.expanduser().absolute()
    name = shown(str(root))
    if not root.exists():
        raise InputError(f"There is no folder {name}.", "Name the folder of your project.")
    if not root.is_dir():
        raise InputError(f"{name} is a file, not a folder.", "Name the folder it is in.")
    root = root.resolve()
    if root == root.parent or Path.home().resolve().is_relative_to(root):
        raise InputError(
            f"{name} is no project: it holds your whole home folder.",
            "Make a folder for the project and work there.",
        )
    if paths.home().resolve().is_relative_to(root):
        raise InputError(
            f"{name} holds colabdev's own state with your private key.",
            "Set COLABDEV_HOME to a folder outside the project.",
        )
    return root


def check_not_emptied(project: Path, local: Snapshot, archived: int) -> None:
    """Halt when a tree that had *archived* entries at the last sync has none left.

    Raises:
        SyncHalted: it has none; most often a disk is not mounted or a wrong folder was named.
    """
    if archived and not local.entries:
        raise SyncHalted(
            f"Nothing is left to sync in {shown(str(project))}, which had {archived} entries.",
            "Is a disk not mounted, or a rule too wide? If all is meant to be gone, remove the "
            ".colabdev folder too.",
        )
