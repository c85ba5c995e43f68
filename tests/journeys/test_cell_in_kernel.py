"""The cell as Colab runs it: pasted into a real IPython kernel, reached by the real ssh."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest

from colabdev import texts
from colabdev.commands.cell import render_cell, render_notebook
from colabdev.payload.cell import core, linux
from colabdev.remote.sshkey import ensure_key
from tests.support import stub_ngrok
from tests.support.kernel import Moment
from tests.support.notebook import STAND_IN, TOKEN, Notebook, notebook
from tests.support.runtime import connect_string

pytestmark = pytest.mark.sshd


def wait_until(done: Callable[[], object], what: str) -> None:
    """Wait for *done* to be true, for at most twenty seconds."""
    assert core._wait_for(lambda: bool(done()), 20), f"in vain: {what}"


def test_interrupt_and_restart_of_the_kernel_leave_the_machine_open(folder: Path) -> None:
    """One line from first to last: a second run, an interrupt, a restart, a run in a new kernel."""
    with notebook(folder) as page:
        secret = {"NGROK_AUTHTOKEN": {"payload": TOKEN, "access": True}}
        page.secrets.write_text(json.dumps(secret))
        first = page.kernel.run(page.cell())
        assert first.ok, first.shown
        machine = page.machine(first.shown)
        assert machine.ssh("echo $PYTHONPATH").stdout == f"{STAND_IN}\n"

        assert connect_string(page.kernel.run(page.cell()).shown) == machine.connect_string
        kept = page.kernel.run(
            page.cell(keep_open=True), when=Moment("connections: 0", page.kernel.interrupt)
        )
        assert kept.ok, kept.shown
        assert "stays up" in kept.shown
        assert machine.ssh("true").returncode == 0

        page.kernel.restart()
        assert page.kernel.run("colabdev_stop").shown.count("NameError")
        assert machine.ssh("true").returncode == 0
        assert connect_string(page.kernel.run(page.cell()).shown) == machine.connect_string
        assert len(stub_ngrok.agents(page.agent)) == 1
        assert TOKEN not in first.shown + kept.shown


def test_cuda_and_packages_are_as_in_the_notebook(folder: Path) -> None:
    """A command over SSH has the kernel's interpreter, libraries and paths, not its backend."""
    colab = {
        "LD_LIBRARY_PATH": "/usr/lib64-nvidia",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    with notebook(folder, **colab) as page:
        shown = page.kernel.run(page.cell("none")).shown
        inside = page.kernel.run(
            "import json, os, sys\n"
            "print(json.dumps([sys.executable, sys.path, os.environ['LD_LIBRARY_PATH']]))"
        )
        program = (
            "import json,os,sys;"
            "print(json.dumps([sys.executable,sys.path,os.environ['LD_LIBRARY_PATH']]));"
            "assert not {'MPLBACKEND','FORCE_COLOR','PAGER'} & os.environ.keys()"
        )
        there = page.machine(shown).ssh(f'"$COLABDEV_PYTHON" -c "{program}"')
        assert there.returncode == 0, there.stderr
        executable, path, libraries = json.loads(inside.shown)
        assert json.loads(there.stdout)[::2] == [executable, libraries]
        assert set(json.loads(there.stdout)[1]) - {""} <= set(path)


def test_a_tunnel_that_moves_is_told_while_the_cell_stays(folder: Path) -> None:
    """With 'keep open' a killed agent ends in a new connect string, with nobody's doing."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN) as page:

        def kill_agent() -> None:
            os.kill(stub_ngrok.agents(page.agent)[-1]["pid"], signal.SIGKILL)

        first = page.kernel.run(page.cell())
        moved = page.kernel.run(
            page.cell(keep_open=True),
            when=Moment("connections: 0", kill_agent),
            then=Moment("The tunnel moved.\n", page.kernel.interrupt),
        )
        assert moved.ok, moved.shown
        lines = [line for line in moved.shown.splitlines() if line.startswith("colabdev connect")]
        assert lines[0] in first.shown
        assert lines[1] != lines[0]
        assert page.machine(lines[1]).ssh("true").returncode == 0


def test_the_token_is_in_no_environment_of_the_kernel(folder: Path) -> None:
    """A token given by the environment is gone from it, for whatever the notebook starts next."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN) as page:
        shown = page.kernel.run(page.cell()).shown
        seen = page.kernel.run("import subprocess\nprint(subprocess.getoutput('env'), os.environ)")
        assert TOKEN not in shown + seen.shown
        assert "HOME" in seen.shown
        assert TOKEN not in page.machine(shown).ssh("env").stdout


def test_a_token_can_be_typed(folder: Path) -> None:
    """Where there is none, the cell asks for it, and what is typed is shown nowhere."""
    with notebook(folder) as page:
        ran = page.kernel.run(page.cell(), typed=TOKEN)
        assert ran.ok, ran.shown
        assert connect_string(ran.shown)
        assert TOKEN not in ran.shown


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({}, ""),
        ({"NGROK_AUTHTOKEN": {"payload": TOKEN, "access": False}}, "Notebook access"),
        ({"NGROK_AUTHTOKEN": {"payload": "  ", "access": True}}, ""),
        ("closed", "notebook's page"),
    ],
    ids=["none", "no access", "empty", "page closed"],
)
def test_without_a_token_the_cell_says_so(folder: Path, secrets: object, said: str) -> None:
    """What Colab's Secrets lack is told, and the cell fails with a sentence, not a traceback."""
    with notebook(folder) as page:
        page.secrets.write_text(json.dumps(secrets))
        ran = page.kernel.run(page.cell())
        assert not ran.ok
        assert said in ran.shown
        assert "There is no ngrok authtoken" in ran.shown
        assert "Traceback" not in ran.shown
        assert "line" not in ran.shown


def test_an_interrupted_start_goes_on(folder: Path) -> None:
    """A cell that is interrupted while it waits for the tunnel is picked up by the next run."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN) as page:
        interrupt_a_hanging_start(page)
        stub_ngrok.refuse(page.agent)
        again = page.kernel.run(page.cell())
        assert again.ok, again.shown
        assert page.machine(again.shown).ssh("true").returncode == 0
        assert len(stub_ngrok.agents(page.agent)) == 1


def test_a_start_that_hangs_can_be_stopped(folder: Path) -> None:
    """After an interrupt, colabdev_stop() ends keeper and agent in the middle of their start."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN) as page:
        interrupt_a_hanging_start(page)
        assert "Stopped" in page.kernel.run("colabdev_stop()").shown
        (agent,) = stub_ngrok.agents(page.agent)
        wait_until(lambda: not linux._record(agent["pid"])[1], "the agent's end")


def interrupt_a_hanging_start(page: Notebook) -> None:
    """Run the cell with an agent that does not come up, and interrupt it."""
    stub_ngrok.refuse(page.agent, "wait", "an endless start")
    started = Moment(lambda: stub_ngrok.agents(page.agent), page.kernel.interrupt)
    ran = page.kernel.run(page.cell(), when=started)
    assert not ran.ok
    assert "Interrupted" in ran.shown
    assert "Traceback" not in ran.shown


def test_the_stop_ends_all_that_the_cell_started(folder: Path) -> None:
    """After colabdev_stop() no process of the runtime is left."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN) as page:
        page.kernel.run(page.cell())
        facts = json.loads((page.home / ".colabdev/runtime.json").read_text())
        pids = [facts["sshd"][0], facts["keeper"][0], stub_ngrok.agents(page.agent)[0]["pid"]]
        assert all(map(psutil.pid_exists, pids))
        ran = page.kernel.run("colabdev_stop()")
        assert "Stopped" in ran.shown
        assert not any(linux._record(pid)[1] for pid in pids)


@pytest.mark.torch
def test_the_notebook_runs_from_first_to_last(folder: Path) -> None:
    """GPU check, cell and exercise run in one kernel; the exercise knows a right answer."""
    with notebook(folder) as page:
        cells = json.loads(render_notebook(page.cell("none")))["cells"]
        gpu, cell, exercise = ("".join(each["source"]) for each in cells if "outputs" in each)
        for source in (gpu, cell, exercise):
            ran = page.kernel.run(source)
            assert ran.ok, ran.shown
        assert "Not yet" in ran.shown
        solved = exercise.replace("answer = None", "answer = torch.arange(6).reshape(2, 3)")
        assert "Right." in page.kernel.run(solved).shown


@pytest.mark.torch
def test_the_notebook_that_ships_runs_from_first_to_last(folder: Path) -> None:
    """Without a key its cell says so; with one it opens the machine, and the exercise is there."""
    with notebook(folder, NGROK_AUTHTOKEN=TOKEN) as page:
        read = nbformat.reads(texts.template("notebook.ipynb"), as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
        gpu, cell, exercise = (each.source for each in read.cells if each.cell_type == "code")
        assert page.kernel.run(gpu).ok
        empty = page.kernel.run(cell)
        assert not empty.ok
        assert empty.shown.startswith("There is no public key.\n")
        filled = cell.replace('PUBLIC_KEY = ""', f'PUBLIC_KEY = "{ensure_key()}"')
        ran = page.kernel.run(filled)
        assert page.machine(ran.shown).ssh("echo in").stdout == "in\n"
        assert "Not yet" in page.kernel.run(exercise).shown


def test_a_korean_cell_speaks_korean(folder: Path) -> None:
    """What it prints, how it fails and how it ends are in Korean; the line to run is the same."""
    with notebook(folder) as page:
        text = render_cell(ensure_key(), lang="ko")
        refused = page.kernel.run(text)
        assert not refused.ok
        assert refused.shown.startswith("ngrok 인증 토큰(NGROK_AUTHTOKEN)이 없습니다.\n")
        kept = render_cell(ensure_key(), tunnel="none", lang="ko", keep_open=True)
        ran = page.kernel.run(kept, when=Moment("연결: 0", page.kernel.interrupt))
        assert ran.ok, ran.shown
        assert "에서 SSH가 응답합니다" in ran.shown
        assert "이 셀이 없어도 SSH는 유지됩니다" in ran.shown
        assert page.machine(ran.shown).ssh("echo in").stdout == "in\n"
        assert "멈췄습니다" in page.kernel.run("colabdev_stop()").shown
