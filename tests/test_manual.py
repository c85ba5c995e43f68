"""The man pages are made from the help and are sound roff."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_every_command_has_a_page_that_man_reads_without_a_word(folder: Path) -> None:
    """man renders each page with no warning, and no line of the help is swallowed."""
    made = [sys.executable, str(ROOT / "scripts" / "manual.py"), str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    pages = sorted(folder.glob("*.1"))
    assert len(pages) > 40
    assert "'--' it is a" in (folder / "colabdev-run.1").read_text().replace("\n", " ")
    if not shutil.which("man") or sys.platform != "linux":
        pytest.skip("man-db is not on this machine")
    done = subprocess.run(
        ["man", "--warnings", "-l", str(folder / "colabdev-run.1")],
        capture_output=True,
        check=True,
    )
    assert not done.stderr
    assert b"it is a command" in b" ".join(done.stdout.split())
