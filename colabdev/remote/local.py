"""The transport to this very machine: subprocesses, the twin of the one over SSH."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from colabdev.errors import HostUnreachable, RemoteFailure, system_says
from colabdev.language import tr

_ERRORS_KEPT = 64 * 1024


class LocalProcess:
    """A child process behind the `Process` seam."""

    def __init__(self, argv: Sequence[str]) -> None:
        try:
            self._child = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=Path.home(),
                # The interpreter that runs us plays the notebook kernel's, unless told otherwise.
                env={"COLABDEV_PYTHON": sys.executable, **os.environ},
                start_new_session=True,  # Ctrl-C is for us; over SSH it would not get there either
            )
        except OSError as error:
            raise HostUnreachable(
                tr(
                    "{argv} cannot be started on this machine: {strerror}.",
                    argv=argv[0],
                    strerror=system_says(error),
                ),
                tr("Install it, or put it on PATH."),
            ) from error
        self._stdin = _pipe(self._child.stdin)
        self._stdout = _pipe(self._child.stdout)
        self._stderr = _pipe(self._child.stderr)
        self._errors = bytearray()
        # A full stderr pipe would stop the child while we wait for its stdout.
        self._drain = threading.Thread(target=self._drain_errors, daemon=True)
        self._drain.start()

    def write(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
            self._stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise RemoteFailure(
                "stdin", tr("The command ended before it read its input.")
            ) from error

    def close_stdin(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()

    def read(self, size: int = 65536) -> bytes:
        chunk: bytes = self._stdout.read1(size)  # type: ignore[attr-defined]  # a BufferedReader
        return chunk

    def errors(self) -> bytes:
        if self._child.poll() is not None:
            self._drain.join(timeout=1)
        return bytes(self._errors)

    def wait(self) -> int:
        code = self._child.wait()
        return 128 - code if code < 0 else code

    def close(self) -> None:
        """Close the pipes; a child that is still there is ended, as a closed channel would."""
        self.close_stdin()
        if self._child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=0.5)
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._stdout.close()
        # What the child left in the background may hold stderr open: that thread ends with it.
        self._drain.join(timeout=1)

    def _drain_errors(self) -> None:
        with self._stderr:
            while chunk := self._stderr.read1(65536):  # type: ignore[attr-defined]  # BufferedReader
                self._errors += chunk
                del self._errors[:-_ERRORS_KEPT]


class LocalTransport:
    """This machine as the far side."""

    def start(self, argv: Sequence[str]) -> LocalProcess:
        return LocalProcess(argv)

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "opened with PIPE"
    return stream
