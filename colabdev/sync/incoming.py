"""What may come from a runtime into the project: this machine's rules decide, not the other's."""

import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from colabdev.language import tr
from colabdev.payload.replica import STATE, Rules, leads_out, why_unsafe
from colabdev.sync.ignore import IGNORE_FILES
from colabdev.sync.reconcile import Change, Plan
from colabdev.sync.snapshot import Entry, Kind, Left, folders_of, is_below

_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *(\..*)?", re.I)
_NOT_ON_WINDOWS = re.compile(r'[\x00-\x1f<>:"|?*\\]|[. ]\Z')


class Disk(NamedTuple):
    """What sets the disk of a project apart: how it takes names."""

    windows: bool = False
    folds_case: bool = False
    composes: bool = False  # one form of a letter stands for all, as on a Mac

    @classmethod
    def of(cls, project: Path) -> "Disk":
        """Ask the disk that *project* is on; colabdev's own folder is there already."""
        try:
            folds = (project / STATE).samefile(project / STATE.upper())
        except OSError:
            folds = False
        return cls(os.name == "nt", folds, sys.platform == "darwin")

    def why_not(self, path: str) -> str:
        """Say why no file can have the name *path* here, or return an empty string."""
        reason = why_unsafe(path, windows=self.windows)
        if reason:
            return reason
        if self.windows and any(map(_bad_on_windows, path.split("/"))):
            return tr("Windows does not take its name")
        if self.composes and unicodedata.normalize("NFC", path) != path:
            return tr("this disk would write its name in another way")
        return ""

    def key(self, path: str) -> str:
        """Return what is the same for all paths that mean one file here."""
        return unicodedata.normalize("NFC", path).casefold() if self.folds_case else path


def screen(
    plan: Plan, here: Mapping[str, Entry], rules: Rules, disk: Disk, *, named: bool = False
) -> None:
    """Move from *plan*.fetch to its *refused* what may not come here.

    That is what this disk cannot hold, what the project's rules leave out (an honest runtime does
    not even list it), and, unless they were *named* by the user, the rules themselves: they say
    what a runtime never gets to see.
    """
    if not plan.fetch:
        return
    gone = {change.path for change in plan.fetch if change.entry is None}
    names = {disk.key(path): path for path in here if path not in gone}
    taken: list[Change] = []
    refused: set[str] = set()
    for change in plan.fetch:
        if is_below(change.path, refused):
            continue
        reason = _why_refused(change, rules, disk)
        if change.path.rpartition("/")[2].lower() in IGNORE_FILES and not named:
            reason = tr("rules about what is synced are only taken from here")
        if not reason and change.entry:
            other = names.setdefault(disk.key(change.path), change.path)
            if other != change.path:
                reason = tr("here it would be the same file as {other}", other=other)
        if reason:
            refused.add(change.path)
            plan.refused.append(Left(change.path, reason))
        else:
            taken.append(change)
    plan.fetch = taken


def _why_refused(change: Change, rules: Rules, disk: Disk) -> str:
    path, entry = change.path, change.entry
    is_folder = _is_folder(entry or change.expected)
    if rules.ignores(path, is_folder) or any(rules.ignores(f, True) for f in folders_of(path)):
        return tr("the project's rules leave it out")
    if entry and entry.kind is Kind.SYMLINK:
        if disk.windows:
            return tr("it is a link, which Windows does not let everybody make")
        if leads_out(path, entry.target):
            return tr("the link leads out of the project, or may")
    return disk.why_not(path) if entry else ""


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY


def _bad_on_windows(name: str) -> bool:
    return bool(_NOT_ON_WINDOWS.search(name) or _RESERVED.fullmatch(name))
