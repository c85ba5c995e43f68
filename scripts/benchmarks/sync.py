"""``sync``: colabdev against rsync, tar and scp on the same data."""

import functools
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import data, tools
from benchmarks.measure import Case, Result, interleaved, say
from benchmarks.table import Claim, Report, Table, ratio, slope, timings
from benchmarks.testbed import Bed, ToolFailed, open_bed

_RSYNC, _SHARED, _TAR = "rsync -az", "rsync -az, ControlMaster", "tar, zstd, ssh"
_COLD, _LINKED = "colabdev sync, no link", "colabdev sync, link"


@dataclass(frozen=True, slots=True)
class Set:
    """A data set: how it is made and changed, and its bounds against cold rsync.

    Without *edit* it is copied anew each round, else only what was edited since the last one.
    """

    what: str
    make: Callable[[Path], None]
    edit: Callable[[Path, int], None] | None
    cold: float
    linked: float | None
    wire: float = 1.0
    rounds: int = 5


def _unchanged(_folder: Path, _turn: int) -> None:
    return


SETS = {
    "A": Set("1,000 small source files, a first copy", data.sources, None, 0.55, 0.38),
    "C": Set("one of A's 1,000 files changed", data.sources, data.edit_one, 0.38, 0.14),
    "D": Set("nothing of A changed", data.sources, _unchanged, 0.35, 0.10),
    "E": Set(
        "1 MB of a random file of 200 MB changed, in its middle",
        lambda folder: data.random_file(folder / "big.bin"),
        data.edit_middle,
        0.52,
        0.40,
        wire=1.2,
        rounds=3,
    ),
    "F": Set("20,000 tiny files, a first copy", data.tiny, None, 0.45, 0.36, rounds=3),
    "G": Set(
        "a log of 200 MB, 1 MB appended",
        lambda folder: data.log(folder / "train.log"),
        data.append,
        0.50,
        None,
        wire=1.2,
        rounds=3,
    ),
}


def measure(
    run: Path, python: Path, rounds: int | None, rtt: float, rate: float, only: Sequence[str]
) -> Report:
    """Time the tools on each set of *only*, all for none; *rounds* is each set's own for None."""
    tables: list[Table] = []
    claims: list[Claim] = []
    with open_bed(run, python, rtt=rtt, rate=rate) as bed:
        for name in only or SETS:
            chosen = SETS[name]
            say(f"{name}: {chosen.what}")
            try:
                results = interleaved(list(_cases(bed, name, chosen)), rounds or chosen.rounds)
            except (ToolFailed, OSError) as error:  # the sets that follow can do without this one
                results = {_COLD: Result(failure=str(error))}
            tables.append(timings(f"{name}: {chosen.what}", results, _RSYNC))
            claims += _claims(name, chosen, results)
            _forget(bed)
        if not only or "A" in only:
            tables.append(_scp(bed))
        if not only or "D" in only:
            with open_bed(run, python, rtt=rtt / 2, rate=rate) as closer:
                claims += _round_trips(bed, closer, rounds or 5)
        return Report("sync", str(bed.link), tables, claims)


def _cases(bed: Bed, name: str, chosen: Set) -> Iterator[Case]:
    """Yield one case a tool, each with a source and a copy of its own."""
    first = bed.home / f"{name}-first"
    chosen.make(first)
    large = ["--large"] if name in "EG" else []
    sync = tools.colabdev(bed, "sync", *large)
    runs: dict[str, Callable[[Path, Path], object]] = {
        _RSYNC: lambda here, there: bed.run(tools.rsync(bed, f"{here}/", tools.at(f"{there}/"))),
        _SHARED: lambda here, there: bed.run(
            tools.rsync(bed, f"{here}/", tools.at(f"{there}/", shared=True))
        ),
    }
    if not chosen.edit:
        runs[_TAR] = lambda here, there: bed.run(tools.tar(bed, here, there))
    runs[_COLD] = lambda here, _: bed.run(sync, cwd=here, env=tools.DIRECT)
    if tools.has_link(bed):
        runs[_LINKED] = lambda here, _: bed.run(sync, cwd=here)
    bed.run(tools.ssh(bed, "true", shared=True))
    for number, (tool, copy) in enumerate(runs.items()):
        place = _Place(bed, first, f"{name}-{number}", chosen.edit)
        yield Case(
            tool,
            functools.partial(place.copy, copy),
            bed,
            prepare=place.prepare,
            check=place.check,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tool copies from and to: the same each time, or a fresh one for first copies."""

    bed: Bed
    first: Path
    name: str
    edit: Callable[[Path, int], None] | None

    def here(self, turn: int) -> Path:
        return self.bed.home / self._name(turn)

    def there(self, turn: int) -> Path:
        return self.bed.workspace / self._name(turn)

    def copy(self, tool: Callable[[Path, Path], object], turn: int) -> None:
        tool(self.here(turn), self.there(turn))

    def prepare(self, turn: int) -> None:
        if turn == 0:
            _copy(self.first, self.here(turn))
        elif self.edit is None:  # another name makes it another project, of which nobody knows
            self.here(turn - 1).rename(self.here(turn))
            shutil.rmtree(self.here(turn) / ".colabdev", ignore_errors=True)
        if self.edit is not None and turn == 0:
            _copy(self.first, self.there(turn))  # so that the link need not carry it
        if self.edit is not None and turn:
            self.edit(self.here(turn), turn)

    def check(self, turn: int) -> None:
        wrong = data.difference(self.here(turn), self.there(turn))
        if wrong:
            raise ToolFailed(f"a wrong copy: {wrong}")

    def _name(self, turn: int) -> str:
        return self.name if self.edit else f"{self.name}-{turn}"


def _claims(name: str, chosen: Set, results: dict[str, Result]) -> Iterator[Claim]:
    yield Claim(f"{name}: time of {_COLD}, by {_RSYNC}", ratio(results, _COLD, _RSYNC), chosen.cold)
    yield Claim(
        f"{name}: bytes of {_COLD}, by {_RSYNC}",
        ratio(results, _COLD, _RSYNC, "both"),
        chosen.wire,
    )
    if _LINKED in results:
        if chosen.linked is not None:
            yield Claim(
                f"{name}: time of {_LINKED}, by {_RSYNC}",
                ratio(results, _LINKED, _RSYNC),
                chosen.linked,
            )
        yield Claim(
            f"{name}: bytes of {_LINKED}, by {_RSYNC}",
            ratio(results, _LINKED, _RSYNC, "both"),
            chosen.wire,
        )


def _scp(bed: Bed) -> Table:
    """Return the table of one ``scp -r``: its round trips for each file make more endless."""
    folder = bed.home / "A100"
    data.sources(folder, 100)
    there = bed.workspace / "scp"
    case = Case("scp -r", lambda _: bed.run(tools.scp(bed, str(folder), tools.at(there))), bed)
    return timings("100 files of A, once", interleaved([case], 1, warm_up=False), "scp -r")


def _round_trips(bed: Bed, closer: Bed, rounds: int) -> Iterator[Claim]:
    """Yield how many round trips a sync takes that has nothing to send."""
    cases = []
    half = " (half the round trip)"
    for one, suffix in ((bed, ""), (closer, half)):
        for case in _cases(one, "D", SETS["D"]):
            if case.name in (_COLD, _LINKED):
                named = Case(case.name + suffix, case.run, one, case.prepare, case.check)
                cases.append(named)
    results = interleaved(cases, rounds)
    for tool, bound in ((_COLD, 4.5), (_LINKED, 1.5)):
        if tool in results:
            trips = slope(results, tool + half, tool, closer.link.rtt, bed.link.rtt)
            yield Claim(f"D: round trips of {tool}", trips, bound)


def _forget(bed: Bed) -> None:
    """Give the disk back what a set took; the projects' own records go with them."""
    for folder in (bed.home, bed.workspace):
        for left in folder.glob("[A-G]-*"):
            shutil.rmtree(left)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)
