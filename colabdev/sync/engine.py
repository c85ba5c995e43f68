"""One sync from beginning to end: look at both sides, decide, carry over, and remember."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from pathlib import Path

from colabdev.errors import InputError, SyncHalted
from colabdev.language import mark, tr
from colabdev.payload import replica as wire
from colabdev.payload.replica import Frame
from colabdev.remote.transport import Transport
from colabdev.sync.ahead import Ahead, remember
from colabdev.sync.along import Along
from colabdev.sync.archive import Archive, open_archive
from colabdev.sync.blocks import Blocks
from colabdev.sync.carried import Carried
from colabdev.sync.contents import Meter, Progress
from colabdev.sync.far import RemoteReplica
from colabdev.sync.ignore import ProjectRules, chooser
from colabdev.sync.incoming import Disk, screen
from colabdev.sync.oneway import flipped, only_sent, overwritten, part_of
from colabdev.sync.options import LIMIT as LIMIT
from colabdev.sync.options import Mode, Options
from colabdev.sync.reconcile import Agreed, Change, Digests, Limit, Plan, reconcile
from colabdev.sync.replica import LocalReplica, Replica
from colabdev.sync.report import Planned, SyncReport
from colabdev.sync.safety import check_deletions, check_not_emptied, checked_project
from colabdev.sync.settings import project_settings
from colabdev.sync.snapshot import (
    UNSETTLED,
    Entry,
    Kind,
    Left,
    Snapshot,
    settled,
    settled_as_placed,
    settled_there,
    shown,
    to_row,
)

_NO_LIMIT = 1 << 62
_MANY = 5_000  # entries of which a digest takes some ms
_SAMPLE = 32_000_000  # bytes that a dry run packs to know what the rest will take
_QUESTION = 15_000  # bytes: the far program, its request and the answer, when all is the same


def sync(
    project: Path,
    transport: Transport | Callable[[], Transport],
    remote_root: str,
    *,
    peer: str,
    options: Options | None = None,
    progress: Progress | None = None,
    wait: float = 30.0,
    now: Callable[[], int] = time.time_ns,
    along: Along | None = None,
    ahead: Ahead | None = None,
) -> SyncReport:
    """Make *project* and the folder *remote_root* of the machine *peer* agree.

    Nothing is overwritten or deleted on either side but what both agreed on last. *progress*
    hears bytes done and in all, *wait* is in seconds (for another sync of the same project),
    *now* in nanoseconds since 1970. A *transport* that is still being opened may be given as what
    waits for it: the project is looked at first, and what is to be sent is begun. *along* is asked
    for with the first question, where that may be all there is to this sync. What was asked *ahead*
    is as in `colabdev.sync.ahead`.

    Raises:
        InputError: *project* is no folder to sync.
        SyncHalted: a side lost its contents, or half of them, or another sync does not end.
        RemoteFailure: the far side cannot take the files (kinds unwritable, full, root, ...).
        TransportError, ProtocolError: the connection or the far side gave out.
    """
    root = checked_project(project)
    with open_archive(root, peer, remote_root, wait=wait) as archive:
        sync_ = _Sync(root, archive, options or Options(), progress, now)
        push = sync_.guess()
        known = archive.listing
        far = RemoteReplica(transport, remote_root, known, boot_id=peer, ahead=ahead)
        with far as there:
            sync_.look(there, push, along)
            sync_.decide(there)
            if not sync_.is_dry:
                sync_.carry_out(there)
                remember(root, peer, sync_.next_question(there))
        return sync_.report()


class _Sync:
    """One sync under way; its steps come in the order of its methods."""

    def __init__(
        self,
        root: Path,
        archive: Archive,
        options: Options,
        progress: Progress | None,
        now: Callable[[], int],
    ) -> None:
        self._root = root
        self._progress = progress
        self._archive = archive
        self._options = options
        self.is_dry = options.dry_run
        self._started = now()
        self._rules = ProjectRules(root, options.named)
        self._chosen = chooser(options.named)
        self._is_large = chooser(project_settings(root).large)
        self._here = LocalReplica(root, known=archive.entries)
        self._blocks = Blocks(root)
        self._local = self._here.snapshot(self._rules)
        self._remote = Snapshot()
        self._plan = Plan()
        self._fetched: Carried | None = None
        self._sent: Carried | None = None
        self._stale: set[str] = set()  # what the archive has of before: it is not so now
        self._unchanged = 0  # files
        self._digests: dict[str, str] = {}  # of files here that were asked for
        self._asked: dict[str, str] = {}  # of files there
        self._guessed: Carried | None = None
        self._is_decided = False  # for what was known to be there
        self._foreseen = False  # if nothing changed there, what was guessed is all

    def guess(self) -> Generator[Frame] | None:
        """Return what has to be sent if the runtime holds what it held last, at first nothing.

        The first of it then goes along with the question whether it does: a round trip less.
        """
        if self.is_dry or (self._archive.entries and not self._archive.listing):
            return None
        self._remote = Snapshot(self._archive.listing)
        with contextlib.suppress(InputError, SyncHalted):  # they are met again, and told, below
            self._check_not_emptied()
            self.decide(None)
            plan = self._plan
            self._foreseen = not (plan.fetch or plan.ask_here or plan.ask_there or plan.conflicts)
            if plan.send and not (plan.fetch or plan.ask_there):
                bases = self._bases(plan.send, here=False)
                contents = self._here.contents(plan.send, self._limit, self._meter(), bases)
                self._guessed = Carried(contents)
                return contents.frames()
        return None

    def look(
        self,
        there: RemoteReplica,
        push: Generator[Frame] | None = None,
        along: Along | None = None,
    ) -> None:
        def asked(is_all: bool) -> None:
            if along and self._foreseen and is_all and not self._is_short():
                along.begin(self._foreseen_digest())

        verdict = along.token if along and self._foreseen else ""
        try:
            size = sum(map(_size, self._plan.send))
            self._remote = there.snapshot(
                self._rules, push, size=size, verdict=verdict, asked=asked
            )
        finally:
            if push:
                push.close()
        if there.took is not None:
            assert self._guessed, "something was pushed"
            self._sent = self._guessed.account(there.took)
            self._plan.send.clear()  # there may be 200,000 of them
        if along and along.begun:
            along.holds = there.same and not (self._sent and self._sent.left())
        self._check_not_emptied()

    def _is_short(self) -> bool:
        """Tell whether something that was to be sent could not be read."""
        return bool(self._guessed and self._guessed.contents.skipped)

    def _foreseen_digest(self) -> str:
        agreed = dict(self._plan.agreed)
        for path, sent in self._guessed.contents.sent.items() if self._guessed else ():
            if sent.entry:
                agreed[path] = Agreed(sent.entry, sent.entry, sent.digest)
        return _code_digest(agreed, set())

    def _check_not_emptied(self) -> None:
        if not self._options.named:
            count = len(self._archive.entries)
            check_not_emptied(self._root, self._local, self._remote, count, self._options.mode)

    def decide(self, there: Replica | None) -> None:
        """Reconcile, with the digests without which that cannot be finished."""
        known = self._remote.entries is self._archive.listing and not self._remote.skipped
        if self._sent or (there and self._is_decided and known):
            return  # as guessed
        plan = self._reconcile(Digests(self._digests))
        if plan.ask_here or (plan.ask_there and there):
            self._digests |= self._here.digests(plan.ask_here)
            if there:
                self._asked |= there.digests(plan.ask_there)
            plan = self._reconcile(Digests(self._digests, self._asked))
        plan = self._directed(plan)
        named = bool(self._options.named)
        screen(plan, self._local.entries, self._rules, Disk.of(self._root), named=named)
        check_deletions(plan, self._local, self._remote, self._options)
        self._plan = plan
        self._unchanged = sum(one.here.kind is Kind.FILE for one in plan.agreed.values())
        self._is_decided = not plan.ask_there

    def _directed(self, plan: Plan) -> Plan:
        """Return *plan* as the mode and the named paths want it."""
        options, here, there = self._options, self._local.entries, self._remote.entries
        if options.mode is Mode.MIRROR:
            plan = overwritten(plan, here, there, self._limit, deletes=True)
        elif options.mode is Mode.PUSH:
            plan = only_sent(plan, self._limit)
            if options.force:
                plan = overwritten(plan, here, there, self._limit, deletes=False)
        elif options.mode is Mode.PULL:
            plan = flipped(plan)
            plan = only_sent(plan, self._limit)
            if options.force:
                plan = overwritten(plan, there, here, self._limit, deletes=False)
            plan = flipped(plan)
        if not options.named:
            return plan
        if not any(map(self._chosen, here.keys() | there.keys() | self._archive.entries.keys())):
            paths = options.mode is Mode.PUSH  # as patterns from the top of the project
            names = ", ".join(
                shown(one.removeprefix("/") if paths else one) for one in options.named
            )
            raise InputError(
                tr("Nothing matches {names}, neither here nor on the runtime.", names=names),
                tr("See what there is to send: colabdev sync --dry-run --mode push")
                if paths
                else tr(
                    "Patterns are those of .gitignore; put them in quotes: colabdev pull 'out/*.pt'"
                ),
            )
        return part_of(plan, self._chosen)

    def carry_out(self, there: Replica) -> None:
        """Bring what there is to bring, then send; what is done is remembered at once."""
        archive, plan = self._archive, self._plan
        archive.see_all(self._remote.entries)
        self._stale = {path for path in archive.entries if path not in plan.agreed}
        for path in plan.gone:
            archive.agree(path, None)
        for path, agreed in plan.agreed.items():
            base = archive.entries.get(path)
            if base is agreed:
                continue
            if not base and agreed.here.size >= wire.LARGE:
                self._blocks.learn(to_row(path, agreed.here), agreed.digest)
            mine, theirs = agreed.here, agreed.there
            if not base or mine != base.here:
                mine = self._here_seen(mine)
            if not base or theirs != base.there:
                theirs = self._there_seen(theirs)
            self._agree(path, Agreed(mine, theirs, agreed.digest))
        meter = self._meter()
        if plan.fetch:
            bases = self._bases(plan.fetch, here=True)
            self._fetched = _carry(there, self._here, plan.fetch, self._limit, meter, bases)
            for path, sent, became in self._fetched.done():
                if became:
                    marks = self._fetched.contents.marks.pop(path, b"")
                    self._blocks.remember(sent.digest, marks)
                pair = became and sent.entry and self._here_placed(became, sent.entry)
                self._agree(path, Agreed(*pair, sent.digest) if pair else None)
            archive.save()
        if plan.send and not self._sent:
            bases = self._bases(plan.send, here=False)
            self._sent = _carry(self._here, there, plan.send, self._limit, meter, bases)
        plan.send.clear()  # there may be 200,000 of them
        if self._sent:
            self._remember_blocks(self._sent)
            for path, sent, became in self._sent.done():
                archive.see(path, became)
                pair = became and sent.entry and self._there_placed(sent.entry, became)
                self._agree(path, Agreed(*pair, sent.digest) if pair else None)
        archive.save()

    def next_question(self, there: RemoteReplica) -> bytes:
        """Return what the next sync will ask, none where nobody knows or it takes long to tell."""
        is_known = there.same and not self._sent
        listing = self._archive.listing
        if self._options.named or (not is_known and len(listing) > _MANY):
            return b""
        return there.next_question(self._rules, None if is_known else listing)

    def _meter(self) -> Meter:
        changes = (*self._plan.fetch, *self._plan.send)
        return Meter(sum(map(_size, changes)), self._progress)

    def _bases(self, changes: Iterable[Change], *, here: bool) -> dict[str, bytes]:
        bases = {change.path: self._base(change, here=here) for change in changes}
        return {path: base for path, base in bases.items() if base}

    def _base(self, change: Change, *, here: bool) -> bytes:
        """Return the marks of the blocks that stand where *change* goes, if it is worth it."""
        entry, stands = change.entry, change.expected
        if not entry or not stands or min(entry.size, stands.size) < wire.LARGE:
            return b""
        marks = self._blocks.recall(self._digest(change.path, stands, here=here))
        if marks or not here:
            return marks
        return wire.marks_of(str(self._root), to_row(change.path, stands))

    def _digest(self, path: str, stands: Entry, *, here: bool) -> str:
        """Return the digest of the file that *stands* on one side, if it is known.

        A file written right before the last sync never equals what was noted of it; then it was
        asked for, if it mattered.
        """
        agreed = self._archive.entries.get(path)
        if agreed and stands == (agreed.here if here else agreed.there):
            return agreed.digest
        return (self._digests if here else self._asked).get(path, "")

    def _remember_blocks(self, carried: Carried) -> None:
        for path, marks in carried.contents.marks.items():
            if carried.is_done(path):
                self._blocks.remember(carried.contents.sent[path].digest, marks)
            elif agreed := self._archive.entries.get(path):
                self._blocks.forget(agreed.digest)

    def _reconcile(self, digests: Digests | None = None) -> Plan:
        unread = {left.path for left in (*self._local.skipped, *self._remote.skipped)}
        return reconcile(
            self._local.entries,
            self._archive.entries,
            self._remote.entries,
            limit=self._limit,
            digests=digests,
            unread=unread,
        )

    def _limit(self, path: str) -> int:
        if self._options.large or self._chosen(path) or self._is_large(path):
            return _NO_LIMIT
        return self._options.limit

    def _agree(self, path: str, agreed: Agreed | None) -> None:
        """Note what both sides hold at *path* from now on."""
        self._archive.agree(path, agreed)
        self._stale.discard(path)

    def _cost(self) -> int:
        """Estimate the bytes that the plan sends: pack some and reckon the rest by it."""
        meter = Meter(sum(map(_size, self._plan.send)))
        bases = self._bases(self._plan.send, here=False)
        contents = self._here.contents(self._plan.send, self._limit, meter, bases)
        packed = 0
        with contextlib.closing(contents.frames()) as frames:
            for _, body in wire.Packer(wire.is_strong()).pieces(frames):
                packed += len(body)
                if meter.done > _SAMPLE:
                    break
        return _QUESTION + round(packed * max(1.0, meter.total / max(1, meter.done)))

    def _here_seen(self, entry: Entry) -> Entry:
        return settled(entry, self._started - UNSETTLED)

    def _there_seen(self, entry: Entry) -> Entry:
        return settled_there(entry, self._remote.now)

    def _here_placed(self, mine: Entry, theirs: Entry) -> tuple[Entry, Entry]:
        return settled_as_placed(mine, self._started), self._there_seen(theirs)

    def _there_placed(self, mine: Entry, theirs: Entry) -> tuple[Entry, Entry]:
        return self._here_seen(mine), settled_as_placed(theirs, self._remote.now)

    def report(self) -> SyncReport:
        """Return what was done and what was left alone."""
        local, remote, plan = self._local, self._remote, self._plan
        undecided = [
            Left(path, tr("it changed, or could not be read, while it was compared"))
            for path in sorted({*plan.ask_here, *plan.ask_there})
        ]
        nothing = Carried(self._here.contents((), self._limit, Meter()))
        sent, fetched = self._sent or nothing, self._fetched or nothing
        return SyncReport(
            planned=tuple(_planned(plan)) if self.is_dry else (),
            cost_up=self._cost() if self.is_dry else 0,
            sent=sent.put,
            bytes=sent.size,
            received=fetched.put,
            received_bytes=fetched.size,
            deleted_here=fetched.gone,
            deleted_there=sent.gone,
            unchanged=self._unchanged,
            conflicts=(*plan.conflicts, *fetched.left("changed"), *sent.left("changed")),
            changed_here=tuple(plan.changed_here),
            changed_there=tuple(plan.changed_there),
            too_large=plan.too_large,
            refused=(*plan.refused, *fetched.left("refused"), *sent.left("refused")),
            skipped=(
                *local.skipped,
                *remote.skipped,
                *fetched.contents.skipped,
                *sent.contents.skipped,
                *undecided,
            ),
            notices=(self._archive.notice,) if self._archive.notice else (),
            code_digest=_code_digest(self._archive.entries, self._stale),
        )


def _carry(
    source: Replica,
    target: Replica,
    changes: list[Change],
    most: Limit,
    meter: Meter,
    bases: Mapping[str, bytes],
) -> Carried:
    """Carry *changes* from one side to the other and hold it to account for every one of them."""
    contents = source.contents(changes, most, meter, bases)
    with contextlib.closing(contents.frames()) as frames:
        return Carried(contents).account(target.apply(frames))


def _planned(plan: Plan) -> Iterator[Planned]:
    for changes, verbs in (
        (plan.send, (mark("send"), mark("delete there"))),
        (plan.fetch, (mark("fetch"), mark("delete here"))),
    ):
        for change in changes:
            is_folder = change.entry is not None and change.entry.kind is Kind.DIRECTORY
            yield Planned(verbs[change.entry is None], change.path, _size(change), is_folder)


def _size(change: Change) -> int:
    return change.entry.size if change.entry else 0


def _code_digest(entries: Mapping[str, Agreed], stale: Collection[str]) -> str:
    """Return a digest of what both sides hold: *entries* without those that are *stale*."""
    digest = hashlib.sha256()
    for path in sorted(entries):
        agreed = entries[path]
        if path in stale:
            continue
        if agreed.here.kind is not Kind.DIRECTORY:
            line = f"{path}\0{agreed.here.target}\0{agreed.digest}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
