"""``proxy``: the real ssh, scp and sftp over colabdev's connection."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.remote.destination import parse_connect_string
from tests.commands.conftest import Heard
from tests.support.link import linked
from tests.support.runtime import StartedRuntime

pytestmark = pytest.mark.sshd

PROXY = f"ProxyCommand={sys.executable} -P -m colabdev proxy colab"


def _run(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [words[0], "-F", str(paths.ssh_config_file()), "-o", PROXY, *words[1:]],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )


@pytest.mark.parametrize("through", ["link", "direct"])
def test_ssh_scp_and_sftp(
    machine: StartedRuntime, heard: Heard, folder: Path, through: str
) -> None:
    """Each of the three works, with exit codes and megabytes, and its own check of the host key."""
    connect(machine.connect_string, "colab", heard)
    data = os.urandom(3_000_000)
    (folder / "here").write_bytes(data)
    with linked(parse_connect_string(machine.connect_string)):
        if through == "direct":
            os.environ["COLABDEV_LINK"] = "0"
        done = _run("ssh", "colab", "cat; exit 7", stdin=data)
        assert (done.returncode, done.stdout) == (7, data), done.stderr
        assert (
            _run("scp", "-q", str(folder / "here"), f"colab:{machine.home}/there").returncode == 0
        )
        assert (machine.home / "there").read_bytes() == data
        done = _run(
            "sftp",
            "-q",
            "-b",
            "-",
            "colab",
            stdin=f"get {machine.home}/there {folder}/back".encode(),
        )
        assert done.returncode == 0, done.stderr
        assert (folder / "back").read_bytes() == data
        known = paths.known_hosts_file()
        known.write_text(known.read_text().replace("AAAA", "AAAB"))
        assert _run("ssh", "colab", "true").returncode == 255


def test_a_home_of_ones_own(
    machine: StartedRuntime, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --stable plain ssh gets in from where nobody knows COLABDEV_HOME, as from an editor."""
    connect(machine.connect_string, "colab", heard, stable=True)
    config = str(paths.ssh_config_file())
    monkeypatch.delenv("COLABDEV_HOME")
    done = subprocess.run(
        ["ssh", "-F", config, "-oBatchMode=yes", "colab", "echo in"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stdout == "in\n", done.stderr


def test_an_unknown_alias(heard: Heard) -> None:
    """A sentence on stderr, nothing on stdout, and ssh says that it did not connect."""
    done = subprocess.run(
        [sys.executable, "-m", "colabdev", "proxy", "nobody"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "colabdev" in done.stderr
