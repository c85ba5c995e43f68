"""What one way of a sync carried, and what became of it on the other side."""

from collections.abc import Iterable, Iterator

from colabdev.errors import ProtocolError
from colabdev.language import tr
from colabdev.sync.contents import Contents, Sent
from colabdev.sync.replica import Outcome
from colabdev.sync.snapshot import Entry, Left


class Carried:
    """The *contents* that went one way; `account` tells what became of each.

    *put* and *gone* are the paths that were put or taken away in the end, *size* the bytes of the
    former: they come with `close`, which lets go of all else. A tree may have 200,000 files.
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.put: tuple[str, ...] = ()
        self.gone: tuple[str, ...] = ()
        self.size = 0
        self._others: dict[str, Outcome] = {}

    def account(self, told: Iterable[Outcome]) -> "Carried":
        """Hold the other side to account for every change that went there.

        Raises:
            ProtocolError: it does not tell of each, or of others.
        """
        sent = self.contents.sent
        for outcome in told:
            path, state, entry, _ = outcome
            went = sent.get(path)
            is_done = state == "done"
            if went is None or (is_done and (entry is None) != (went.entry is None)):
                raise _not_accounted()
            if is_done:
                self._others.pop(path, None)
            else:
                self._others[path] = outcome
            if entry and went.entry and entry[:3] == went.entry[:3]:
                entry = Entry(*went.entry[:3], *entry[3:])  # the same numbers once
            sent[path] = Sent(went.entry, went.digest, is_done, entry)
        if sum(one.is_done for one in sent.values()) + len(self._others) != len(sent):
            raise _not_accounted()
        return self

    def done(self) -> Iterator[tuple[str, Sent, Entry | None]]:
        """Yield each path at which all went well, what was sent, and what stands there now."""
        for path, sent in self.contents.sent.items():
            if sent.is_done:
                yield path, sent, sent.became

    def is_done(self, path: str) -> bool:
        """Tell whether what was sent for *path* stands there."""
        return self.contents.sent[path].is_done

    def left(self, state: str) -> list[Left]:
        """Return what was left alone in the *state*, and why."""
        return [Left(o.path, o.reason) for o in self._others.values() if o.state == state]

    def close(self) -> None:
        """Keep the sums and let go of the rest."""
        done = sorted((path, sent) for path, sent, _ in self.done())
        self.put = tuple(path for path, sent in done if sent.entry)
        self.gone = tuple(path for path, sent in done if not sent.entry)
        self.size = sum(sent.entry.size for _, sent in done if sent.entry)
        self.contents.sent.clear()


def _not_accounted() -> ProtocolError:
    return ProtocolError(
        tr("The runtime does not account for every file that was sent."), tr("Sync again.")
    )
