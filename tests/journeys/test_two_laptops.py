"""Two laptops of one user at the same runtime, and a third that was not let in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from colabdev.store import private_dir
from tests.support.cli import colabdev
from tests.support.runtime import connect_string, run_cell

pytestmark = [pytest.mark.sshd, pytest.mark.slow]


class Laptop:
    """A home of its own, with its own key and its own list of runtimes."""

    def __init__(self, home: Path) -> None:
        self.home = private_dir(home)
        self.env = {**os.environ, "HOME": str(home), "COLABDEV_HOME": str(home / "state")}
        self.key = home / "state" / "ssh" / "id_ed25519.pub"

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        return colabdev(*words, env=self.env, cwd=cwd)


def test_the_second_laptop_is_let_in_by_its_key(home: Path) -> None:
    """``cell --key FILE``, twice: each laptop connects and runs a job; no other key gets in."""
    first, second, third, stranger = (Laptop(home / name) for name in ("a", "b", "c", "d"))
    for other in (second, third):
        assert other.run("cell", "--tunnel", "none").returncode == 0  # makes its key
    keys = ["--key", str(second.key), "--key", str(third.key)]
    made = first.run("cell", "--tunnel", "none", *keys)
    assert made.returncode == 0, made.stderr
    vm = private_dir(home / "vm")
    (vm / "cell.py").write_bytes(made.stdout)
    environment = {**os.environ, "HOME": str(vm)}
    try:
        line = connect_string(run_cell(vm, environment))
        for laptop in (first, second, third):
            done = laptop.run("connect", line)
            assert done.returncode == 0, done.stderr
            project = private_dir(laptop.home / f"project-{laptop.home.name}")
            (project / "pyproject.toml").touch()
            done = laptop.run("run", "--", sys.executable, "-c", "print('in')", cwd=project)
            assert (done.stdout, done.returncode) == (b"in\n", 0), done.stderr
        done = stranger.run("connect", line)
        assert done.returncode == 69
        assert b"refuses this computer's key" in done.stderr
        # A cell without the second key, run again, lets that laptop in no more.
        (vm / "cell.py").write_bytes(first.run("cell", "--tunnel", "none").stdout)
        run_cell(vm, environment)
        assert first.run("connect", line).returncode == 0
        assert second.run("connect", line).returncode == 69
    finally:
        run_cell(vm, environment, "stop")
