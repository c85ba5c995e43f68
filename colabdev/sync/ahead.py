"""The question of the last sync, asked again before all else is loaded and looked at.

Over a connection that stands, what a sync does here takes about as long as the answer is on its
way: the same question as last time is sent at once, and counts if it turns out to be the right one.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from colabdev.remote.asked import Asked
from colabdev.remote.reach import stands
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport

_LONGEST = 40_000  # bytes: with more it would have to be written after the start


@contextlib.contextmanager
def asked_ahead(
    project: Path, runtime: Runtime, transport: Callable[[], Transport]
) -> Iterator[Asked | None]:
    """Lend what was asked on *runtime* for the whole *project*; None where that gains nothing.

    A connection that has yet to be made takes so long that the question can wait for it.

    Raises:
        TransportError: the machine cannot be reached.
    """
    question = _remembered(project, runtime.boot_id) if stands(runtime) else b""
    if not question:
        yield None
        return
    with contextlib.closing(
        Asked(transport(), "replica", question, boot_id=runtime.boot_id)
    ) as asked:
        yield asked


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


def _remembered(project: Path, boot_id: str) -> bytes:
    with contextlib.suppress(OSError), place(project, boot_id).open("rb") as stream:
        question = stream.read(_LONGEST + 1)
        return question if len(question) <= _LONGEST else b""
    return b""
