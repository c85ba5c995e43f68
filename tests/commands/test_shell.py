"""``shell``: the argument list that the system's own ssh runs."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.shell import shell_command
from colabdev.errors import ConfigError, InputError
from colabdev.remote.runtime import Registry
from tests.commands.conftest import Heard
from tests.support.runtime import StartedRuntime
from tests.support.terminal import lent_by_sshd

ODD_WORDS = ["two words", "$HOME", "김", "a'b", 'c"d', "x\ny"]


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.mark.sshd
def test_a_command_runs_in_the_workspace(machine: StartedRuntime, heard: Heard) -> None:
    """The words arrive as they are, the folder is the workspace, the exit code the command's."""
    connect(machine.connect_string, "colab", heard)
    done = _run(shell_command(None, ["printf", "%s\\0", *ODD_WORDS]))
    assert done.stdout.split("\0")[:-1] == ODD_WORDS
    assert _run(shell_command("colab", ["pwd"])).stdout == f"{machine.home / 'content'}\n"
    assert _run(shell_command("colab", ["sh", "-c", "exit 7"])).returncode == 7


@pytest.mark.sshd
def test_a_shell_with_a_terminal(machine: StartedRuntime, heard: Heard) -> None:
    """Without a command there is an interactive shell on a terminal, in the workspace."""
    if not lent_by_sshd():
        pytest.skip("this machine's devpts (no gid=) lets only root's sshd open a terminal")
    connect(machine.connect_string, "colab", heard)
    near, far = pty.openpty()
    with subprocess.Popen(
        shell_command("colab"), stdin=far, stdout=far, stderr=subprocess.DEVNULL
    ) as shell:
        os.close(far)
        os.write(near, b"tty && echo at=$(pwd) && exit 5\n")
        output = bytearray()
        try:
            while chunk := os.read(near, 4096):
                output += chunk
        except OSError:  # Linux's word for the end of a terminal
            pass
        os.close(near)
    assert shell.returncode == 5
    assert b"/dev/pts/" in output
    assert f"at={machine.home / 'content'}".encode() in output


def test_here(home: Path) -> None:
    """On this machine no ssh is needed, and the workspace is made."""
    done = _run(shell_command("here", ["pwd"]))
    assert done.stdout == f"{Registry().get('here').root}\n"


def test_no_runtime() -> None:
    """Without a runtime there is nothing to open a shell on."""
    with pytest.raises(InputError):
        shell_command(None)


@pytest.mark.sshd
def test_no_ssh_client(
    machine: StartedRuntime, heard: Heard, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computer without ssh hears what to install."""
    connect(machine.connect_string, "colab", heard)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ConfigError) as caught:
        shell_command("colab")
    assert "openssh-client" in caught.value.hint
