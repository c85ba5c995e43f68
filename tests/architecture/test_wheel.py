"""What users install: the wheel, in an environment of its own, outside the checkout."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it into a fresh environment, and lend its ``bin`` folder."""
    folder = tmp_path_factory.mktemp("wheel")
    quiet = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*quiet, "wheel", "--no-deps", "-w", folder / "dist", ROOT], check=True)
    (wheel,) = (folder / "dist").glob("colabdev-*.whl")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    subprocess.run(
        [binaries / "pip", "--quiet", "--disable-pip-version-check", "install", wheel], check=True
    )
    return binaries


def _environment(home: Path) -> Mapping[str, str]:
    return {**os.environ, "HOME": str(home)}


def _run(binaries: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binaries / "colabdev", *words],
        cwd=home,
        env=_environment(home),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_the_wheel_finds_its_templates_and_its_course(installed: Path, home: Path) -> None:
    """Cell and course work from the installed wheel, which carries no torch."""
    cell = _run(installed, home, "cell", "--tunnel", "none")
    assert cell.returncode == 0, cell.stderr
    compile(cell.stdout, "cell.py", "exec")
    listed = _run(installed, home, "exercises", "list")
    assert listed.returncode == 0, listed.stderr
    assert "tiny-autograd" in listed.stdout
    probe = [str(installed / "python"), "-c", "import torch"]
    assert subprocess.run(probe, capture_output=True, check=False).returncode != 0


@pytest.mark.slow
def test_the_wheel_brings_its_man_pages(installed: Path, home: Path) -> None:
    """man finds the page of each command beside the colabdev that is on PATH."""
    assert len(list((installed.parent / "share" / "man" / "man1").glob("colabdev*.1"))) > 40
    if not shutil.which("man"):
        pytest.skip("man is not on this machine")
    env = {**_environment(home), "PATH": f"{installed}:{os.environ['PATH']}"}
    env.pop("MANPATH", None)
    for page in ("colabdev", "colabdev-run"):
        found = subprocess.run(
            ["man", "-w", page], env=env, capture_output=True, text=True, check=True
        )
        assert Path(found.stdout.strip()).is_relative_to(installed.parent)


@pytest.mark.slow
@pytest.mark.sshd
@pytest.mark.torch
def test_the_demo_runs_from_the_wheel(installed: Path, home: Path) -> None:
    """The whole road works from the wheel, with another interpreter that has torch as the VM's."""
    done = _run(installed, home, "demo", "--python", sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    last_screen = done.stdout[done.stdout.rindex("results list") :]
    for exercise in ("device-move", "dot-mm-matmul", "tiny-autograd"):
        assert exercise in last_screen
    assert not (home / ".ssh").exists()


def test_the_demo_says_what_it_misses(home: Path, installed: Path) -> None:
    """Without torch the demo ends with 2 and the two ways to get on."""
    done = _run(installed, home, "demo")
    assert done.returncode == 2
    assert "torch" in done.stderr
    assert "--python" in done.stderr
