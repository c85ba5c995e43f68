"""The checker as a job runs it: a process of its own that reports rows to a file."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # a report row is JSON

from colabdev.payload import checker, report

MINI_COURSE = Path(__file__).parent / "course"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checker left: its exit code, its output, and its rows."""

    code: int
    output: str
    rows: list[dict[str, Any]]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["kind"] == kind]


def run_checker(folder: Path, exercise: Path, check: Path, *words: str) -> Checked:
    """Check *exercise* by *check*; *folder* takes what a job's supervisor would put there."""
    child = start_checker(folder, exercise, check, *words)
    output, _ = child.communicate(timeout=120)
    rows = folder / "rows"
    lines = rows.read_text().splitlines() if rows.exists() else []
    return Checked(child.returncode, output, [json.loads(line) for line in lines])


def start_checker(folder: Path, exercise: Path, check: Path, *words: str) -> subprocess.Popen[str]:
    """Start the checker in a process group of its own, as a supervisor does."""
    package = folder / "report"
    package.mkdir(exist_ok=True)
    (package / "colabdev_report.py").write_bytes(Path(report.__file__).read_bytes())
    files = ["--exercise", str(exercise), "--check", str(check)]
    return subprocess.Popen(
        [sys.executable, checker.__file__, *files, *words],
        env={**os.environ, "PYTHONPATH": str(package), "COLABDEV_REPORT": str(folder / "rows")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )


def interrupt(child: subprocess.Popen[str]) -> None:
    """Send SIGINT to the whole process group, as Ctrl-C and a cancelled job do."""
    os.killpg(child.pid, signal.SIGINT)
