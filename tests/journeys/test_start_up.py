"""What a command loads before it does anything: little, as the user waits for it."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import colabdev.cli
from colabdev.cli.main import MODULES
from colabdev.remote.destination import parse_connect_string
from tests.support.link import linked
from tests.support.runtime import StartedRuntime

# Libraries that cost more than the command's own work, and what they drag in.
HEAVY = {
    "asyncio",
    "http",
    "invoke",
    "multiprocessing",
    "nbformat",
    "paramiko",
    "pyngrok",
    "requests",
    "rich",
    "ssl",
    "tomlkit",
    "torch",
    "unittest",
    "watchfiles",
}


def _loaded(*words: str, cwd: Path | None = None) -> set[str]:
    """Return the packages that ``colabdev`` with *words* loads."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "colabdev", *words],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("sync", "--help")])
def test_help_loads_the_command_line_and_nothing_else(words: tuple[str, ...]) -> None:
    """No database, no settings file's parser, nothing that speaks to a machine."""
    assert not _loaded(*words) & (HEAVY | {"concurrent", "filelock", "sqlite3", "tomllib"})


def test_a_command_is_loaded_alone() -> None:
    """Each command is in the table of the command line, and none but the typed one is loaded."""
    found: dict[str, str] = {}
    for file in Path(colabdev.cli.__file__).parent.glob("[!_]*"):
        module = importlib.import_module(f"colabdev.cli.{file.stem}")
        found |= {command.name: file.stem for command in getattr(module, "COMMANDS", ())}
    assert found == MODULES
    code = (
        "import sys\n"
        "from colabdev.cli.main import main\n"
        "try: main(['sync', '--help'])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    commands = {f"colabdev.cli.{name}" for name in MODULES.values()}
    assert commands & set(done.stderr.split()) == {"colabdev.cli.sync"}


@pytest.mark.sshd
def test_a_command_over_the_link_loads_no_ssh(colab: StartedRuntime, home: Path) -> None:
    """Once the link stands, sync and run load neither paramiko nor rich nor asyncio."""
    project = home / "project"
    project.mkdir()
    (project / "train.py").write_text("print('hello')\n")
    with linked(parse_connect_string(colab.connect_string)):
        _loaded("sync", cwd=project)  # starts the link
        assert not _loaded("sync", cwd=project) & (HEAVY | {"concurrent", "sqlite3"})
        assert not _loaded("run", "--", "true", cwd=project) & HEAVY
        assert not _loaded("status", "--json", cwd=project) & HEAVY
