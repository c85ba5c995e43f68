"""What was measured, as text: medians, ratios against a peer, and bounds held or missed."""

import datetime
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Result


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure that has a bound; *value* is None when it could not be measured."""

    what: str
    value: float | None
    bound: float
    unit: str = ""

    @property
    def held(self) -> bool:
        """Whether it is within its bound, as precise as it is shown."""
        return self.value is not None and round(self.value, 2) <= self.bound


@dataclass(frozen=True, slots=True)
class Table:
    """A heading and rows of cells, the first row being the columns' names."""

    title: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """What one benchmark found; *name* is its word on the command line."""

    name: str
    link: str
    tables: Sequence[Table]
    claims: Sequence[Claim]

    @property
    def held(self) -> bool:
        """Whether every bound is held."""
        return all(claim.held for claim in self.claims)


def median(results: Mapping[str, Result], tool: str, what: str = "seconds") -> float | None:
    """Return the median of *what* over the runs of *tool*, None when there are none."""
    result = results.get(tool)
    if not result or not result.samples:
        return None
    return statistics.median(float(getattr(sample, what)) for sample in result.samples)


def ratio(
    results: Mapping[str, Result], tool: str, peer: str, what: str = "seconds"
) -> float | None:
    """Return the median of *tool* by that of its *peer*, None when one of them is missing."""
    ours, theirs = median(results, tool, what), median(results, peer, what)
    return None if ours is None or not theirs else ours / theirs


def slope(
    results: Mapping[str, Result], near: str, far: str, near_rtt: float, far_rtt: float
) -> float | None:
    """Return how many round trips a tool takes, from its case at each of two round-trip times."""
    quick, slow = median(results, near), median(results, far)
    return None if quick is None or slow is None else (slow - quick) / (far_rtt - near_rtt)


def timings(title: str, results: Mapping[str, Result], peer: str, *, wire: bool = True) -> Table:
    """Return the table of *results*, with ratios against *peer*."""
    head = ["tool", "n", "median s", "min-max s", f"by {peer}"]
    rows = [head + (["up MB", "down MB"] if wire else [])]
    for name, result in results.items():
        middle, by = median(results, name), ratio(results, name, peer)
        if middle is None:
            rows.append([name, "0", f"failed: {result.failure}", *[""] * (len(rows[0]) - 3)])
            continue
        times = [sample.seconds for sample in result.samples]
        row = [
            name + (" (then failed)" if result.failure else ""),
            str(len(times)),
            f"{middle:.3f}",
            f"{min(times):.3f}-{max(times):.3f}",
            "" if by is None else f"{by:.2f}",
        ]
        if wire:
            row += [f"{(median(results, name, way) or 0) / 1e6:.3f}" for way in ("up", "down")]
        rows.append(row)
    return Table(title, rows)


def verdicts(claims: Sequence[Claim]) -> Table:
    """Return the table that says of each claim whether its bound is held."""
    rows = [["figure", "measured", "bound", ""]]
    for claim in claims:
        value = "not measured" if claim.value is None else f"{claim.value:.2f}{claim.unit}"
        bound = f"{claim.bound:g}{claim.unit}"
        rows.append([claim.what, value, bound, "held" if claim.held else "missed"])
    return Table("Bounds", rows)


def plain(table: Table) -> str:
    """Return *table* for a terminal."""
    columns = max(len(row) for row in table.rows)
    rows = [[*row, *[""] * (columns - len(row))] for row in table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(columns)]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([f"\n{table.title}", *lines])


def markdown(table: Table) -> str:
    """Return *table* for a page."""
    columns = len(table.rows[0])
    lines = [f"**{table.title}**", ""]
    for number, row in enumerate(table.rows):
        cells = [cell.replace("|", "\\|") for cell in [*row, *[""] * (columns - len(row))]]
        lines.append(f"| {' | '.join(cells)} |")
        if not number:
            lines.append("|" + "---|" + "---:|" * (columns - 1))
    return "\n".join(lines)


def put_section(page: Path, name: str, text: str) -> None:
    """Put *text* between the marks of the section *name* of *page*, made at its end when new."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    section = f"{begin}\n{text}\n{end}"
    marked = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    after, found = marked.subn(lambda _: section, before, count=1)
    page.write_text(after if found else f"{before}{section}\n", encoding="utf-8")


def section(report: Report, command: str) -> str:
    """Return the tables of *report* for a page, with when, where and how they were made."""
    known = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    about = [
        f"`{command}`, {datetime.date.today():%d %B %Y},"
        f" commit {known.stdout.strip() or 'unknown'};",
        f"{os.cpu_count()} cores of {processor}, Linux {platform.release().split('-')[0]},"
        f" Python {platform.python_version()}." + (f" Link: {report.link}." if report.link else ""),
    ]
    tables = [*report.tables, verdicts(report.claims)]
    return "\n\n".join(["\n".join(about), *map(markdown, tables)])
