"""``connect``: a command on the machine, over a new and over a kept connection."""

from pathlib import Path

from benchmarks import tools
from benchmarks.measure import Case, interleaved
from benchmarks.table import Claim, Report, ratio, slope, timings
from benchmarks.testbed import Bed, open_bed

_SSH, _SHARED = "ssh host true", "ssh host true, ControlMaster"
_RUN, _LINKED = "colabdev run --no-sync -- true, no link", "colabdev run -- true, link"


def measure(run: Path, python: Path, rounds: int, rtt: float, rate: float) -> Report:
    """Time them at *rtt* seconds and at half of it; the difference counts the round trips."""
    with (
        open_bed(run, python, rtt=rtt, rate=rate) as bed,
        open_bed(run, python, rtt=rtt / 2, rate=rate) as closer,
    ):
        linked = tools.has_link(bed)
        cases = [*_cases(bed, linked, ""), *_cases(closer, linked, _half(""))]
        results = interleaved(cases, rounds)
        claims = [
            Claim(f"{_RUN}, by cold ssh", ratio(results, _RUN, _SSH), 0.70),
            Claim(
                "round trips to connect and run a command, no link",
                slope(results, _half(_RUN), _RUN, rtt / 2, rtt),
                4.5,
            ),
        ]
        if linked:
            claims.append(
                Claim(
                    f"{_LINKED}, by ssh over ControlMaster", ratio(results, _LINKED, _SHARED), 1.2
                )
            )
        return Report("connect", str(bed.link), [timings("Run `true`", results, _SSH)], claims)


def _half(name: str) -> str:
    return f"{name} (half the round trip)"


def _cases(bed: Bed, linked: bool, suffix: str) -> list[Case]:
    project = bed.home / "project"
    project.mkdir()
    (project / "train.py").write_text("print('hello')\n", encoding="utf-8")
    bed.run(tools.colabdev(bed, "sync"), cwd=project, env=tools.DIRECT)
    bed.run(tools.ssh(bed, "true", shared=True))
    cold = tools.colabdev(bed, "run", "--no-sync", "--", "true")
    warm = tools.colabdev(bed, "run", "--", "true")
    cases = [
        Case(_SSH + suffix, lambda _: bed.run(tools.ssh(bed, "true")), bed),
        Case(_SHARED + suffix, lambda _: bed.run(tools.ssh(bed, "true", shared=True)), bed),
        Case(_RUN + suffix, lambda _: bed.run(cold, cwd=project, env=tools.DIRECT), bed),
    ]
    if linked:
        cases.append(Case(_LINKED + suffix, lambda _: bed.run(warm, cwd=project), bed))
    return cases
