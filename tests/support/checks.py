"""The checker as a job runs it: a process of its own that reports rows to a file."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # a report row is JSON

from colabdev.exercises import warm
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


def copy_of_mini(folder: Path, *slugs: str) -> Path:
    """Copy the mini-course to *folder*, all of it or the exercises *slugs*; return its root."""
    root = folder / "their-course"
    shutil.copytree(MINI_COURSE, root, ignore=shutil.ignore_patterns("__pycache__"))
    if slugs:
        head, *entries = (root / "course.toml").read_text(encoding="utf-8").split("[[exercises]]\n")
        kept = [entry for entry in entries if any(f'slug = "{slug}"' in entry for slug in slugs)]
        text = "[[exercises]]\n".join([head, *kept])
        (root / "course.toml").write_text(text, encoding="utf-8")
    return root


@contextlib.contextmanager
def warm_checker() -> Iterator[None]:
    """End the warm checker that the block started, which would outlive it."""
    try:
        yield
    finally:
        warm.stop()
