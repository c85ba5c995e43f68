"""The whole road over ngrok: the cell in a real kernel, the command line on the laptop."""

import os
import signal
import stat
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support import stub_ngrok
from tests.support.cli import colabdev, json_lines
from tests.support.notebook import TOKEN, Notebook, notebook
from tests.support.runtime import connect_string

pytestmark = pytest.mark.sshd


def _ssh(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run *command* on the runtime with the system's ssh and the config that connect wrote."""
    config = home / "state" / "ssh" / "config"
    words = ["ssh", "-F", str(config), "-o", "BatchMode=yes", "colab", command]
    return subprocess.run(words, capture_output=True, encoding="utf-8", check=False)


def _project(home: Path) -> Path:
    project = home / "project"
    project.mkdir()
    (project / "script.py").write_text(
        "import os, sys\nprint(os.environ['COLAB_RELEASE_TAG_STAND_IN'])\nsys.exit(7)\n"
    )
    return project


def _assert_token_is_hidden(page: Notebook, home: Path) -> None:
    """No argument list or environment but the kernel's own, and no wide file, holds the token."""
    mine = [process for process in psutil.process_iter() if process.pid != os.getpid()]
    for process in mine:
        try:
            words, environment = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        assert TOKEN not in " ".join(words), words
        if "ipykernel_launcher" not in words:  # it was started with the variable in this test
            assert TOKEN not in " ".join(environment.values()), words
    for folder in (page.home, home):
        for path in folder.rglob("*"):
            if path.is_file() and TOKEN.encode() in path.read_bytes():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
                assert path.name == "ngrok.yml", path


def test_the_road_survives_a_kernel_restart_and_a_dead_agent(folder: Path, home: Path) -> None:
    """connect, ssh -F and run work; after a restart still; after a killed agent with a new line."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN, COLAB_RELEASE_TAG_STAND_IN="kernel's own") as page:
        first = page.kernel.run(page.cell())
        assert first.ok, first.shown
        line = connect_string(first.shown)
        assert "via=ngrok" in line
        assert TOKEN not in first.shown

        connected = colabdev("connect", line)
        assert connected.returncode == 0, connected.stderr.decode()
        assert _ssh(home, "echo $COLAB_RELEASE_TAG_STAND_IN").stdout == "kernel's own\n"
        assert TOKEN not in _ssh(home, "env").stdout
        project = _project(home)
        ran = colabdev("run", "script.py", cwd=project)
        assert (ran.returncode, ran.stdout) == (7, b"kernel's own\n"), ran.stderr.decode()
        _assert_token_is_hidden(page, home)

        page.kernel.restart()
        assert colabdev("run", "script.py", cwd=project).returncode == 7

        os.kill(stub_ngrok.agents(page.agent)[-1]["pid"], signal.SIGKILL)
        moved = connect_string(page.kernel.run(page.cell()).shown)
        assert moved != line
        again = colabdev("connect", moved)
        assert b"same machine as before at a new address" in again.stderr
        assert colabdev("run", "script.py", cwd=project).returncode == 7
        assert len(stub_ngrok.agents(page.agent)) == 2
        _assert_token_is_hidden(page, home)

        listed = json_lines(colabdev("results", "list", "--json"))[0]["data"]
        assert [run["exit_code"] for run in listed] == [7, 7, 7]


def test_a_dead_address_is_a_sentence(folder: Path, home: Path) -> None:
    """When the VM is gone each command ends with 69, one sentence and the next step."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN) as page:
        line = connect_string(page.kernel.run(page.cell()).shown)
        assert colabdev("connect", line).returncode == 0
        assert page.kernel.run("colabdev_stop()").ok
        project = _project(home)
        for words in (["connect", line], ["run", "--", "true"], ["jobs"]):
            done = colabdev(*words, cwd=project)
            assert done.returncode == 69, done.stderr.decode()
            assert b"Run the cell again" in done.stderr
            assert b"Traceback" not in done.stderr
        status = colabdev("status")
        assert status.returncode == 0
        assert b"unreachable" in status.stdout
