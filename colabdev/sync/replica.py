"""The two sides of a sync behind one seam: a directory of this machine, or one elsewhere."""

import contextlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args  # frames hold JSON: anything, until checked

from colabdev.errors import ProtocolError, RemoteFailure, SyncHalted
from colabdev.payload import replica as wire
from colabdev.remote.frames import Conversation, pack
from colabdev.remote.program import program
from colabdev.remote.transport import Transport
from colabdev.sync.contents import Frame
from colabdev.sync.snapshot import Entry, Left, Snapshot, from_rows, parse_row, to_row

_MAX_LISTING = 2 * wire.MAX_JSON
State = Literal["done", "changed", "refused"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: *entry* is what stands there when it is done, *reason* why not."""

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

    def apply(self, frames: Iterable[Frame]) -> list[Outcome]:
        """Stage the contents that *frames* carry, move them into place, and tell what became.

        Nothing is moved before all has come whole.
        """

    def __enter__(self) -> "Replica": ...

    def __exit__(self, *exc: object) -> None: ...


class LocalReplica:
    """The tree at *root* on this machine."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._entries: Mapping[str, Entry] = {}

    def snapshot(self, rules: wire.Rules) -> Snapshot:
        problems: list[list[str]] = []
        with _local_failures():
            self._entries = from_rows(wire.scan(self._root, rules, problems))
        return Snapshot(self._entries, tuple(Left(*problem) for problem in problems))

    def digests(self, paths: Sequence[str]) -> Mapping[str, str]:
        found = {}
        for path in paths:
            digest = wire.digest_of(self._root, to_row(path, self._entries[path]))
            if digest is not None:
                found[path] = digest
        return found

    def apply(self, frames: Iterable[Frame]) -> list[Outcome]:
        with _local_failures(), contextlib.closing(wire.Stage(self._root)) as stage:
            for frame in frames:
                stage.take(*frame)
            return [_outcome(row) for row in stage.apply()]

    def __enter__(self) -> "LocalReplica":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""


class RemoteReplica:
    """The tree at *root* (absolute) on the machine that *transport* reaches.

    Whatever comes from there is checked before it is believed; a foreign or broken far side ends
    in a ProtocolError, one that says what went wrong in a RemoteFailure.
    """

    def __init__(self, transport: Transport, root: str) -> None:
        self._root = root
        self._process = transport.start(program("replica"))
        self._conversation = Conversation(self._process, "replica")

    def snapshot(self, rules: wire.Rules) -> Snapshot:
        # The request follows the program at once: no round trip for its hello.
        request = {"root": self._root, "rules": rules.levels}
        with contextlib.suppress(RemoteFailure):  # it reads nothing: its greeting says why
            self._conversation.send(b"q", wire.pack_json(request))
        self._conversation.greet()
        problems: list[Left] = []
        with _checked():
            entries = from_rows(self._rows(problems))
        return Snapshot(entries, tuple(problems))

    def _rows(self, problems: list[Left]) -> Iterator[Any]:
        count = size = 0
        while True:
            kind, body = self._conversation.receive()
            text = wire.inflate(body, wire.MAX_JSON)
            size += len(text)
            if size > _MAX_LISTING:
                raise ValueError("its list of files has no end")
            rows = wire.load_json(text)
            if kind == b"S":
                problems += [Left(str(path), str(reason)) for path, reason in rows[: wire.BATCH]]
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

    def apply(self, frames: Iterable[Frame]) -> list[Outcome]:
        try:
            for kind, body in _chunks(frames):
                self._conversation.send(kind, body)
            self._conversation.send(b".", b"")
        except RemoteFailure as error:
            if error.kind == "stdin":  # it reads no more: it has said why before it ended
                self._conversation.receive()
            raise
        outcomes: list[Outcome] = []
        with _checked():
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
        self._process.close()


def _chunks(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Gather *frames* into chunks worth compressing, and leave raw those that are not."""
    chunk = bytearray()
    for kind, body in frames:
        chunk += pack(kind, body)
        if len(chunk) >= wire.CHUNK:
            yield _compressed(bytes(chunk))
            chunk.clear()
    if chunk:
        yield _compressed(bytes(chunk))


def _compressed(chunk: bytes) -> Frame:
    probe = chunk[len(chunk) // 2 :][:4096]
    if len(zlib.compress(probe)) > 0.95 * len(probe):
        return b"r", chunk
    return b"z", zlib.compress(chunk)


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
            f"The runtime's side of the sync makes no sense: {error}.",
            "Nothing here was changed. If the runtime can be trusted, sync again.",
        ) from error


@contextlib.contextmanager
def _local_failures() -> Iterator[None]:
    try:
        yield
    except wire.Failure as error:
        raise SyncHalted(error.message, error.hint) from error
    except OSError as error:
        raise SyncHalted(
            f"{error.filename} cannot be used: {error.strerror}.", "Check its permissions."
        ) from error
