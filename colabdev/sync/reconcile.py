"""Decide, without touching anything, what it takes to make two trees agree."""

import bisect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from colabdev.language import tr
from colabdev.payload.replica import leads_out
from colabdev.sync.snapshot import Entry, Kind, Left, is_below

Limit = Callable[[str], int]  # the most bytes that a file at a path may have to travel


class Agreed(NamedTuple):
    """One line of the archive: the entry as each side saw it when both held the same.

    *digest* is the SHA-256 of a file's contents.
    """

    here: Entry
    there: Entry
    digest: str = ""


class Change(NamedTuple):
    """Put *entry* (None: nothing) at *path*, where *expected* stands now (None: nothing)."""

    path: str
    entry: Entry | None
    expected: Entry | None


class Digests(NamedTuple):
    """What is known of files' contents on either side beyond the archive, by path."""

    here: Mapping[str, str] = MappingProxyType({})
    there: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Plan:
    """What `reconcile` decided, each path in one place at most.

    *send* is to be done there, *fetch* here. *ask_here* and *ask_there* are files whose digests
    must be known before anything can be decided about them; *gone* are archived paths that neither
    side has any more. *changed_here* and *changed_there* hold what a one-way sync leaves alone.
    """

    send: list[Change] = field(default_factory=list)
    fetch: list[Change] = field(default_factory=list)
    agreed: dict[str, Agreed] = field(default_factory=dict)
    conflicts: list[Left] = field(default_factory=list)
    changed_here: list[str] = field(default_factory=list)
    changed_there: list[str] = field(default_factory=list)
    too_large: dict[str, int] = field(default_factory=dict)
    refused: list[Left] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    ask_here: list[str] = field(default_factory=list)
    ask_there: list[str] = field(default_factory=list)


def reconcile(
    here: Mapping[str, Entry],
    archive: Mapping[str, Agreed],
    there: Mapping[str, Entry],
    *,
    limit: Limit,
    digests: Digests | None = None,
    unread: Collection[str] = frozenset(),
) -> Plan:
    """Decide about every path, both sides alike: what changed on one side goes to the other.

    What is gone on one side goes from the other too if it is there what both agreed on last: an
    edit beats a delete. Two different edits are a conflict and stay as they are. Contents decide,
    not times: a file that was merely touched is as it was. Files above their *limit* do not
    travel. Of the paths *unread* on either side, and of what is below them, nothing is known.
    """
    decision = _Decision(here, archive, there, digests or Digests(), limit, frozenset(unread))
    decision.contents()
    decision.folders()
    return decision.plan


class _Contents(NamedTuple):
    """What tells one content from another; the *digest* of a file may not be known yet."""

    kind: Kind
    size: int
    target: str
    digest: str | None


class _Decision:
    """The making of one plan: first what has contents and what stands in its way, top down, then
    the folders that are gone on one side, bottom up."""

    def __init__(
        self,
        here: Mapping[str, Entry],
        archive: Mapping[str, Agreed],
        there: Mapping[str, Entry],
        digests: Digests,
        limit: Limit,
        unread: frozenset[str],
    ) -> None:
        self.plan = Plan()
        self._here = here
        self._archive = archive
        self._there = there
        self._digests = digests
        self._limit = limit
        self._unread = unread
        self._paths = sorted(here.keys() | archive.keys() | there.keys())
        self._closed: set[str] = set()  # nothing below is decided
        self._open_folders: list[str] = []

    def contents(self) -> None:
        for path in self._paths:
            if self._closed and is_below(path, self._closed):
                continue
            if path in self._unread:
                self._closed.add(path)
            mine, theirs = self._here.get(path), self._there.get(path)
            if _is_folder(mine) or _is_folder(theirs):
                self._folder(path, mine, theirs)
            elif path not in self._unread:
                self._leaf(path, mine, theirs)

    def folders(self) -> None:
        """Take away the folders that one side took away, unless something in them stays."""
        goes_here = {change.path for change in self.plan.fetch if change.entry is None}
        goes_there = {change.path for change in self.plan.send if change.entry is None}
        open_folders = set(self._open_folders)
        stays_here: set[str] = set()
        stays_there: set[str] = set()
        for path in reversed(self._paths):
            if path in open_folders:
                mine, theirs = self._here.get(path), self._there.get(path)
                stays, goes = (stays_here, goes_here) if mine else (stays_there, goes_there)
                if path in stays or path in self._unread:
                    self._put(path, mine, theirs)
                else:
                    goes.add(path)
                    changes = self.plan.fetch if mine else self.plan.send
                    changes.append(Change(path, None, mine or theirs))
            folder = path.rpartition("/")[0]
            if path in self._here and path not in goes_here:
                stays_here.add(folder)
            if path in self._there and path not in goes_there:
                stays_there.add(folder)
        self.plan.send.sort(key=lambda change: change.path)
        self.plan.fetch.sort(key=lambda change: change.path)

    def _folder(self, path: str, mine: Entry | None, theirs: Entry | None) -> None:
        """Decide about a path that is a folder on one side or on both."""
        base = self._archive.get(path)
        if mine and theirs and mine.kind is theirs.kind:
            self._note(path, base, Agreed(mine, theirs))
        elif mine is None or theirs is None:
            if base and _is_folder(base.here):
                self._open_folders.append(path)  # gone on one side: what is in it decides
            else:
                self._put(path, mine, theirs)
        else:
            self._folder_against_leaf(path, mine, theirs)

    def _folder_against_leaf(self, path: str, mine: Entry, theirs: Entry) -> None:
        base = self._archive.get(path)
        folder_is_here = _is_folder(mine)
        leaf = theirs if folder_is_here else mine
        if leaf.kind is Kind.SYMLINK and leads_out(path, leaf.target):
            self._refuse(path)
            return
        ours, other = self._known(path, mine, theirs)
        leaf_known = other if folder_is_here else ours
        last = _contents(base.here, base.digest) if base else None
        if base and last and last.kind is not Kind.DIRECTORY:
            untouched = _same(leaf_known, last)
            if untouched:  # the leaf was made a folder on the other side
                self._replace(path, mine, theirs, to_there=folder_is_here)
                return
            if untouched is None:
                self._ask(path, None if folder_is_here else ours, other if folder_is_here else None)
                self._closed.add(path)
                return
        elif base and last:
            touched = self._touched_below(path, here=folder_is_here)
            if touched is False:  # the folder was made a leaf on the other side
                self._replace(path, mine, theirs, to_there=not folder_is_here)
                return
            if touched is None:
                self._closed.add(path)
                return
        self._conflict(
            path,
            tr("it is a folder here and none there")
            if folder_is_here
            else tr("it is a folder there and none here"),
        )

    def _touched_below(self, path: str, *, here: bool) -> bool | None:
        """Tell whether anything below a folder differs from the archive (None: asked for it)."""
        side = self._here if here else self._there
        known = self._digests.here if here else self._digests.there
        asked: list[str] = []
        at = bisect.bisect_left(self._paths, path + "/")
        while at < len(self._paths) and self._paths[at].startswith(path + "/"):
            below = self._paths[at]
            at += 1
            entry, base = side.get(below), self._archive.get(below)
            if below in self._unread:
                return True
            if entry is None:
                continue
            if base is None:
                return True
            last = base.here if here else base.there
            digest = base.digest if entry == last else known.get(below)
            same = _same(_contents(entry, digest), _contents(last, base.digest))
            if same is False:
                return True
            if same is None:
                asked.append(below)
        (self.plan.ask_here if here else self.plan.ask_there).extend(asked)
        return None if asked else False

    def _leaf(self, path: str, mine: Entry | None, theirs: Entry | None) -> None:
        """Decide about files and links by comparing the contents three ways."""
        base = self._archive.get(path)
        for entry in (mine, theirs):
            if entry and entry.kind is Kind.SYMLINK and leads_out(path, entry.target):
                self._refuse(path)
                return
        if mine is None and theirs is None:
            self.plan.gone.append(path)
            return
        last = _contents(base.here, base.digest) if base else None
        ours, other = self._known(path, mine, theirs)
        if mine is None or theirs is None:
            one = ours or other
            untouched = _same(one, last)
            if untouched is None:
                self._ask(path, ours, other)
            elif untouched:
                changes = self.plan.send if mine is None else self.plan.fetch
                changes.append(Change(path, None, mine or theirs))
            else:
                self._put(path, mine, theirs)
            return
        same = _same(ours, other)
        if same:
            self._agree(path, mine, base, theirs, ours.digest if ours else None)
        elif same is None:
            self._ask(path, ours, other)
        elif (untouched_there := _same(other, last)) is None:
            self._ask(path, None, other)
        elif (untouched_here := _same(ours, last)) is None:
            self._ask(path, ours, None)
        elif untouched_there or untouched_here:
            self._replace(path, mine, theirs, to_there=untouched_there)
        else:
            known = tr("it was changed here and there") if base else tr("it differs here and there")
            self._conflict(path, known)

    def _agree(
        self, path: str, mine: Entry, base: Agreed | None, theirs: Entry, digest: str | None
    ) -> None:
        """Note that the contents are the same, or send the executable bit that was changed."""
        if base and mine.executable not in (base.here.executable, theirs.executable):
            self._travel(Change(path, mine, theirs), self.plan.send)
        elif base and theirs.executable not in (base.there.executable, mine.executable):
            self._travel(Change(path, theirs, mine), self.plan.fetch)
        else:
            self._note(path, base, Agreed(mine, theirs, digest or ""))

    def _note(self, path: str, base: Agreed | None, agreed: Agreed) -> None:
        self.plan.agreed[path] = base if base is not None and base == agreed else agreed

    def _replace(self, path: str, mine: Entry, theirs: Entry, *, to_there: bool) -> None:
        """Put what changed on one side over what did not on the other.

        The executable bit follows whoever changed it last; where it means nothing (Windows) it
        never does.
        """
        base = self._archive[path]
        source, target = (mine, theirs) if to_there else (theirs, mine)
        before = base.here if to_there else base.there
        both_files = source.kind is target.kind is Kind.FILE
        if both_files and source.executable == before.executable:
            source = source._replace(executable=target.executable)
        self._travel(Change(path, source, target), self.plan.send if to_there else self.plan.fetch)

    def _put(self, path: str, mine: Entry | None, theirs: Entry | None) -> None:
        """Put what one side has to where the other has nothing."""
        entry = mine or theirs
        self._travel(Change(path, entry, None), self.plan.send if mine else self.plan.fetch)

    def _travel(self, change: Change, changes: list[Change]) -> None:
        entry = change.entry
        if entry and entry.kind is Kind.FILE and entry.size > self._limit(change.path):
            self.plan.too_large[change.path] = entry.size
            self._closed.add(change.path)
        else:
            changes.append(change)

    def _known(
        self, path: str, mine: Entry | None, theirs: Entry | None
    ) -> tuple[_Contents | None, _Contents | None]:
        """Return what is known of the contents of both sides."""
        base = self._archive.get(path)
        here, there = self._digests.here.get(path), self._digests.there.get(path)
        if base and mine == base.here:
            here = base.digest
        if base and theirs == base.there:
            there = base.digest
        return (
            _contents(mine, here) if mine else None,
            _contents(theirs, there) if theirs else None,
        )

    def _ask(self, path: str, ours: _Contents | None, other: _Contents | None) -> None:
        if ours and ours.digest is None:
            self.plan.ask_here.append(path)
        if other and other.digest is None:
            self.plan.ask_there.append(path)

    def _conflict(self, path: str, reason: str) -> None:
        self.plan.conflicts.append(Left(path, reason))
        self._closed.add(path)

    def _refuse(self, path: str) -> None:
        self.plan.refused.append(Left(path, tr("the link leads out of the project, or may")))
        self._closed.add(path)


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY


def _contents(entry: Entry, digest: str | None) -> _Contents:
    known = digest if entry.kind is Kind.FILE else ""
    return _Contents(entry.kind, entry.size, entry.target, known)


def _same(one: _Contents | None, other: _Contents | None) -> bool | None:
    """Tell whether two contents are the same; None: only their digests can tell."""
    if one is None or other is None:
        return False
    if one[:3] != other[:3]:
        return False
    return None if None in (one.digest, other.digest) else one.digest == other.digest
