"""``stream``: what a program on the machine prints, one line at a time and a million at once."""

import hashlib
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tools
from benchmarks.measure import Case, interleaved, say
from benchmarks.table import Claim, Report, Table, ratio, timings
from benchmarks.testbed import Bed, ToolFailed, open_bed

_LINES = 200
# The clock is one and the same at both ends. It waits until the reader listens for certain.
_TICK = (
    "import time; time.sleep(1)\n"
    f"for number in range({_LINES}):\n"
    " print(number, time.time_ns(), flush=True); time.sleep(0.02)\n"
)
_MANY = 1_000_000
_FLOOD = f"for number in range({_MANY}): print('step', number, 'loss 0.123')\n"
_SSH = "ssh host python -u"
_RUN, _LINKED = "colabdev run --no-sync, no link", "colabdev run --no-sync, link"


def measure(run: Path, python: Path, rounds: int, rtt: float, rate: float) -> Report:
    """Time both; of single lines the delay beyond half a round trip counts."""
    with open_bed(run, python, rtt=rtt, rate=rate) as bed:
        project = bed.home / "project"
        project.mkdir()
        (project / "train.py").write_text("print('hello')\n", encoding="utf-8")
        bed.run(tools.colabdev(bed, "sync"), cwd=project, env=tools.DIRECT)
        delays, table = _delays(bed, project, rounds)
        digest = hashlib.sha256(
            b"".join(b"step %d loss 0.123\n" % number for number in range(_MANY))
        ).hexdigest()
        commands = _commands(bed, _FLOOD)
        cases = [
            Case(name, _flood(_Started(bed, project, name, words), digest), bed)
            for name, words in commands.items()
        ]
        flood = interleaved(cases, rounds, warm_up=False)
        claims = []
        for name in list(commands)[1:]:
            late = delays[name] - delays[_SSH] if {name, _SSH} <= delays.keys() else None
            claims += [
                Claim(f"{name}: delay of a line beyond ssh's, p50", late, 1.5, " ms"),
                Claim(f"{name}: time of a million lines, by ssh", ratio(flood, name, _SSH), 0.5),
                Claim(
                    f"{name}: bytes of a million lines, by ssh",
                    ratio(flood, name, _SSH, "both"),
                    0.15,
                ),
            ]
        return Report(
            "stream", str(bed.link), [table, timings("A million short lines", flood, _SSH)], claims
        )


def _commands(bed: Bed, program: str) -> Mapping[str, Sequence[str]]:
    words = [str(bed.python), "-u", "-c", program]
    run = tools.colabdev(bed, "run", "--no-sync", "--", *words)
    commands = {_SSH: tools.ssh(bed, *words), _RUN: run}
    return {**commands, _LINKED: run} if tools.has_link(bed) else commands


def _delays(bed: Bed, project: Path, rounds: int) -> tuple[dict[str, float], Table]:
    """Return the median delay of each tool in ms, and the table of them."""
    found: dict[str, list[list[float]]] = {}
    failed: dict[str, str] = {}
    for turn in range(rounds):
        for name, words in _commands(bed, _TICK).items():
            try:
                delays = sorted(_arrivals(_Started(bed, project, name, words)))
            except ToolFailed as error:
                failed[name] = str(error)
                continue
            say(f"{turn + 1}/{rounds}  {name}: {statistics.median(delays):.2f} ms")
            found.setdefault(name, []).append(delays)
    rows = [["tool", "n", "p50 ms", "p99 ms"]]
    middles = {}
    for name, runs in found.items():
        middles[name] = statistics.median(statistics.median(run) for run in runs)
        last = statistics.median(run[int(0.99 * len(run)) - 1] for run in runs)
        rows.append([name, str(len(runs)), f"{middles[name]:.2f}", f"{last:.2f}"])
    rows += [[name, "0", f"failed: {why}", ""] for name, why in failed.items() if name not in found]
    return middles, Table("Delay of a line beyond half a round trip", rows)


@dataclass(frozen=True, slots=True)
class _Started:
    """The tool *name*, which starts *words* in *project* when it is asked to."""

    bed: Bed
    project: Path
    name: str
    words: Sequence[str]

    def __call__(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.bed.link.near_command(self.words),
            cwd=self.project,
            env={**self.bed.environment, **({} if self.name == _LINKED else tools.DIRECT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


def _arrivals(start: _Started) -> list[float]:
    half = start.bed.link.rtt / 2
    delays, rest = [], b""
    with start() as process:
        assert process.stdout
        while data := os.read(process.stdout.fileno(), 1 << 16):
            arrived = time.time_ns()
            *lines, rest = (rest + data).split(b"\n")
            delays += [((arrived - int(line.split()[1])) / 1e9 - half) * 1e3 for line in lines]
    if process.returncode or len(delays) != _LINES:
        raise ToolFailed(f"exit code {process.returncode}, {len(delays)} of {_LINES} lines")
    return delays


def _flood(start: _Started, digest: str) -> Callable[[int], None]:
    def run(_turn: int) -> None:
        told = hashlib.sha256()
        with start() as process:
            assert process.stdout
            while data := os.read(process.stdout.fileno(), 1 << 20):
                told.update(data)
        if process.returncode or told.hexdigest() != digest:
            raise ToolFailed(f"exit code {process.returncode}, or not the lines that were printed")

    return run
