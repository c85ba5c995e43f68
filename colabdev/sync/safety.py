"""What must hold of a project before anything of it is synced."""

from pathlib import Path

from colabdev import paths
from colabdev.errors import InputError, SyncHalted
from colabdev.language import mark, tr
from colabdev.sync.options import Mode, Options
from colabdev.sync.reconcile import Change, Plan
from colabdev.sync.snapshot import Snapshot, shown

_FEW = 10  # so many may go without a question, however small the tree


def checked_project(project: Path) -> Path:
    """Return *project* as an absolute path without links.

    Raises:
        InputError: it is no folder, or one that holds far more than a project.
    """
    root = project.expanduser().absolute()
    name = shown(str(root))
    if not root.exists():
        raise InputError(
            tr("There is no folder {name}.", name=name), tr("Name the folder of your project.")
        )
    if not root.is_dir():
        raise InputError(
            tr("{name} is a file, not a folder.", name=name), tr("Name the folder it is in.")
        )
    root = root.resolve()
    if root == root.parent or Path.home().resolve().is_relative_to(root):
        raise InputError(
            tr("{name} is no project: it holds your whole home folder.", name=name),
            tr("Make a folder for the project and work there."),
        )
    if paths.home().resolve().is_relative_to(root):
        raise InputError(
            tr("{name} holds colabdev's own state with your private key.", name=name),
            tr("Set COLABDEV_HOME to a folder outside the project."),
        )
    return root


def check_not_emptied(
    project: Path, local: Snapshot, remote: Snapshot, archived: int, mode: Mode
) -> None:
    """Halt when one of two trees that agreed on *archived* entries has none left.

    Raises:
        SyncHalted: most often a disk is not mounted, or a wrong folder was named.
    """
    name = shown(str(project))
    if archived and not local.entries and mode is not Mode.PULL:
        raise SyncHalted(
            tr(
                "Nothing is left to sync in {name}, which had {archived} entries.",
                name=name,
                archived=archived,
            ),
            tr(
                "Is a disk not mounted, or a rule too wide? To fetch it all again: colabdev sync "
                "--mode pull. If all is meant to be gone, remove the .colabdev folder too."
            ),
        )
    if archived and not remote.entries and mode in (Mode.TWO_WAY, Mode.PULL):
        raise SyncHalted(
            tr(
                "Nothing is left on the runtime of {name}, which had {archived} entries there.",
                name=name,
                archived=archived,
            ),
            tr("Send everything again: colabdev sync --mode push"),
        )


def check_deletions(plan: Plan, local: Snapshot, remote: Snapshot, options: Options) -> None:
    """Halt when *plan* takes away more than half of a tree, or mirrors, and nobody wants it.

    Raises:
        SyncHalted: nothing has been changed.
    """
    if options.sure or options.dry_run:
        return
    lost = [change for change in plan.send if change.expected]
    if options.mode is Mode.MIRROR and lost:
        gone = sum(map(_goes, lost))
        text = tr(
            "The mirror deletes {gone} and replaces {replaced} entries on the runtime, "
            "whoever changed them last.",
            gone=gone,
            replaced=len(lost) - gone,
        )
        raise _halted(text, "colabdev sync --mode mirror --yes")
    sides = (
        (plan.fetch, local, mark("This would delete {count} of {all} entries here.")),
        (plan.send, remote, mark("This would delete {count} of {all} entries on the runtime.")),
    )
    for changes, tree, text in sides:
        count = sum(map(_goes, changes))
        if count > _FEW and 2 * count > len(tree.entries):
            raise _halted(tr(text, count=count, all=len(tree.entries)), "colabdev sync --yes")


def _halted(text: str, command: str) -> SyncHalted:
    return SyncHalted(
        text,
        tr("If that is meant: {command} (to see what it is about: --dry-run).", command=command),
    )


def _goes(change: Change) -> bool:
    return change.entry is None
