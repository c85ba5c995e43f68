"""The messages between us and a program of ours on the far side.

After a hello line each message is a frame: one byte *kind*, four bytes of big-endian length, and
that many bytes. Two kinds mean the same in every program: ``E``, a JSON error record
``{"kind", "message", "hint"}``, and ``.``, the explicit end.
"""

import json
import struct

from colabdev.errors import EndedEarly, ProtocolError, RemoteFailure
from colabdev.far_words import translated
from colabdev.language import tr
from colabdev.remote.program import LACKS
from colabdev.remote.transport import Process

MAX_FRAME = 16 * 1024 * 1024
_MAX_GREETING = 64 * 1024
_MOST = 4 * 1024 * 1024  # bytes: all that has come, for what is left would be moved each time
_MAX_WORDS = 2000  # characters of what a far side says of its failure
_HEADER = struct.Struct(">cI")


def pack(kind: bytes, body: bytes) -> bytes:
    """Return one frame; *kind* is a single byte."""
    return _HEADER.pack(kind, len(body)) + body


class NotKept(Exception):
    """The machine does not keep the program that it was to run; nothing has run."""


class Conversation:
    """Frames to and from *process*, which runs ``payload/<name>.py``."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._name = name
        self._buffer = bytearray()

    def greet(self) -> bytes:
        """Read up to the hello line and return what was said before it.

        A shell's start-up file may print something, and so does what starts our programs.

        Raises:
            NotKept: the machine does not keep the program; nothing has run.
            ProtocolError: the program did not start.
        """
        hello = f"\0colabdev {self._name} 1\n".encode()
        while (at := self._buffer.find(hello)) < 0:
            if len(self._buffer) > _MAX_GREETING or not self._fill():
                if LACKS in self._buffer:
                    raise NotKept
                raise ProtocolError(
                    tr(
                        "The program '{name}' did not start on the far side{complaint}",
                        name=self._name,
                        complaint=self._complaint(),
                    ),
                    tr("Run 'colabdev shell' and see whether 'python3 --version' answers there."),
                )
        said = bytes(self._buffer[:at])
        del self._buffer[: at + len(hello)]
        return said

    def send(self, kind: bytes, body: bytes) -> None:
        """Send one frame."""
        self._process.write(pack(kind, body))

    def receive(self) -> tuple[bytes, bytes]:
        """Wait for one frame and return its kind and body.

        Raises:
            RemoteFailure: the frame was an error record.
            EndedEarly: the stream ended.
            ProtocolError: it is none of ours.
            ConnectionLost: the connection ended.
        """
        kind, length = _HEADER.unpack(self._take(_HEADER.size))
        if length > MAX_FRAME:
            raise ProtocolError(
                tr("The far side announced a message of {length} bytes.", length=length)
            )
        body = self._take(length)
        if kind == b"E":
            raise _failure(body)
        return kind, body

    def _take(self, size: int) -> bytes:
        """Wait for *size* bytes and return them; of a large file each is copied once."""
        parts = [bytes(memoryview(self._buffer)[:size])]
        del self._buffer[:size]
        missing = size - len(parts[0])
        while missing > 0:
            chunk = self._process.read(_MOST)
            if not chunk:
                raise EndedEarly(
                    tr(
                        "The program '{name}' on the far side ended early{complaint}",
                        name=self._name,
                        complaint=self._complaint(),
                    )
                )
            parts.append(chunk[:missing])
            self._buffer += memoryview(chunk)[missing:]
            missing -= len(chunk)
        return b"".join(parts)

    def _fill(self) -> bool:
        chunk = self._process.read(_MOST)
        self._buffer += chunk
        return bool(chunk)

    def _complaint(self) -> str:
        lines = self._process.errors().decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else "."


def _failure(body: bytes) -> RemoteFailure:
    try:
        record = json.loads(body)
        told = (record["kind"], record["message"], record.get("hint", ""))
        kind, message, hint = (str(words)[:_MAX_WORDS] for words in told)
        return RemoteFailure(kind, translated(message), translated(hint))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProtocolError(tr("The far side sent a damaged error record.")) from error
