"""The Cloudflare tunnel: the real colab-ssh behind its fences, on a machine that it cannot harm."""

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from colabdev.payload.cell.core import _wait_for
from colabdev.remote.destination import parse_connect_string
from tests.support.runtime import connect_string
from tests.support.throw_away import throw_away

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("colab_ssh"), reason="needs colab-ssh"),
    pytest.mark.skipif(os.getuid() != 0, reason="needs root, for namespaces of its own"),
]


def digest(folder: Path) -> str:
    """Return a digest of every file below *folder*."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            total.update(f"{path}\0".encode() + path.read_bytes())
    return total.hexdigest()


def test_colab_ssh_opens_the_road_and_harms_nothing(folder: Path) -> None:
    """The tunnel ends at our sshd; sshd's global file is as it was, and nothing else was written.

    A dead cloudflared is replaced, and the next run of the cell names the new host.
    """
    before = digest(Path("/etc"))
    config = Path("/etc/ssh/sshd_config").read_bytes()
    with throw_away(folder) as vm:
        ran = vm.cell()
        assert ran.returncode == 0, ran.stdout + ran.stderr
        text = connect_string(ran.stdout)
        there = parse_connect_string(text).destination
        assert (there.via, there.port) == ("cloudflared", 443)
        assert there.hostname.endswith(".trycloudflare.com")
        inside = vm.inside.run("cat", "/etc/ssh/sshd_config")
        assert inside.encode() == config
        written = vm.inside.run("find", str(vm.upper), "-type", "f", "-printf", "%P\n").split()
        assert set(written) <= {"hosts", "profile.d/colabdev.sh", "ssh/sshd_config"}
        assert vm.inside.run("cat", "/etc/shadow").encode() == Path("/etc/shadow").read_bytes()
        assert "cloudflared-linux-amd64" in (vm.stubs / "wanted").read_text()
        listening = vm.inside.run("ss", "-Hltn", "sport", "=", ":22").split()
        assert "127.0.0.1:22" in listening
        assert len([word for word in listening if word.endswith(":22")]) == 1

        assert connect_string(vm.cell().stdout) == text
        vm.signal(signal.SIGKILL)

        def moved_on() -> bool:
            state = vm.state()
            return state["status"] == "up" and there.hostname not in str(state["address"])

        assert _wait_for(moved_on, 60)
        moved = parse_connect_string(connect_string(vm.cell().stdout)).destination
        assert moved.hostname != there.hostname
        assert "Stopped" in vm.cell("stop").stdout
    assert digest(Path("/etc")) == before


def test_elsewhere_and_beside_another_sshd_it_is_refused(folder: Path) -> None:
    """Not on a machine that is no Colab VM, and not where port 22 belongs to somebody."""
    with throw_away(folder) as vm:
        del vm.environment["COLAB_RELEASE_TAG"]
        ran = vm.cell()
        assert ran.returncode == 1
        assert "on a Colab VM only" in ran.stderr
        code = (
            "import socket; held = socket.create_server(('127.0.0.1', 22)); "
            "print('held', flush=True); input()"
        )
        words = [*vm.inside.enter, sys.executable, "-c", code]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            ran = vm.cell(COLAB_RELEASE_TAG="x")
            other.kill()
        assert "Port 22 of this machine is taken" in ran.stderr
        assert len(ran.stderr.strip().split("\n")) == 2


@pytest.mark.parametrize("stopped", [False, True], ids=["run", "stop and run"])
def test_a_keeper_that_is_killed_inside_the_fence_is_mended_by_the_next(
    folder: Path, stopped: bool
) -> None:
    """colab-ssh has changed sshd's global file and started cloudflared: both are put right.

    The stop alone ends that cloudflared, too, though nobody had noted it.
    """
    config = Path("/etc/ssh/sshd_config").read_text()
    with throw_away(folder) as vm:
        there = ("cat", "/etc/ssh/sshd_config")
        words = [*vm.inside.enter, sys.executable, str(vm.home / "cell.py")]
        with subprocess.Popen(
            words, env=vm.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as cell:
            assert _wait_for(lambda: vm.inside.run(*there) != config, 60)
            assert _wait_for(lambda: bool(vm.cloudflareds()), 60)
            facts = json.loads((vm.home / ".colabdev/runtime.json").read_text())
            vm.inside.run("kill", "-9", str(facts["keeper"][0]))
            assert "The keeper ended." in cell.communicate()[1]
        assert vm.inside.run(*there) != config
        left = vm.cloudflareds()
        assert left
        if stopped:
            assert "Stopped" in vm.cell("stop").stdout
            assert not vm.cloudflareds()
        ran = vm.cell()
        assert ran.returncode == 0, ran.stderr
        assert vm.inside.run(*there) == config
        assert len(vm.cloudflareds()) == 1
        assert not set(left) & set(vm.cloudflareds())
        vm.cell("stop")
        assert not vm.cloudflareds()
