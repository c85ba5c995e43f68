"""The seam that every command hangs from: start a process on a machine and talk to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from colabdev.errors import ProtocolError
from colabdev.language import tr


class Process(Protocol):
    """A running command with its three streams; bytes in, bytes out."""

    def write(self, data: bytes) -> None:
        """Send all of *data* to its stdin.

        Raises:
            ConnectionLost: the connection ended underneath.
            RemoteFailure: (kind ``stdin``) the command reads no more.
        """

    def close_stdin(self) -> None:
        """End its stdin; what was written stays readable there."""

    def read(self, size: int = 65536) -> bytes:
        """Wait for stdout and return 1 to *size* bytes, or ``b""`` at its end.

        Raises:
            ConnectionLost: the connection ended before the command did.
        """

    def errors(self) -> bytes:
        """Return the last 64 KiB of what it wrote to stderr so far."""

    def wait(self) -> int:
        """Wait for its end and return the exit code (128 + N when signal N ended it).

        Raises:
            ConnectionLost: the connection ended before the exit code came.
        """

    def close(self) -> None:
        """Drop our ends of its streams; twice equals once, and it never raises."""


class Transport(Protocol):
    """A way to a machine, open until it is closed; a context manager."""

    def start(self, argv: Sequence[str]) -> Process:
        """Start *argv* there, in the login's home folder. Each word arrives as it is given.

        Raises:
            TransportError: the machine does not take the request.
        """

    def close(self) -> None:
        """End the connection and what hangs from it; twice equals once."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Completed:
    """What a finished command left: its exit code and both outputs."""

    code: int
    stdout: bytes
    stderr: bytes


MOST_OUTPUT = 16 * 1024 * 1024


def run(transport: Transport, argv: Sequence[str], stdin: bytes = b"") -> Completed:
    """Run *argv* to its end with *stdin* and return what it left.

    *stdin* is written whole before anything is read: keep it below a pipe's size (64 KiB)
    for commands that answer before they have read it all.

    Raises:
        ProtocolError: it puts out more than `MOST_OUTPUT` bytes.
    """
    process = transport.start(argv)
    try:
        if stdin:
            process.write(stdin)
        process.close_stdin()
        output = bytearray()
        while chunk := process.read():
            output += chunk
            if len(output) > MOST_OUTPUT:
                raise ProtocolError(
                    tr("The far side's answer to '{program}' has no end.", program=argv[0]),
                    tr("Look at it yourself: colabdev shell"),
                )
        return Completed(process.wait(), bytes(output), process.errors())
    finally:
        process.close()
