"""Decide, without touching anything, what it takes to make two trees agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from colabdev.payload.replica import leads_out
from colabdev.sync.snapshot import Entry, Kind, Left


@dataclass(frozen=True, slots=True)
class Agreed:
    """One line of the archive: the entry as each side saw it when both held the same.

    *digest* is the SHA-256 of a file's contents.
    """

    here: Entry
    there: Entry
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Put *entry* at *path* there, where *expected* stands now (None: nothing)."""

    path: str
    entry: Entry
    expected: Entry | None


@dataclass(frozen=True, slots=True)
class Digests:
    """What is known of files' contents on either side beyond the archive, by path."""

    here: Mapping[str, str] = field(default_factory=dict)
    there: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What `reconcile` decided, each path in one place at most.

    *ask_here* and *ask_there* are files whose digests must be known before anything can be decided
    about them; *gone* are archived paths that neither side has any more.
    """

    send: list[Change] = field(default_factory=list)
    agreed: dict[str, Agreed] = field(default_factory=dict)
    conflicts: list[Left] = field(default_factory=list)
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
    limit: int,
    digests: Digests | None = None,
) -> Plan:
    """Decide about every path: send what is new here, and touch nothing that is new there.

    An entry there may be replaced only when it is what the last sync left. Contents decide, not
    times: a file that was merely touched is as it was. Files above *limit* bytes are not sent.
    """
    plan = Plan()
    blocked: set[str] = set()
    for path in sorted(here.keys() | archive.keys() | there.keys()):
        mine, base, theirs = here.get(path), archive.get(path), there.get(path)
        if mine is None:
            _decide_absent(plan, path, base, theirs)
        elif _is_below(path, blocked):
            continue
        elif mine.kind is Kind.DIRECTORY:
            if not _decide_folder(plan, path, mine, base, theirs):
                blocked.add(path)
        elif mine.kind is Kind.SYMLINK and leads_out(path, mine.target):
            plan.refused.append(Left(path, "the link leads out of the project, or may"))
        else:
            _decide_contents(plan, path, mine, base, theirs, limit, digests or Digests())
    return plan


def _decide_absent(plan: Plan, path: str, base: Agreed | None, theirs: Entry | None) -> None:
    if theirs is None:
        plan.gone.append(path)
    elif theirs.kind is not Kind.DIRECTORY and (base is None or theirs != base.there):
        plan.changed_there.append(path)


def _decide_folder(
    plan: Plan, path: str, mine: Entry, base: Agreed | None, theirs: Entry | None
) -> bool:
    """Decide about a folder of ours and return whether there is or will be one there."""
    if theirs and theirs.kind is Kind.DIRECTORY:
        plan.agreed[path] = Agreed(mine, theirs)
    elif theirs is None or (base and theirs == base.there):
        plan.send.append(Change(path, mine, theirs))
    else:
        plan.conflicts.append(Left(path, "it is a folder here and none there"))
        return False
    return True


def _decide_contents(
    plan: Plan,
    path: str,
    mine: Entry,
    base: Agreed | None,
    theirs: Entry | None,
    limit: int,
    digests: Digests,
) -> None:
    """Decide about a file or a link of ours by comparing the contents three ways."""
    if theirs is None:
        _send(plan, Change(path, mine, None), limit)
        return
    if theirs.kind is Kind.DIRECTORY:
        plan.conflicts.append(Left(path, "it is a folder there and none here"))
        return
    last = _contents(base.here, base.digest) if base else None
    ours = _contents(mine, base.digest if base and mine == base.here else digests.here.get(path))
    other = _contents(
        theirs, base.digest if base and theirs == base.there else digests.there.get(path)
    )
    same = _same(ours, other)
    untouched_there = last is not None and _same(other, last)
    untouched_here = last is not None and _same(ours, last)
    if same:
        if base and mine.executable not in (base.here.executable, theirs.executable):
            _send(plan, Change(path, mine, theirs), limit)
        else:
            plan.agreed[path] = Agreed(mine, theirs, ours.digest or "")
    elif same is None:
        _ask(plan, path, ours, other)
    elif untouched_there:
        # The bit follows whoever changed it since; where it means nothing (Windows) it never does.
        kept = base is not None and mine.executable == base.here.executable
        bit = theirs.executable if kept else mine.executable
        _send(plan, Change(path, replace(mine, executable=bit), theirs), limit)
    elif untouched_there is None:
        _ask(plan, path, None, other)
    elif untouched_here:
        plan.changed_there.append(path)
    elif untouched_here is None:
        _ask(plan, path, ours, None)
    else:
        reason = "it was changed here and there" if base else "it differs here and there"
        plan.conflicts.append(Left(path, reason))


@dataclass(frozen=True, slots=True)
class _Contents:
    """What tells one content from another; the *digest* of a file may not be known yet."""

    kind: Kind
    size: int
    target: str
    digest: str | None


def _contents(entry: Entry, digest: str | None) -> _Contents:
    known = digest if entry.kind is Kind.FILE else ""
    return _Contents(entry.kind, entry.size, entry.target, known)


def _same(one: _Contents, other: _Contents) -> bool | None:
    """Tell whether two contents are the same; None: only their digests can tell."""
    if (one.kind, one.size, one.target) != (other.kind, other.size, other.target):
        return False
    return None if None in (one.digest, other.digest) else one.digest == other.digest


def _ask(plan: Plan, path: str, ours: _Contents | None, other: _Contents | None) -> None:
    if ours and ours.digest is None:
        plan.ask_here.append(path)
    if other and other.digest is None:
        plan.ask_there.append(path)


def _send(plan: Plan, change: Change, limit: int) -> None:
    if change.entry.kind is Kind.FILE and change.entry.size > limit:
        plan.too_large[change.path] = change.entry.size
    else:
        plan.send.append(change)


def _is_below(path: str, folders: set[str]) -> bool:
    while folders and path:
        path = path.rpartition("/")[0]
        if path in folders:
            return True
    return False
