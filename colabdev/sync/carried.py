"""What one way of a sync carried, and what became of it on the other side."""

from collections.abc import Iterable, Iterator

from colabdev.errors import ProtocolError
from colabdev.language import tr
from colabdev.sync.contents import Contents, Sent
from colabdev.sync.replica import AsSent, Outcome
from colabdev.sync.snapshot import Entry, Kind, Left

_LATEST = 1 << 61  # nanoseconds since 1970: a time that an archive can hold


class Carried:
    """The *contents* that went one way; `account` tells what became of each.

    *size* is that of the files that were put in the end; it comes with `done`.
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.size = 0
        self._put: list[str] = []
        self._gone: list[str] = []
        self._others: dict[str, Outcome] = {}

    def account(self, told: Iterable[Outcome | AsSent]) -> "Carried":
        """Hold the other side to account for every change that went there.

        Raises:
            ProtocolError: it does not tell of each, or of others.
        """
        sent = self.contents.sent
        told_of: set[str] = set()
        rest: Iterator[str] | None = None
        changed = 0  # when the last file was, by the clock there
        for one in told:
            if isinstance(one, Outcome):
                self._tell(one)
                told_of.add(one.path)
                continue
            rest = rest or iter(sorted(sent.keys() - told_of if told_of else sent))
            path = next(rest, None)
            if path is None:
                raise _not_accounted()
            entry, digest, _, announced = sent[path]
            became = announced or entry
            if became and became.kind is Kind.FILE:
                changed += one.later
                if abs(changed) > _LATEST:
                    raise _not_accounted()
                became = Entry(*became[:3], changed, *became[4:])
            sent[path] = Sent(entry, digest, True, became)
        if sum(one.is_done for one in sent.values()) + len(self._others) != len(sent):
            raise _not_accounted()
        return self

    def _tell(self, outcome: Outcome) -> None:
        path, state, entry, _ = outcome
        went = self.contents.sent.get(path)
        is_done = state == "done"
        if went is None or (is_done and (entry is None) != (went.entry is None)):
            raise _not_accounted()
        if is_done:
            self._others.pop(path, None)
        else:
            self._others[path] = outcome
        if entry and went.entry and entry[:3] == went.entry[:3]:
            entry = Entry(*went.entry[:3], *entry[3:])  # the same numbers once
        self.contents.sent[path] = Sent(went.entry, went.digest, is_done, entry)

    def done(self) -> Iterator[tuple[str, Sent, Entry | None]]:
        """Yield each path at which all went well, what was sent, and what stands there now.

        Each is let go of as it is told: a tree may have 200,000 files.
        """
        sent = self.contents.sent
        for path in list(sent):
            if not self.is_done(path):
                continue
            one = sent.pop(path)
            (self._put if one.entry else self._gone).append(path)
            self.size += one.entry.size if one.entry else 0
            yield path, one, one.became

    def is_done(self, path: str) -> bool:
        """Tell whether what was sent for *path* stands there."""
        return self.contents.sent[path].is_done

    @property
    def put(self) -> tuple[str, ...]:
        """The paths that something was put at, of those that `done` told."""
        return tuple(sorted(self._put))

    @property
    def gone(self) -> tuple[str, ...]:
        """The paths at which something was taken away, of those that `done` told."""
        return tuple(sorted(self._gone))

    def left(self, state: str = "") -> list[Left]:
        """Return what was left alone, in the *state* if one is given, and why."""
        others = self._others.values()
        return [Left(one.path, one.reason) for one in others if state in ("", one.state)]


def _not_accounted() -> ProtocolError:
    return ProtocolError(
        tr("The runtime does not account for every file that was sent."), tr("Sync again.")
    )
