"""``download``: one file of 200 MB from the machine to the laptop."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks import data, tools
from benchmarks.measure import Case, interleaved, say
from benchmarks.table import Claim, Report, ratio, timings
from benchmarks.testbed import Bed, ToolFailed, open_bed

_SCP, _RSYNC = "scp", "rsync -az"
_PULL, _LINKED = "colabdev pull, no link", "colabdev pull, link"
_FILE = "big.bin"


def measure(run: Path, python: Path, rounds: int, rtt: float, rate: float) -> Report:
    """Time it over the link, and over one without delay or limit; then with nothing new."""
    with open_bed(run, python, rtt=rtt, rate=rate) as bed:
        say(f"200 MB, {bed.link}")
        slow = interleaved(list(_first(bed)), rounds, warm_up=False)
        again = interleaved(list(_again(bed)), rounds)
        link = str(bed.link)
    with open_bed(run, python, rtt=0, rate=0) as bed:
        say(f"200 MB, {bed.link}")
        fast = interleaved(list(_first(bed)), rounds)
    tables = [
        timings("200 MB over the link", slow, _SCP),
        timings("200 MB with no delay and no limit", fast, _SCP),
        timings("Again, with nothing new", again, _RSYNC),
    ]
    claims = []
    for tool in [name for name in slow if name != _SCP]:
        claims += [
            Claim(f"{tool}: 200 MB over the link, by scp", ratio(slow, tool, _SCP), 1.00),
            Claim(f"{tool}: no delay and no limit, by scp", ratio(fast, tool, _SCP), 1.10),
            Claim(f"{tool}: nothing new, by cold rsync -az", ratio(again, tool, _RSYNC), 0.40),
        ]
    return Report("download", link, tables, claims)


def _first(bed: Bed) -> Iterator[Case]:
    there = bed.workspace / "down"
    data.random_file(there / _FILE)
    pull = tools.colabdev(bed, "pull", _FILE)
    here = bed.home / "down"

    def fresh(_turn: int) -> None:
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()

    def check(_turn: int) -> None:
        if wrong := data.difference(there, here):
            raise ToolFailed(f"a wrong copy: {wrong}")

    scp = tools.scp(bed, tools.at(there / _FILE), f"{here}/{_FILE}")
    yield Case(_SCP, lambda _: bed.run(scp), bed, fresh, check)
    yield Case(_PULL, lambda _: bed.run(pull, cwd=here, env=tools.DIRECT), bed, fresh, check)
    if tools.has_link(bed):
        yield Case(_LINKED, lambda _: bed.run(pull, cwd=here), bed, fresh, check)


def _again(bed: Bed) -> Iterator[Case]:
    """Yield the cases that find all there, brought by the last of `_first`."""
    here, there = bed.home / "down", bed.workspace / "down"
    shutil.copytree(there, bed.home / "mirror")
    pull = tools.colabdev(bed, "pull", _FILE)
    rsync = tools.rsync(bed, tools.at(f"{there}/"), f"{bed.home}/mirror/")
    yield Case(_RSYNC, lambda _: bed.run(rsync), bed)
    yield Case(_PULL, lambda _: bed.run(pull, cwd=here, env=tools.DIRECT), bed)
    if tools.has_link(bed):
        yield Case(_LINKED, lambda _: bed.run(pull, cwd=here), bed)
