"""The figures of scripts/bench: its statistics, its pages, and a tiny run of the real thing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import data, table
from benchmarks.measure import Case, Result, Sample, interleaved
from benchmarks.testbed import ToolFailed

BENCH = Path(__file__).parents[1] / "scripts" / "bench"
RESULTS = {
    "ssh": Result([Sample(2.0, 60, 40), Sample(1.0, 10, 90), Sample(9.0, 50, 50)]),
    "ours": Result([Sample(1.0, 10, 10), Sample(0.5, 30, 0), Sample(1.0, 10, 20)]),
    "broken": Result(failure="exit code 1: no"),
}


def test_ratios_are_those_of_the_medians() -> None:
    """Time and bytes are compared by medians; a tool that never ran has no ratio."""
    assert table.ratio(RESULTS, "ours", "ssh") == 0.5
    assert table.ratio(RESULTS, "ours", "ssh", "both") == 0.3
    assert table.ratio(RESULTS, "broken", "ssh") is None
    assert table.ratio(RESULTS, "ours", "missing") is None


def test_the_slope_over_two_round_trip_times_counts_round_trips() -> None:
    """A second more for a quarter of a second more of round trip are four round trips."""
    assert table.slope(RESULTS, "ours", "ssh", 0.25, 0.5) == 4.0


@pytest.mark.parametrize(
    ("value", "held"), [(0.5, True), (0.504, True), (0.506, False), (None, False)]
)
def test_a_bound_is_held_as_precisely_as_it_is_shown(value: float | None, held: bool) -> None:
    """Two digits count, and what could not be measured holds no bound."""
    assert table.Claim("figure", value, 0.5).held is held


def test_a_tool_that_fails_leaves_the_others_their_numbers() -> None:
    """It is left out of later rounds, its reason stands in the table, the others go on."""
    turns: list[int] = []

    def fails(turn: int) -> None:
        if turn == 2:
            raise ToolFailed("exit code 1: gone")

    results = interleaved([Case("good", turns.append), Case("bad", fails)], 3)
    assert turns == [0, 1, 2, 3]
    assert len(results["good"].samples) == 3
    assert len(results["bad"].samples) == 1
    assert results["bad"].failure == "exit code 1: gone"
    shown = table.plain(table.timings("A run", {**RESULTS, **results}, "ssh"))
    assert "failed: exit code 1: no" in shown
    assert "bad (then failed)" in shown


def test_a_section_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """The text around it stays as it is; a section that is new goes to the end."""
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- bench sync -->\nold\n<!-- end sync -->\nAfter.\n")
    table.put_section(page, "sync", "new")
    table.put_section(page, "help", "start")
    assert page.read_text() == (
        "Before.\n<!-- bench sync -->\nnew\n<!-- end sync -->\nAfter.\n"
        "<!-- bench help -->\nstart\n<!-- end help -->\n"
    )


def test_the_data_is_the_same_each_time_and_a_wrong_copy_is_seen(tmp_path: Path) -> None:
    """Two makings are equal; a changed byte, a missing and an additional file are told."""
    for name in ("one", "two"):
        data.sources(tmp_path / name, 8)
        data.tiny(tmp_path / name, 200)
    one, two = tmp_path / "one", tmp_path / "two"
    assert data.difference(one, two) == ""
    data.edit_one(two, 1)
    assert data.difference(one, two) == "pkg07/mod0007.py differs"
    (two / "more").touch()
    assert data.difference(one, two) == "1 paths are on one side only"


@pytest.mark.parametrize("words", [[], ["sing"], ["sync", "--only", "A,X"], ["connect", "-n", "0"]])
def test_wrong_words_are_refused(words: list[str]) -> None:
    """What cannot be measured is said before anything is made (exit code 2)."""
    done = subprocess.run([sys.executable, BENCH, *words], capture_output=True, check=False)
    assert done.returncode == 2


@pytest.mark.sshd
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not os.access("/dev/net/tun", os.R_OK),
    reason="network namespaces and TUN devices need root on Linux",
)
@pytest.mark.skipif(
    not all(map(shutil.which, ("ip", "nsenter", "cc"))), reason="iproute2 and cc are not here"
)
def test_the_test_bed_carries_ssh_and_colabdev_and_goes(tmp_path: Path) -> None:
    """Both tools reach the machine over the link, and no namespace is left behind."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from benchmarks import connect, testbed\n"
        "with testbed.run_folder() as run:\n"
        "    print(run.name)\n"
        "    report = connect.measure(run, Path(sys.executable), 1, 0.004, 50e6)\n"
        "print([claim.value for claim in report.claims])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(BENCH.parent)],
        env={**os.environ, "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name, values = done.stdout.splitlines()
    assert "None" not in values, done.stderr
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert name not in left.stdout
