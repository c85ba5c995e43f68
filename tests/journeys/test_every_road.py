"""A whole run over each road, which breaks once in the middle."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from colabdev.commands.cell import render_cell
from colabdev.payload.cell.core import _free_port, _wait_for
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.sshkey import ensure_key
from colabdev.store import private_dir
from tests.support import stub_colab, stub_ngrok
from tests.support.link import end_link
from tests.support.relay_server import read_until, relay_server, started_cell
from tests.support.runtime import connect_string, run_cell
from tests.support.throw_away import throw_away

pytestmark = [pytest.mark.sshd, pytest.mark.slow]
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, for namespaces of its own")


def run_through(
    home: Path,
    line: str,
    cut: Callable[[], object],
    *,
    enter: Sequence[str] = (),
    path: str = "",
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> None:
    """Connect with *line* and *options*; run a script to its end, with a *cut* in the middle."""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", **(env or {})}
    colabdev = [*enter, sys.executable, "-m", "colabdev"]
    connected = subprocess.run(
        [*colabdev, "connect", *options, *([line] if line else [])],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert connected.returncode == 0, connected.stderr
    project, go = private_dir(home / "project"), home / "go"
    (project / "script.py").write_text(
        "import pathlib, sys, time\n"
        "print('before', flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists():\n"
        "    time.sleep(0.05)\n"
        "print('after')\n"
        "sys.exit(7)\n"
    )
    with subprocess.Popen(
        [*enter, "env", "-C", str(project), sys.executable, "-m", "colabdev", "run", "script.py"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        first = run.stdout.readline()
        assert first == "before\n", run.communicate()
        cut()
        go.touch()
        rest, said = run.communicate(timeout=120)
    assert (rest, run.returncode) == ("after\n", 7), said
    subprocess.run([*colabdev, "disconnect", "colab"], env=environment, capture_output=True)


def _state(home: Path) -> dict[str, object]:
    return dict(json.loads((home / ".colabdev" / "tunnel" / "state.json").read_text()))


def _another_agent(home: Path, before: object) -> bool:
    state = _state(home)
    return state["status"] == "up" and state["agent"] != before


def test_over_loopback(folder: Path, home: Path) -> None:
    """The SSH server dies with all its logins; the cell brings it back."""
    vm = private_dir(folder / "vm")
    environment = {**os.environ, "HOME": str(vm)}
    (vm / "cell.py").write_text(render_cell(ensure_key(), tunnel="none"))
    line = connect_string(run_cell(vm, environment))

    def cut() -> None:
        server = psutil.Process(json.loads((vm / ".colabdev/runtime.json").read_text())["sshd"][0])
        for process in [server, *server.children()]:
            process.kill()
        assert connect_string(run_cell(vm, environment)) == line

    try:
        run_through(home, line, cut)
    finally:
        run_cell(vm, environment, "stop")


def test_over_ngrok(folder: Path, home: Path) -> None:
    """The agent dies; the keeper's next one takes the reserved address again."""
    vm, agent = private_dir(folder / "vm"), stub_ngrok.install(folder / "agent")
    secrets = {"PYNGROK_NGROK_PATH": str(agent), "NGROK_AUTHTOKEN": "2oNlyForTests_1"}
    environment = {**os.environ, "HOME": str(vm), **secrets}
    text = render_cell(ensure_key(), address=f"localhost:{_free_port()}")
    (vm / "cell.py").write_text(text)
    line = connect_string(run_cell(vm, environment))

    def cut() -> None:
        before = _state(vm)["agent"]
        assert isinstance(before, list)
        os.kill(before[0], signal.SIGKILL)
        assert _wait_for(lambda: _another_agent(vm, before), 60)

    try:
        run_through(home, line, cut)
    finally:
        run_cell(vm, environment, "stop")


@needs_root
@pytest.mark.skipif(not importlib.util.find_spec("colab_ssh"), reason="needs colab-ssh")
def test_over_cloudflared(folder: Path, home: Path) -> None:
    """Cloudflare's edge drops every connection, and takes new ones."""
    with throw_away(folder) as vm:
        ran = vm.cell()
        assert ran.returncode == 0, ran.stderr
        line = connect_string(ran.stdout)
        cut = lambda: vm.signal(signal.SIGUSR1)  # noqa: E731 - one word for the road's end
        run_through(home, line, cut, enter=vm.inside.enter, path=str(vm.stubs))
        vm.cell("stop")


@needs_root
def test_over_a_relay(folder: Path, home: Path) -> None:
    """The VM's ssh to the relay dies; the keeper's next one takes the same port there."""
    with relay_server(folder / "relay") as (laptop, _, vm, place):
        keys, mine = folder / "relay" / "authorized_keys", folder / "mine"
        subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", mine], check=True)
        with started_cell(vm, folder / "vm", place) as cell:
            keys.write_text(f"{read_until(cell, 'restrict,')}\n{(folder / 'mine.pub').read_text()}")
            line = connect_string(read_until(cell, "colabdev connect '"))

        def cut() -> None:
            before = _state(folder / "vm")["agent"]
            assert isinstance(before, list)
            vm.run("kill", "-9", str(before[0]))
            assert _wait_for(lambda: _another_agent(folder / "vm", before), 60)

        run_through(home, line, cut, enter=laptop.enter, options=["--identity", str(mine)])
        vm.run("env", f"HOME={folder / 'vm'}", sys.executable, str(folder / "vm/cell.py"), "stop")


@pytest.mark.skipif(os.getuid() != 0, reason="a runtime of Colab's is entered as root")
@pytest.mark.parametrize("link", ["1", "0"])
def test_over_colab(folder: Path, home: Path, link: str) -> None:
    """Google's CLI dies under the only connection it carries; another one gets through."""
    vm, google = private_dir(folder / "vm"), folder / "google"
    environment = {**os.environ, "HOME": str(vm)}
    (vm / "cell.py").write_text(render_cell(ensure_key(), tunnel="none"))
    there = parse_connect_string(connect_string(run_cell(vm, environment))).destination
    stub_colab.install(google, there.port, vm / ".colabdev" / "sshd" / "authorized_keys")

    def cut() -> None:
        os.kill(int(stub_colab.calls(google, "bridge")[-1][1]), signal.SIGKILL)

    options = ["--via", "colab", "-s", "train", "--name", "colab"]
    try:
        run_through(home, "", cut, path=str(google), options=options, env={"COLABDEV_LINK": link})
        assert stub_colab.state(google)["sessions"] == {"train": "NONE"}
        assert len(stub_colab.calls(google, "new")) == 1
    finally:
        end_link()
        run_cell(vm, environment, "stop")
