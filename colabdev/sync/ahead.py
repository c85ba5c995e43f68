"""The question of the last sync, asked again before all else is loaded and looked at.

Over a connection that stands, what a sync does here takes about as long as the answer is on its
way: the same question as last time is sent at once, and counts if it turns out to be the right one.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from colabdev.errors import ColabdevError
from colabdev.language import choose
from colabdev.remote.asked import Asked, opening
from colabdev.remote.link.client import LinkTransport
from colabdev.remote.reach import Dial, stands
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Transport
from colabdev.settings import setting

_LONGEST = 40_000  # bytes: with more it would have to be written after the start


class Ahead:
    """A *question* that is on its way over *transport*, and may turn out to be the right one."""

    def __init__(self, transport: Transport, question: bytes, boot_id: str) -> None:
        self.question = question
        self._transport = transport
        self._boot_id = boot_id
        self._asked: Asked | None = None
        if isinstance(transport, LinkTransport):
            transport.announce(opening("replica", question))
        else:
            self.take()

    def take(self) -> Asked:
        """Return the program that was asked it.

        Raises:
            TransportError: the machine cannot be reached.
        """
        if self._asked is None:
            self._asked = Asked(self._transport, "replica", self.question, boot_id=self._boot_id)
        return self._asked

    def close(self) -> None:
        """End the program, if it has not ended."""
        if self._asked is not None:
            self._asked.close()


class _Begun(NamedTuple):
    """What was begun before the command line was loaded, and for which *project* on *runtime*."""

    project: Path
    runtime: Runtime
    dial: Dial
    ahead: Ahead | None


_begun: list[_Begun] = []


def begin(project: Path) -> None:
    """Dial the default runtime, or ask for *project* over the link to it if one stands.

    `opened` takes it up. What goes wrong is met again by whoever tells of it.
    """
    with contextlib.suppress(ColabdevError, OSError):
        choose(setting("lang").value or "")  # a link is told which language is spoken
        runtime = Registry().get(None)
        if runtime.destination:
            dial = Dial(runtime)
            question = _question(project, runtime)
            ahead = Ahead(dial(), question, runtime.boot_id) if question else None
            _begun.append(_Begun(project, runtime, dial, ahead))


@contextlib.contextmanager
def opened(
    project: Path, runtime: Runtime, *, whole: bool = True
) -> Iterator[tuple[Dial, Ahead | None]]:
    """Lend a connection to *runtime* that is being opened, and what was asked over it.

    Nothing is asked where no connection stands, or where not the *whole* project will be synced.
    """
    with contextlib.ExitStack() as stack:
        dial = ahead = None
        while _begun:
            begun = _begun.pop()
            stack.enter_context(begun.dial)
            if begun.ahead:
                stack.callback(begun.ahead.close)
            if begun.runtime == runtime:
                dial = begun.dial
                ahead = begun.ahead if begun.project == project and whole else None
        if dial is None:
            dial = stack.enter_context(Dial(runtime))
        if ahead is None and whole:
            ahead = stack.enter_context(asked_ahead(project, runtime, dial))
        yield dial, ahead


@contextlib.contextmanager
def asked_ahead(
    project: Path, runtime: Runtime, transport: Callable[[], Transport]
) -> Iterator[Ahead | None]:
    """Lend what was asked on *runtime* for the whole *project*; None where that gains nothing.

    A connection that has yet to be made takes so long that the question can wait for it.
    """
    question = _question(project, runtime)
    ahead = Ahead(transport(), question, runtime.boot_id) if question else None
    try:
        yield ahead
    finally:
        if ahead:
            ahead.close()


def remember(project: Path, boot_id: str, question: bytes) -> None:
    """Keep what is to be asked next time on the machine of the life *boot_id*.

    A file that is damaged or not written costs no more than that question.
    """
    if question and question != _remembered(project, boot_id):
        with contextlib.suppress(OSError):
            place(project, boot_id).write_bytes(question)


def place(project: Path, boot_id: str) -> Path:
    """Return the file of the question."""
    return project / ".colabdev" / "sync" / f"{boot_id}.ask"


def _question(project: Path, runtime: Runtime) -> bytes:
    """Return what is to be asked ahead, none where no connection stands."""
    return _remembered(project, runtime.boot_id) if stands(runtime) else b""


def _remembered(project: Path, boot_id: str) -> bytes:
    with contextlib.suppress(OSError), place(project, boot_id).open("rb") as stream:
        question = stream.read(_LONGEST + 1)
        return question if len(question) <= _LONGEST else b""
    return b""
