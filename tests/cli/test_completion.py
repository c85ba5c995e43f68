"""Completion, in the shells themselves, and what is taken out again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.completion import start_file
from colabdev.remote.destination import Destination
from colabdev.remote.runtime import Registry, Runtime
from colabdev.results.run import RunState
from colabdev.results.store import Results
from tests.remote.keys import fresh_ed25519
from tests.support.cli import colabdev, json_lines

# Each shell completes the words of $LINE as it does when Tab is pressed.
_ASK = {
    "bash": (
        'COMP_WORDS=($LINE ""); [ -n "$PART" ] && COMP_WORDS=($LINE "$PART");'
        " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _colabdev_completion colabdev;"
        " printf '%s\\n' \"${COMPREPLY[@]}\""
    ),
    "fish": 'complete -C "$LINE $PART"',
}


def _complete(shell: str, line: str, part: str) -> list[str]:
    """Return what *shell*, started as for its user, offers after *line* for *part*."""
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LINE": line,
        "PART": part,
        "TERM": "dumb",
    }
    words = {"bash": ["bash", "--norc", "-c"], "fish": ["fish", "-c"]}[shell]
    ask = _ASK[shell]
    if shell == "bash":
        ask = f". {start_file('bash')}; {ask}"
    done = subprocess.run([*words, ask], env=env, capture_output=True, text=True, check=True)
    return [one.split("\t")[0] for one in done.stdout.split("\n") if one]


@pytest.fixture
def known() -> None:
    """Let a runtime and a job be known."""
    place = Destination("root", "localhost", 9, fresh_ed25519(), "none")
    Registry().put(Runtime("mygpu", place, "b" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    with Results() as results:
        results.begin("run", "train.py", "mygpu", ("true",), "", {}, run_id="abc123def456")
        results.finish("abc123def456", RunState.SUCCEEDED, 0)


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.usefixtures("known")
def test_the_shell_completes_commands_aliases_jobs_and_exercises(shell: str) -> None:
    """Installed by one command, the real shell offers each of them."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not on this machine")
    assert colabdev("completion", shell, "--install").returncode == 0
    assert "status" in _complete(shell, "colabdev", "stat")
    assert "mygpu" in _complete(shell, "colabdev run --on", "my")
    assert "abc123def456" in _complete(shell, "colabdev attach", "abc")
    assert "tiny-autograd" in _complete(shell, "colabdev exercises show", "tiny")


def test_zsh_takes_the_script() -> None:
    """A zsh with nothing set up reads it without a word and knows how to complete colabdev."""
    if not shutil.which("zsh"):
        pytest.skip("zsh is not on this machine")
    assert colabdev("completion", "zsh", "--install").returncode == 0
    done = subprocess.run(
        ["zsh", "-i", "-c", "print -r -- ${_comps[colabdev]}"],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout.strip() == "_colabdev_completion"
    assert not done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_installing_twice_is_once_and_uninstall_leaves_the_file_as_it_was(shell: str) -> None:
    """The user's start file ends as it began, but for a newline at its end, its mode kept."""
    file = start_file(shell)
    before = "# mine, without a last newline"
    if shell != "fish":
        file.write_text(before)
        file.chmod(0o640)
    assert json_lines(colabdev("completion", shell, "--install", "--json"))[0]["data"]["changed"]
    once = file.read_text()
    done = colabdev("completion", shell, "--install", "--json")
    assert json_lines(done)[0]["data"]["changed"] is None
    assert file.read_text() == once
    assert colabdev("uninstall", "--yes").returncode == 0
    if shell == "fish":
        assert not file.exists()
    else:
        assert file.read_text().rstrip("\n") == before
        assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.usefixtures("known")
def test_uninstall_takes_out_what_was_put_in_and_nothing_else(home: Path) -> None:
    """The Include line and our folder go; the user's own lines and files stay; twice is safe."""
    config = home / ".ssh" / "config"
    config.parent.mkdir(mode=0o700)
    config.write_text("Host mine\n  User me\n")
    code = "from colabdev.remote.sshconfig import *; ensure_include()"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert colabdev("config", "set", "pull_limit", "1GB").returncode == 0
    assert "Include" in config.read_text()
    (paths.home() / "notes.txt").write_text("mine")
    for file in (paths.results_file(), paths.usage_file(), paths.machines_file()):
        file.touch()
    refused = colabdev("uninstall")
    assert refused.returncode == 2
    assert paths.config_file().exists()
    done = colabdev("uninstall", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert config.read_text() == "Host mine\n  User me\n"
    assert [path.name for path in paths.home().iterdir()] == ["notes.txt"]
    assert json_lines(done)[-2]["type"] == "message"
    assert colabdev("uninstall", "--yes").returncode == 0
