"""What a check of the doctor's found."""

import contextlib
import enum
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO

from colabdev.editor.find import System
from colabdev.remote.runtime import Runtime

LIMIT = 30.0  # seconds for a program that is asked something
_MOST = 1_000_000  # bytes of an answer
_LAST = 2.0  # seconds for the last words of a program that has ended


class Verdict(enum.StrEnum):
    """How a check ended; what depends on a failed one is skipped."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was *found*, where that came from, and the step that *mends* it."""

    name: str
    found: str
    source: str
    verdict: Verdict
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's answer before it has its name."""

    verdict: Verdict
    found: str
    source: str
    mend: str = ""


@dataclass(slots=True)
class Patient:
    """What is examined: this computer, and the *runtime* when there is one.

    *said* is what the runtime told of itself, by name, once the login went through.
    """

    system: System
    runtime: Runtime | None
    said: dict[str, str] = field(default_factory=dict)
    skew: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """A check to make after those it *needs*; *fix* does what is safe and says what it did."""

    name: str
    look: Callable[[Patient], Finding | None]  # None: it does not apply here
    needs: Sequence[str] = ()
    fix: Callable[[Patient], str] | None = None


def ok(found: str, source: str = "") -> Finding:
    """Return the finding that all is well."""
    return Finding(Verdict.OK, found, source)


def warn(found: str, source: str, mend: str) -> Finding:
    """Return the finding of something that may do harm."""
    return Finding(Verdict.WARN, found, source, mend)


def fail(found: str, source: str, mend: str) -> Finding:
    """Return the finding of something that is broken."""
    return Finding(Verdict.FAIL, found, source, mend)


def skipped(found: str) -> Finding:
    """Return the finding of what could not be looked at."""
    return Finding(Verdict.SKIPPED, found, "")


def ask(
    command: Sequence[str], *, stdin: str = "", limit: float = LIMIT
) -> "subprocess.CompletedProcess[str]":
    """Run *command* within *limit* seconds; one that cannot run or does not end has code 255.

    What it says beyond the first `_MOST` bytes is not listened to: it is ended.
    """
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 255, "", str(error))
    said, complained = _Heard(child, child.stdout), _Heard(child, child.stderr)
    with child:
        assert child.stdin
        with contextlib.suppress(OSError), child.stdin:  # it may have ended already
            child.stdin.write(stdin.encode())
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            child.kill()
            return subprocess.CompletedProcess(command, 255, "", "Connection timed out")
        return subprocess.CompletedProcess(command, code, said.text(), complained.text())


class _Heard:
    """What *child* says on one of its pipes, up to `_MOST` bytes."""

    def __init__(self, child: "subprocess.Popen[bytes]", pipe: IO[bytes] | None) -> None:
        assert pipe
        self._child = child
        self._pipe = pipe
        self._data = b""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under us
            while part := os.read(self._pipe.fileno(), 1 << 16):
                self._data += part
                if len(self._data) > _MOST:
                    self._child.kill()
                    return

    def text(self) -> str:
        """Return all of it; a child's own child that holds the pipe is not waited for."""
        self._thread.join(_LAST)
        return self._data.decode("utf-8", "replace")
