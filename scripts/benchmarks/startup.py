"""``help``: how long the command line takes to start."""

import functools
import subprocess
from pathlib import Path

from benchmarks.measure import Case, interleaved
from benchmarks.table import Claim, Report, ratio, timings

_PEER = 'python -c "import click"'


def measure(python: Path, rounds: int) -> Report:
    """Time ``colabdev --help`` against the import of click, the library it stands on."""
    commands = {
        _PEER: [str(python), "-c", "import click"],
        "colabdev --help": [str(python.with_name("colabdev")), "--help"],
    }
    cases = [Case(name, functools.partial(_run, words)) for name, words in commands.items()]
    results = interleaved(cases, rounds)
    claim = Claim(
        "`colabdev --help` by importing click", ratio(results, "colabdev --help", _PEER), 1.6
    )
    return Report("help", "", [timings("Start", results, _PEER, wire=False)], [claim])


def _run(words: list[str], _turn: int) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
