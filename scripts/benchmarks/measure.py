"""Timing tools in turn: what one run of each costs in time and in bytes on the wire."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.testbed import Bed, ToolFailed


def _nothing(_round: int) -> None:
    return


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: *seconds* of wall time, bytes to (*up*) and from (*down*) the far end."""

    seconds: float
    up: int = 0
    down: int = 0

    @property
    def both(self) -> int:
        """Bytes both ways."""
        return self.up + self.down


@dataclass(frozen=True, slots=True)
class Case:
    """A tool at its task; *prepare* and *check* get the round's number and are not timed."""

    name: str
    run: Callable[[int], object]
    bed: Bed | None = None
    prepare: Callable[[int], object] = _nothing
    check: Callable[[int], object] = _nothing


@dataclass(slots=True)
class Result:
    """What a case gave; *failure* says why it gave no more."""

    samples: list[Sample] = field(default_factory=list)
    failure: str = ""


def interleaved(cases: Sequence[Case], rounds: int, *, warm_up: bool = True) -> dict[str, Result]:
    """Run the *cases* in turn, *rounds* times each, with one round before that does not count.

    A case that fails is left out of the rounds that follow; the others go on.
    """
    results = {case.name: Result() for case in cases}
    for number in range(0 if warm_up else 1, rounds + 1):
        for case in cases:
            result = results[case.name]
            if result.failure:
                continue
            try:
                sample = _once(case, number)
            except (ToolFailed, OSError, ValueError, subprocess.SubprocessError) as error:
                result.failure = " ".join(str(error).split())[:300]
                say(f"{case.name}: {result.failure}")
                continue
            if number:
                result.samples.append(sample)
                say(f"{number}/{rounds}  {case.name}: {sample.seconds:.3f} s")
    return results


def _once(case: Case, number: int) -> Sample:
    case.prepare(number)
    link = case.bed.link if case.bed else None
    before = link.settle() if link else None
    start = time.perf_counter()
    case.run(number)
    seconds = time.perf_counter() - start
    sample = Sample(seconds)
    if link and before:
        crossed = link.settle() - before
        sample = Sample(seconds, crossed.up, crossed.down)
    case.check(number)
    return sample


def say(text: str) -> None:
    """Tell the one who waits how far it is."""
    print(f"  {text}", file=sys.stderr, flush=True)
