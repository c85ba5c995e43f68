"""The two sides of a sync behind one seam: a directory of this machine, or one elsewhere."""

import base64
import contextlib
import hashlib
import os
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, get_args  # frames hold JSON: anything, until checked

from colabdev.errors import ProtocolError, RemoteFailure, SyncHalted
from colabdev.language import tr
from colabdev.payload import replica as wire
from colabdev.payload.replica import Frame
from colabdev.remote.frames import Conversation, pack
from colabdev.remote.program import program
from colabdev.remote.transport import Process, Transport
from colabdev.sync.contents import (
    Contents,
    LocalContents,
    Meter,
    Sent,
    bare_frames,
    files_of,
    header,
)
from colabdev.sync.reconcile import Change, Limit
from colabdev.sync.snapshot import Entry, Kind, Left, Snapshot, from_rows, parse_row, to_row

_MAX_LISTING = 2 * wire.MAX_JSON
# What may travel as an argument of the far program: with that, it stays below Linux's 128 KiB.
_IN_ARGUMENT = 60_000
MAX_PUSH = 40_000  # bytes of pieces that may go along with the first question
State = Literal["done", "changed", "refused", "kept"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: *entry* is what stands there when it is done, *reason* why not.

    A folder that should have gone is ``kept`` when it holds what is not synced.
    """

    path: str
    state: State
    entry: Entry | None = None
    reason: str = ""


class Replica(Protocol):
    """One side's tree; a context manager that leaves nothing behind but what was applied."""

    def snapshot(self, rules: wire.Rules) -> Snapshot:
        """List the tree, without what *rules* leave out; comes before all else."""

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Return the SHA-256 of the files at *paths*, without those that changed since."""

    def contents(
        self,
        changes: Sequence[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
    ) -> Contents:
        """Return what carries *changes* from here into the other tree; a file may have *most*.

        *bases* are the marks of the blocks of what stands there in the place of large files.
        """

    def apply(self, frames: Iterable[Frame]) -> list[Outcome]:
        """Stage the contents that *frames* carry, move them into place, and tell what became.

        Nothing is moved before all has come whole.
        """

    def __enter__(self) -> "Replica": ...

    def __exit__(self, *exc: object) -> None: ...


class LocalReplica:
    """The tree at *root* on this machine; *by_path* as in `payload.replica.Folder`."""

    def __init__(self, root: Path, *, by_path: bool = os.name == "nt") -> None:
        self._root = os.fspath(root)
        self._by_path = by_path
        self._entries: Mapping[str, Entry] = {}

    def snapshot(self, rules: wire.Rules) -> Snapshot:
        problems: list[list[str]] = []
        with _local_failures():
            wire.sweep(self._root)
            self._entries = from_rows(wire.scan(self._root, rules, problems))
        skipped = tuple(Left(*problem) for problem in problems)
        return Snapshot(self._entries, skipped, time.time_ns())

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        found = {}
        for path in paths:
            digest = wire.digest_of(self._root, to_row(path, self._entries[path]))
            if digest is not None:
                found[path] = digest
        return found

    def contents(
        self,
        changes: Sequence[Change],
        most: Limit,
        meter: Meter,
        bases: Mapping[str, bytes] | None = None,
    ) -> Contents:
        return LocalContents(Path(self._root), changes, most, meter, bases)

    def apply(self, frames: Iterable[Frame]) -> list[Outcome]:
        with _local_failures():
            stage = wire.Stage(self._root, self._by_path)
        with _local_failures(), contextlib.closing(stage):
            for frame in frames:
                stage.take(*frame)
            return [_outcome(row) for row in stage.apply()]

    def __enter__(self) -> "LocalReplica":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""


class RemoteReplica:
    """The tree at *root* (absolute) on the machine that *transport* reaches.

    What it held when it was last seen, *known*, is not listed again if it is still the same.
    Whatever comes from there is checked before it is believed; a foreign or broken far side ends
    in a ProtocolError, one that says what went wrong in a RemoteFailure.
    """

    def __init__(
        self, transport: Transport, root: str, known: Mapping[str, Entry] | None = None
    ) -> None:
        self._transport = transport
        self._root = root
        self._known = known or {}
        self._digest = ""
        if known:
            rows = (to_row(path, entry) for path, entry in known.items())
            self._digest = wire.digest_of_rows(rows)
        self._process: Process | None = None
        self._opened: Conversation | None = None
        self.took: list[Outcome] | None = None

    def snapshot(self, rules: wire.Rules, push: Sequence[Frame] = ()) -> Snapshot:
        """List the tree; *push* are pieces for it as it is known, sent along with the question.

        If it is still so, *took* holds what became of them; if not, they were not looked at.
        """
        self._ask(rules, push)
        self._conversation.greet()
        problems: list[Left] = []
        end: dict[str, Any] = {}
        with _checked():
            entries: Mapping[str, Entry] = from_rows(self._rows(problems, end))
            if self._known and end.get("same") is True:
                if entries:
                    raise ValueError("it lists files that are said to be known")
                entries = self._known
                if push and not problems:
                    self.took = self._outcomes()
            return Snapshot(entries, tuple(problems), int(end["now"]))

    def _ask(self, rules: wire.Rules, push: Sequence[Frame]) -> None:
        """Start the far program; what fits travels with it, and saves a round trip."""
        request = {"root": self._root, "rules": rules.levels, "known": self._digest}
        if push:
            pushed = b"".join(pack(*piece) for piece in (*push, (b".", b"")))
            whole = pack(b"q", wire.pack_json({**request, "push": True})) + pushed
        else:
            whole = pack(b"q", wire.pack_json(request))
        first = base64.b64encode(whole).decode()
        arguments = [first] if len(first) <= _IN_ARGUMENT else []
        self._process = self._transport.start(program("replica", *arguments))
        self._opened = Conversation(self._process, "replica")
        if not arguments:
            with contextlib.suppress(RemoteFailure):  # it reads nothing: its greeting says why
                self._process.write(whole)

    def _rows(self, problems: list[Left], end: dict[str, Any]) -> Iterator[Any]:
        count = size = 0
        while True:
            kind, body = self._conversation.receive()
            text = wire.inflate(body, wire.MAX_JSON)
            size += len(text)
            if size > _MAX_LISTING:
                raise ValueError("its list of files has no end")
            rows = wire.load_json(text)
            if kind == b"S":
                problems += [Left(str(path), str(reason)) for path, reason in rows["problems"]]
                end.update(rows)
                return
            count += len(rows)
            if kind != b"s" or not rows or count > wire.MAX_ENTRIES:
                raise ValueError("its list of files has no end")
            yield from rows

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for batch in wire.batches(paths):
            self._conversation.send(b"d", wire.pack_json(batch))
            with _checked():
                kind, body = self._conversation.receive()
                answer = wire.unpack_json(body)
                if kind != b"D" or not isinstance(answer, dict):
                    raise ValueError("it answered something that was not asked")
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

    def apply(self, frames: Iterable[Frame]) -> list[Outcome]:
        try:
            for kind, body in wire.pieces(frames):
                self._conversation.send(kind, body)
            self._conversation.send(b".", b"")
        except RemoteFailure as error:
            if error.kind == "stdin":  # it reads no more: it has said why before it ended
                self._conversation.receive()
            raise
        with _checked():
            return self._outcomes()

    @property
    def _conversation(self) -> Conversation:
        assert self._opened, "the snapshot comes first"
        return self._opened

    def _outcomes(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while True:
            kind, body = self._conversation.receive()
            if kind == b".":
                return outcomes
            rows = wire.unpack_json(body)
            if kind != b"a" or not rows or len(outcomes) > wire.MAX_ENTRIES:
                raise ValueError("its list of outcomes has no end")
            outcomes += [_outcome(row) for row in rows]

    def __enter__(self) -> "RemoteReplica":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process:
            self._process.close()


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
        begun: Counter[str] = Counter()
        entry: Entry | None = None
        digest = hashlib.sha256()
        while True:
            piece, packed = self._conversation.receive()
            if piece == b"G":
                left = wire.unpack_json(packed)
                self.skipped += [Left(p, str(why)[:200]) for p, why in left if p in wanted]
                return
            if piece not in (b"z", b"r"):
                raise ValueError("it sent something that was not asked for")
            for kind, body in wire.unpacked(piece, packed):
                if kind == b"p" and not at:
                    at, entry = parse_row(wire.load_json(body)[0])
                    if at not in wanted or at in self.sent or entry.kind is not Kind.FILE:
                        raise ValueError(f"it sent {at[:200]!r}, which was not asked for")
                    if entry.size > self._most(at):
                        raise ValueError(f"it sent more of {at[:200]!r} than was asked for")
                    begun[at] += 1
                    if begun[at] > wire.TRIES:
                        raise ValueError(f"it sends {at[:200]!r} without end")
                    digest = hashlib.sha256()
                    yield _announced(wanted[at], entry, at in self._bases)
                    continue
                if kind == b"c" and at:
                    digest.update(body)
                    self._meter.advance(len(body))
                elif kind == b"k" and at in self._bases:
                    self._meter.advance(wire.SPAN.unpack(body)[1])
                elif kind == b"f" and at:
                    if body:  # what takes blocks from here is held to the digest where it is staged
                        told = body.hex() if at in self._bases else digest.hexdigest()
                        self.sent[at] = Sent(entry, told)
                    at = ""
                else:
                    raise ValueError("its contents are out of order")
                yield kind, body


def _announced(change: Change, entry: Entry, based: bool) -> Frame:
    assert change.entry, "only files were asked for"
    row = to_row(change.path, replace(entry, executable=change.entry.executable))
    return header(row, to_row(change.path, change.expected) if change.expected else None, based)


def _outcome(row: Any) -> Outcome:
    path, state, entry, reason = row
    if not isinstance(path, str) or state not in get_args(State):
        raise ValueError("an outcome is of the wrong form")
    return Outcome(path, state, parse_row(entry)[1] if entry else None, str(reason)[:200])


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64


@contextlib.contextmanager
def _checked() -> Iterator[None]:
    """Turn what a far side said wrongly into a ProtocolError."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(
            tr("The runtime's side of the sync makes no sense: {error}.", error=error),
            tr("Nothing here was changed. If the runtime can be trusted, sync again."),
        ) from error


@contextlib.contextmanager
def _local_failures() -> Iterator[None]:
    try:
        yield
    except wire.Failure as error:
        raise SyncHalted(error.message, error.hint) from error
    except OSError as error:
        raise SyncHalted(
            tr(
                "{filename} cannot be used: {strerror}.",
                filename=error.filename,
                strerror=error.strerror,
            ),
            tr("Check its permissions."),
        ) from error
