"""A file that a job made, on its way here: one version of it, whole."""

import contextlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self  # what the far side says is JSON: a mapping of anything

from colabdev.errors import ProtocolError
from colabdev.jobs.job import Artifact
from colabdev.language import tr
from colabdev.remote.frames import Conversation
from colabdev.remote.program import program
from colabdev.remote.transport import Transport

_PROGRAM = "fetch"
_LARGEST_PIECE = 256 * 1024  # of a file, unpacked
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Version:
    """The version of a file that comes, from *offset* on; times in ns by the far clock *now*.

    One that is *whole* was renamed into place, or nobody writes to it, whatever was told before.
    """

    name: str
    offset: int
    size: int
    mtime_ns: int
    ctime_ns: int
    executable: bool
    whole: bool
    now: int


class Fetching(Iterator[bytes]):
    """The contents of *artifact*'s file as it stands in the folder of the job, piece by piece.

    Of *version*, *offset* bytes are here already; if another stands there by now, it is that one
    which comes, and from its beginning. Once it ran out, *digest* is that of the whole.

    Raises:
        RemoteFailure: (kinds ``changed``, ``unreadable``, ``no-job``) it is being written, it
            cannot be read, or there is no such job.
        ConnectionLost: the connection ended; another one may continue.
    """

    def __init__(
        self,
        transport: Transport,
        job_id: str,
        artifact: Artifact,
        *,
        version: str = "",
        offset: int = 0,
    ) -> None:
        words = (job_id, artifact.path, str(artifact.size), version or "-", str(offset))
        self.digest = b""
        self._process = transport.start(program(_PROGRAM, *words))
        try:
            self._conversation = Conversation(self._process, _PROGRAM)
            self._conversation.greet()
            self.version = _version(*self._conversation.receive())
        except BaseException:
            self._process.close()
            raise

    def __next__(self) -> bytes:
        kind, body = self._conversation.receive()
        if kind == b"f":
            self.digest = body
            raise StopIteration
        if kind not in (b"c", b"z"):
            raise ProtocolError(
                tr("A file arrives in pieces of an unknown kind from the far side.")
            )
        return _unpacked(body) if kind == b"z" else body

    def close(self) -> None:
        """Hang up."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _version(kind: bytes, body: bytes) -> Version:
    try:
        told = json.loads(body if kind == b"v" else b"")
        numbers = [_number(told[name]) for name in ("offset", "size", "mtime", "ctime", "now")]
        name, executable, whole = (told[word] for word in ("version", "executable", "whole"))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged() from error
    offset, size, mtime, ctime, now = numbers
    if not 0 <= offset <= size or not isinstance(name, str):
        raise _damaged()
    return Version(name[:200], offset, size, mtime, ctime, executable is True, whole is True, now)


def _damaged() -> ProtocolError:
    return ProtocolError(tr("The far side does not say properly which version of a file comes."))


def _number(value: Any) -> int:
    if not isinstance(value, int) or abs(value) >= _LARGEST:
        raise ValueError("no size or time")
    return value


def _unpacked(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    chunk = b""
    with contextlib.suppress(zlib.error):
        chunk = stream.decompress(body, _LARGEST_PIECE)
    if not stream.eof:
        raise ProtocolError(tr("A file arrives damaged, or in pieces larger than agreed."))
    return chunk
