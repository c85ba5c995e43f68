"""The whole road on one machine: both sides at once, every part the real one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from colabdev import texts
from colabdev.errors import ColabdevError, InputError, system_says
from colabdev.language import tr
from colabdev.store import private_dir, scratch_dir

EXERCISES = ("tiny-autograd", "dot-mm-matmul", "device-move")


class Stage(Protocol):
    """Where the demo is shown."""

    def chapter(self, text: str) -> None:
        """Say what comes next and why."""

    def prompt(self, side: str, command: str) -> None:
        """Show *command* as it would be typed on the *side* (laptop or colab)."""

    def said(self, text: str) -> None:
        """Show output that the demo itself had to read."""


def demo(stage: Stage, *, python: str = sys.executable) -> None:
    """Walk the road from a rendered cell to recorded results, and take everything down again.

    *python* plays the notebook kernel's interpreter; it must have torch. Nothing outside a
    private folder of the user's cache is written: not the user's SSH config either.

    Raises:
        InputError: *python* has no torch, or this machine no ssh client.
        ColabdevError: a step failed.
    """
    _check_needs(python)
    with scratch_dir() as folder:
        _walk(_Sides(stage, folder, python))


@dataclass(frozen=True, slots=True)
class _Sides:
    """The laptop and the VM, each a home folder of its own."""

    stage: Stage
    folder: Path
    python: str

    @property
    def laptop(self) -> Path:
        return private_dir(self.folder / "laptop")

    @property
    def vm(self) -> Path:
        return private_dir(self.folder / "vm")

    def colabdev(self, *words: str, cwd: Path | None = None, show: str = "") -> None:
        """Run a colabdev command on the laptop, as its own process, on the user's terminal."""
        self.stage.prompt("laptop", show or f"colabdev {' '.join(words)}")
        self._run([sys.executable, "-m", "colabdev", *words], _environment(self.laptop), cwd)

    def ssh(self, command: str) -> None:
        """Run *command* on the VM through the system's own ssh and the config we wrote."""
        self.stage.prompt("laptop", f'ssh colab "{command}"')
        config = self.laptop / "state" / "ssh" / "config"
        self._run(["ssh", "-F", str(config), "colab", command], _environment(self.laptop), None)

    def cell(self, *words: str) -> str:
        """Run the rendered cell on the VM and return what it printed."""
        done = subprocess.run(
            [self.python, str(self.laptop / "cell.py"), *words],
            cwd=self.vm,
            env=_environment(self.vm),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise ColabdevError(
                tr("The cell did not start: {said}", said=done.stderr.strip() or done.stdout)
            )
        return done.stdout

    def _run(self, argv: Sequence[str], environment: Mapping[str, str], cwd: Path | None) -> None:
        done = subprocess.run(argv, env=environment, cwd=cwd or self.laptop, check=False)
        if done.returncode:
            raise ColabdevError(
                tr("This step of the demo ended with {code}.", code=done.returncode),
                tr("Its own message stands above."),
            )


def _walk(sides: _Sides) -> None:
    stage = sides.stage
    stage.chapter(tr("The laptop renders a cell. It holds a public key and no secret."))
    stage.prompt("laptop", "colabdev cell --tunnel none > cell.py")
    with (sides.laptop / "cell.py").open("w", encoding="utf-8") as target:
        subprocess.run(
            [sys.executable, "-m", "colabdev", "cell", "--tunnel", "none"],
            env=_environment(sides.laptop),
            stdout=target,
            check=True,
        )
    with _running_cell(sides) as connect_string:
        stage.chapter(tr("The laptop proves the login against the host key in that line."))
        sides.colabdev("connect", connect_string, show="colabdev connect 'colabdev://...'")
        sides.ssh("hostname; python3 --version")
        project = _project(sides.laptop)
        stage.chapter(tr("A project is sent, and a script runs as a job that outlives the line."))
        sides.colabdev("sync", cwd=project)
        sides.colabdev("run", "train.py", cwd=project)
        stage.chapter(
            tr("Three exercises of the course run as jobs; what they measure is recorded.")
        )
        for exercise in EXERCISES:
            sides.colabdev("exercises", "run", exercise)
        stage.chapter(tr("The laptop forgets the runtime, and the VM ends. The results stay."))
        sides.colabdev("disconnect", "colab")
    sides.colabdev("results", "list", "--kind", "exercise")


@contextmanager
def _running_cell(sides: _Sides) -> Iterator[str]:
    """Run the cell, lend its connect string, and stop what it started, whatever happens."""
    sides.stage.chapter(tr("Colab runs it: a private SSH server, and one line to take home."))
    sides.stage.prompt("colab", tr("run the cell"))
    try:
        printed = sides.cell()
        sides.stage.said(printed)
        line = next(line for line in printed.splitlines() if line.startswith("colabdev connect "))
        yield line.removeprefix("colabdev connect ").strip("'")
    finally:
        sides.stage.prompt("colab", "colabdev_stop()")
        sides.stage.said(sides.cell("stop"))


def _project(laptop: Path) -> Path:
    """Make the little project that the demo trains."""
    project = private_dir(laptop / "first steps")
    shutil.copy(texts.templates_dir() / "demo" / "train.py", project / "train.py")
    shutil.copy(texts.templates_dir() / "demo" / "gitignore", project / ".gitignore")
    private_dir(project / "data").joinpath("big.bin").write_bytes(bytes(1_000_000))
    return project


def _check_needs(python: str) -> None:
    if not shutil.which("ssh"):
        raise InputError(
            tr("The demo shows that a plain ssh works, and this machine has no ssh client."),
            tr("Install OpenSSH's client (Debian: sudo apt-get install openssh-client)."),
        )
    probe = [
        python,
        "-c",
        "import importlib.util, sys; sys.exit(not importlib.util.find_spec('torch'))",
    ]
    try:
        found = subprocess.run(probe, check=False, capture_output=True).returncode == 0
    except OSError as error:
        raise InputError(
            tr(
                "{program} cannot be started: {strerror}.",
                program=python,
                strerror=system_says(error),
            )
        ) from error
    if not found:
        raise InputError(
            tr("{python} has no torch, which the exercises need.", python=python),
            tr("Name an interpreter that has it (--python), or: pip install 'colabdev[torch]'"),
        )


def _environment(home: Path) -> dict[str, str]:
    """Return this process's environment with another home and no state of ours."""
    ours = ("COLABDEV_", "NGROK_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "COLABDEV_HOME": str(home / "state"),
        "PYTHONUNBUFFERED": "1",
    }
