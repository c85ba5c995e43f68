"""The side of a sync that is elsewhere: a tree on the machine that a transport reaches."""

import base64
import contextlib
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any  # JSON, until it is checked

from colabdev.errors import ProtocolError, RemoteFailure
from colabdev.far_words import translated
from colabdev.language import tr
from colabdev.payload import replica as wire
from colabdev.payload.replica import Frame
from colabdev.remote.asked import Asked
from colabdev.remote.frames import Conversation, pack
from colabdev.remote.transport import Transport
from colabdev.sync.ahead import Ahead
from colabdev.sync.blocks import Marking
from colabdev.sync.contents import Contents, Meter, Sent, bare_frames, files_of, header
from colabdev.sync.reconcile import Change, Limit
from colabdev.sync.replica import AsSent, Outcome, outcome_of
from colabdev.sync.snapshot import Entry, Kind, Left, Snapshot, from_rows, parse_row, to_row

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST = 1 << 62  # nanoseconds
_MAX_LISTING = 2 * wire.MAX_JSON
MAX_PUSH = 40_000  # bytes of pieces that may go along with the first question
_MUCH = 160_000  # bytes of contents that will not fit into that
# Of much no more goes along than TCP sends before it hears anything: the rest gets smaller when it
# is packed in one. So many bytes of pieces are made of that while the answer is on its way.
_BEFORE_MUCH = 14_000
_AHEAD = 128_000


class RemoteReplica:
    """The tree at *root* (absolute) on the machine that *transport* reaches, or will have reached.

    What it held when it was last seen, *known*, is not listed again if it is still the same.
    *boot_id* is as in `Asked`. What was asked *ahead* counts if it is what there is to ask.
    Whatever comes from there is checked before it is believed; a foreign or broken far side ends in
    a ProtocolError, one that says what went wrong in a RemoteFailure.
    """

    def __init__(
        self,
        transport: Transport | Callable[[], Transport],
        root: str,
        known: Mapping[str, Entry] | None = None,
        *,
        boot_id: str = "",
        ahead: Ahead | None = None,
    ) -> None:
        self._ahead = ahead
        self._is_ahead = False  # its question was the right one
        self._transport = transport
        self._root = root
        self._known = known or {}
        self._boot_id = boot_id
        self._asked: Asked | None = None
        self._digest = ""  # of what is known, if that was asked for
        self._packer = wire.Packer()
        self.took: Iterator[Outcome | AsSent] | None = None
        self.same = False  # it is, whole, as it was known

    def snapshot(
        self,
        rules: wire.Rules,
        push: Iterable[Frame] | None = None,
        *,
        size: int = 0,
        verdict: str = "",
        asked: Callable[[bool], None] = lambda _: None,
    ) -> Snapshot:
        """List the tree; *push* are contents for it as it is known, of some *size* in bytes.

        The first of them go along with the question, and the next are packed while the answer is on
        its way. If the tree is still so, they follow, and *took* tells what became of all; if not,
        they were not looked at. Under the token *verdict* word is left there, whether it was as
        known and took all. *asked* is called while the answer is on its way, and told whether all
        of *push* is.
        """
        pushed = self._packer.pieces(push) if push is not None else None
        if self._known or pushed is not None:
            self._digest = _digest_of(self._known)
        known = self._digest
        most = _BEFORE_MUCH if size > _MUCH else MAX_PUSH
        rest = self._ask(rules, known, pushed, most, verdict)
        is_all = rest is None
        asked(is_all)
        if rest is not None:
            rest = self._packed_ahead(rest)
        assert self._asked, "just now"
        self._asked.greet()
        problems: list[Left] = []
        end: dict[str, Any] = {}
        with _checked():
            entries: Mapping[str, Entry] = from_rows(self._rows(problems, end))
            same = bool(known) and end.get("same") is True
            if same:
                if entries:
                    raise ValueError(tr("it lists files that are said to be known"))
                entries = self._known
            strong = end.get("strong") is True and wire.is_strong()
            snapshot = Snapshot(entries, tuple(problems), int(end["now"]))
            self.same = same and not problems
        if pushed is not None and self.same:
            self.took = self._send(rest or (), is_ended=is_all)
            return snapshot
        self._packer = wire.Packer(strong)  # what the other one has under way is let go by
        is_waiting = self._is_ahead and not self.same if pushed is None else not is_all
        if is_waiting:
            self._conversation.send(b".", b"")
        return snapshot

    def question(
        self, rules: wire.Rules, known: str = "", *, push: bool = True, verdict: str = ""
    ) -> bytes:
        """Return the question whether the tree is the *known* one, and which it is if not."""
        request = {
            "root": self._root,
            "rules": rules.levels,
            "known": known,
            "push": push,
            "strong": wire.is_strong(),
            "brief": True,
            "verdict": verdict,
        }
        return pack(b"q", wire.pack_json(request))

    def next_question(self, rules: wire.Rules, listing: Mapping[str, Entry] | None) -> bytes:
        """Return what the next sync asks if the tree holds *listing*, None for what was known."""
        return self.question(rules, self._digest if listing is None else _digest_of(listing))

    def _ask(
        self,
        rules: wire.Rules,
        known: str,
        pushed: Iterator[Frame] | None,
        most: int,
        verdict: str,
    ) -> Iterator[Frame] | None:
        """Start the far program; what fits into *most* bytes travels with it, a round trip less.

        Return what is left of what is *pushed*, None if all of it went along.
        """
        along = b""
        rest: Iterator[Frame] | None = None
        if pushed is not None:
            for piece in pushed:
                if len(along) + len(piece[1]) > most:
                    rest = itertools.chain((piece,), pushed)
                    break
                along += pack(*piece)
            else:
                along += pack(b".", b"")
        if self._ahead and self._ahead.question == self.question(rules, known, verdict=verdict):
            self._asked, self._is_ahead = self._ahead.take(), True
            self._asked.write(along)
            return rest
        whole = self.question(rules, known, push=pushed is not None, verdict=verdict) + along
        # A connection that is still being opened is waited for here, when all is ready.
        transport = self._transport() if callable(self._transport) else self._transport
        self._asked = Asked(transport, "replica", whole, boot_id=self._boot_id)
        return rest

    def _packed_ahead(self, rest: Iterator[Frame]) -> Iterator[Frame]:
        """Return *rest* with its next pieces made already, as whoever is strong reads them."""
        self._packer.strong = wire.is_strong()
        ready = []
        for piece in rest:
            ready.append(piece)
            if sum(len(body) for _, body in ready) > _AHEAD:
                break
        return itertools.chain(ready, rest)

    def _rows(self, problems: list[Left], end: dict[str, Any]) -> Iterator[Any]:
        count = size = 0
        while True:
            kind, body = self._conversation.receive()
            text = wire.inflate(body, wire.MAX_JSON)
            size += len(text)
            if size > _MAX_LISTING:
                raise ValueError(tr("its list of files has no end"))
            rows = wire.load_json(text)
            if kind == b"S":
                problems += [Left(str(path), str(reason)) for path, reason in rows["problems"]]
                end.update(rows)
                return
            count += len(rows)
            if kind != b"s" or not rows or count > wire.MAX_ENTRIES:
                raise ValueError(tr("its list of files has no end"))
            yield from rows

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for batch in wire.batches(paths):
            self._conversation.send(b"d", wire.pack_json(batch))
            with _checked():
                kind, body = self._conversation.receive()
                answer = wire.unpack_json(body)
                if kind != b"D" or not isinstance(answer, dict):
                    raise ValueError(tr("it answered something that was not asked"))
                found |= {path: answer[path] for path in batch if _is_digest(answer.get(path))}
        return found

    def contents(
        self,
        changes: Sequence[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
    ) -> Contents:
        return RemoteContents(self._conversation, changes, most, meter, bases)

    def apply(self, frames: Iterable[Frame]) -> Iterator[Outcome | AsSent]:
        return self._send(self._packer.pieces(frames))

    def _send(
        self, pieces: Iterable[Frame], *, is_ended: bool = False
    ) -> Iterator[Outcome | AsSent]:
        try:
            for kind, body in pieces:
                self._conversation.send(kind, body)
            if not is_ended:
                self._conversation.send(b".", b"")
        except RemoteFailure as error:
            if error.kind == "stdin":  # it reads no more: it has said why before it ended
                self._conversation.receive()
            raise
        return self._outcomes(*self._conversation.receive())  # here it fails, if it does

    @property
    def _conversation(self) -> Conversation:
        assert self._asked, "the snapshot comes first"
        return self._asked.conversation

    def _outcomes(self, kind: bytes, body: bytes) -> Iterator[Outcome | AsSent]:
        count = 0
        while kind != b".":
            with _checked():
                rows = wire.unpack_json(body)
                if kind not in (b"a", b"A") or not rows or count > wire.MAX_ENTRIES:
                    raise ValueError(tr("its list of outcomes has no end"))
                told = [(outcome_of if kind == b"a" else _as_sent)(row) for row in rows]
            count += len(told)
            yield from told
            kind, body = self._conversation.receive()

    def __enter__(self) -> "RemoteReplica":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._asked:
            self._asked.close()


class RemoteContents:
    """The contents of *changes* as the far side sends them, over *conversation*.

    It sends files, and only those that were asked for; where they go, what they replace, and all
    that has no contents is said here.
    """

    def __init__(
        self,
        conversation: Conversation,
        changes: Sequence[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
    ) -> None:
        self._bases = bases or {}
        self.marks: dict[str, bytes] = {}
        self.sent: dict[str, Sent] = {}
        self.skipped: list[Left] = []
        self._conversation = conversation
        self._changes = changes
        self._most = most
        self._meter = meter

    def frames(self) -> Generator[Frame]:
        yield from bare_frames(self._changes, self.sent)
        wanted = {change.path: change for change in files_of(self._changes)}
        if not wanted:
            return
        request = [
            [path, self._most(path), base64.b64encode(self._bases.get(path, b"")).decode()]
            for path in wanted
        ]
        self._conversation.send(b"g", wire.pack_json(request))
        with _checked():
            yield from self._files(wanted)
        if wanted.keys() - self.sent.keys() - {left.path for left in self.skipped}:
            raise ProtocolError(tr("The runtime did not send every file it was asked for."))

    def _files(self, wanted: dict[str, Change]) -> Iterator[Frame]:
        at = ""  # the file that is under way
        marking: Marking | None = None
        unpacker = wire.Unpacker()
        begun: Counter[str] = Counter()
        entry: Entry | None = None
        while True:
            piece, packed = self._conversation.receive()
            if piece == b"G":
                unpacker.end()
                left = wire.unpack_json(packed)
                self.skipped += [Left(p, str(why)[:200]) for p, why in left if p in wanted]
                return
            if piece not in (b"z", b"r", b"l"):
                raise ValueError(tr("it sent something that was not asked for"))
            for kind, body in unpacker.frames(piece, packed):
                if kind == b"b" and not at:
                    yield self._batch(wanted, body)
                    continue
                if kind == b"p" and not at:
                    at, entry = parse_row(wire.load_json(body)[0])
                    self._check(wanted, at, entry)
                    marking = (
                        Marking(self._bases.get(at, b"")) if entry.size >= wire.LARGE else None
                    )
                    begun[at] += 1
                    if begun[at] > wire.TRIES:
                        raise ValueError(tr("it sends {path!r} without end", path=at[:200]))
                    yield header(*_placed(wanted[at], entry), at in self._bases)
                    continue
                if kind == b"c" and at:
                    self._meter.advance(len(body))
                    if marking:
                        marking.take(body)
                elif kind == b"k" and at in self._bases:
                    span = wire.span_of(body)
                    self._meter.advance(span[1])
                    if marking:
                        marking.skip(*span)
                elif kind == b"f" and at:
                    if body:  # the digest, to which the contents are held where they are staged
                        self.sent[at] = Sent(entry, body.hex())
                        if marking:
                            self.marks[at] = marking.done()
                    at = ""
                else:
                    raise ValueError(tr("its contents are out of order"))
                yield kind, body

    def _check(self, wanted: Mapping[str, Change], path: str, entry: Entry) -> None:
        if path not in wanted or path in self.sent or entry.kind is not Kind.FILE:
            raise ValueError(tr("it sent {path!r}, which was not asked for", path=path[:200]))
        if entry.size > self._most(path):
            raise ValueError(tr("it sent more of {path!r} than was asked for", path=path[:200]))

    def _batch(self, wanted: Mapping[str, Change], body: bytes) -> Frame:
        """Return a batch of small files as what it is held to be here."""
        rows: list[list[wire.Row | None]] = []
        contents: list[bytes] = []
        for row, _, data in wire.batched(body):
            path, entry = parse_row(row)
            self._check(wanted, path, entry)
            self.sent[path] = Sent(entry, hashlib.sha256(data).hexdigest())
            rows.append(list(_placed(wanted[path], entry)))
            contents.append(bytes(data))
            self._meter.advance(entry.size)
        return wire.batch_frame(rows, contents)


def _placed(change: Change, entry: Entry) -> tuple[wire.Row, wire.Row | None]:
    """Return the rows of the *entry* that comes, as *change* wants it, and of what it replaces."""
    assert change.entry, "only files were asked for"
    row = to_row(change.path, entry._replace(executable=change.entry.executable))
    return row, to_row(change.path, change.expected) if change.expected else None


def _as_sent(later: Any) -> AsSent:
    if type(later) is not int or abs(later) > _LONGEST:
        raise ValueError(tr("an outcome is of the wrong form"))
    return AsSent(later)


def _digest_of(entries: Mapping[str, Entry]) -> str:
    return wire.digest_of_rows(to_row(path, entries[path]) for path in sorted(entries))


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and bool(_DIGEST.fullmatch(value))


@contextlib.contextmanager
def _checked() -> Iterator[None]:
    """Turn what a far side said wrongly into a ProtocolError."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        why = translated(str(error))
        raise ProtocolError(
            tr("The runtime's side of the sync makes no sense: {error}.", error=why),
            tr("Nothing here was changed. If the runtime can be trusted, sync again."),
        ) from error
