"""One sync from beginning to end: look at both sides, decide, send, and remember."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from colabdev.errors import ProtocolError
from colabdev.remote.transport import Transport
from colabdev.sync.archive import Archive, open_archive
from colabdev.sync.contents import Contents, Progress
from colabdev.sync.ignore import ProjectRules
from colabdev.sync.reconcile import Agreed, Digests, Plan, reconcile
from colabdev.sync.replica import LocalReplica, Outcome, RemoteReplica, Replica
from colabdev.sync.report import SyncReport
from colabdev.sync.safety import check_not_emptied, checked_project
from colabdev.sync.snapshot import Entry, Kind, Left, Snapshot

LIMIT = 50_000_000
# Within this time of a write another one may bear the same times (FAT counts in two seconds).
_UNSETTLED_NS = 2_000_000_000


def sync(
    project: Path,
    transport: Transport,
    remote_root: str,
    *,
    peer: str,
    progress: Progress | None = None,
    limit: int = LIMIT,
    wait: float = 30.0,
    now: Callable[[], int] = time.time_ns,
) -> SyncReport:
    """Send what differs from *project* to the folder *remote_root* of the machine *peer*.

    Nothing is deleted, and nothing is overwritten there but what an earlier sync left. *progress*
    hears bytes done and in all, *limit* is in bytes, *wait* in seconds (for another sync of the
    same project), *now* in nanoseconds since 1970.

    Raises:
        InputError: *project* is no folder to sync.
        SyncHalted: the project lost its contents, or another sync does not end.
        RemoteFailure: the far side cannot take the files (kinds unwritable, full, root, ...).
        TransportError, ProtocolError: the connection or the far side gave out.
    """
    root = checked_project(project)
    with open_archive(root, peer, remote_root, wait=wait) as archive:
        started = now()
        rules = ProjectRules(root)
        here = LocalReplica(root)
        local = here.snapshot(rules)
        check_not_emptied(root, local, len(archive.entries))
        with RemoteReplica(transport, remote_root) as there:
            remote = there.snapshot(rules)
            plan = _decide(archive, here, there, local, remote, limit)
            contents = Contents(root, plan.send, progress)
            with contextlib.closing(contents.frames()) as frames:
                outcomes = _by_path(there.apply(frames), contents) if plan.send else {}
        _remember(archive, plan, contents, outcomes, started)
        archive.save()
        return _report(archive, local, plan, contents, outcomes)


def _decide(
    archive: Archive,
    here: Replica,
    there: Replica,
    local: Snapshot,
    remote: Snapshot,
    limit: int,
) -> Plan:
    """Reconcile, and ask both sides for the digests without which that cannot be finished."""
    sides = (local.entries, archive.entries, remote.entries)
    plan = reconcile(*sides, limit=limit)
    if plan.ask_here or plan.ask_there:
        known = Digests(here.digests(plan.ask_here), there.digests(plan.ask_there))
        plan = reconcile(*sides, limit=limit, digests=known)
    return plan


def _by_path(outcomes: Iterable[Outcome], contents: Contents) -> dict[str, Outcome]:
    """Return *outcomes* by path once they account for exactly what was sent."""
    found = {outcome.path: outcome for outcome in outcomes}
    whole = found.keys() == contents.sent.keys()
    if not whole or any(o.state == "done" and o.entry is None for o in found.values()):
        raise ProtocolError(
            "The runtime does not account for every file that was sent.", "Sync again."
        )
    return found


def _remember(
    archive: Archive,
    plan: Plan,
    contents: Contents,
    outcomes: Mapping[str, Outcome],
    started: int,
) -> None:
    for path in plan.gone:
        del archive.entries[path]
    for path, agreed in plan.agreed.items():
        archive.entries[path] = replace(agreed, here=_settled(agreed.here, started))
    for path, outcome in outcomes.items():
        if outcome.entry:
            sent = contents.sent[path]
            archive.entries[path] = Agreed(
                _settled(sent.entry, started), outcome.entry, sent.digest
            )


def _settled(entry: Entry, started: int) -> Entry:
    """Return *entry*, or one that never equals it when a later write could bear the same times."""
    latest = max(entry.mtime_ns, entry.ctime_ns)
    unsettled = entry.kind is Kind.FILE and latest > started - _UNSETTLED_NS
    return replace(entry, ctime_ns=-1) if unsettled else entry


def _report(
    archive: Archive,
    local: Snapshot,
    plan: Plan,
    contents: Contents,
    outcomes: Mapping[str, Outcome],
) -> SyncReport:
    sent = [path for path, outcome in outcomes.items() if outcome.state == "done"]
    changed = [Left(o.path, o.reason) for o in outcomes.values() if o.state == "changed"]
    refused = [Left(o.path, o.reason) for o in outcomes.values() if o.state == "refused"]
    undecided = [
        Left(path, "it changed, or could not be read, while it was compared")
        for path in sorted({*plan.ask_here, *plan.ask_there})
    ]
    return SyncReport(
        sent=tuple(sent),
        bytes=sum(contents.sent[path].entry.size for path in sent),
        unchanged=sum(agreed.here.kind is Kind.FILE for agreed in plan.agreed.values()),
        conflicts=(*plan.conflicts, *changed),
        changed_there=tuple(plan.changed_there),
        too_large=plan.too_large,
        refused=(*plan.refused, *refused),
        skipped=(*local.skipped, *contents.skipped, *undecided),
        notices=(archive.notice,) if archive.notice else (),
        code_digest=_code_digest(archive, local),
    )


def _code_digest(archive: Archive, local: Snapshot) -> str:
    digest = hashlib.sha256()
    for path, agreed in sorted(archive.entries.items()):
        if path in local.entries and agreed.here.kind is not Kind.DIRECTORY:
            line = f"{path}\0{agreed.here.target}\0{agreed.digest}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
