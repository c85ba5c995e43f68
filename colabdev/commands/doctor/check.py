"""What a check of the doctor's found."""

import enum
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from colabdev.editor.find import System
from colabdev.remote.runtime import Runtime

LIMIT = 30.0  # seconds for a program that is asked something


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
    """Run *command* within *limit* seconds; one that cannot run or does not end has code 255."""
    try:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 255, "", "Connection timed out")
    except OSError as error:
        return subprocess.CompletedProcess(command, 255, "", str(error))
