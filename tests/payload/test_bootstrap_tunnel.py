"""The cell's ngrok tunnel: the real pyngrok and the keeper, over a stand-in agent that relays."""

import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # state.json is JSON

import psutil
import pytest

from colabdev.payload.cell import core
from colabdev.payload.cell.refusals import REFUSALS
from colabdev.remote.destination import parse_connect_string
from tests.support import stub_ngrok
from tests.support.runtime import (
    StartedRuntime,
    connect_string,
    put_cell,
    run_cell,
    start_runtime,
    try_cell,
)

pytestmark = pytest.mark.sshd

TOKEN = "2oNlyForTests_7gh3kd9sLq"


@contextmanager
def tunnelled(folder: Path) -> Iterator[tuple[StartedRuntime, Path]]:
    """Start a runtime behind the stand-in agent, which is lent as well."""
    agent = stub_ngrok.install(folder / "agent")
    env = {"PYNGROK_NGROK_PATH": str(agent), "NGROK_AUTHTOKEN": TOKEN}
    with start_runtime(folder / "vm", env=env, tunnel="ngrok") as runtime:
        yield runtime, agent


def state(runtime: StartedRuntime) -> dict[str, Any]:
    """Return what the keeper last wrote."""
    return dict(json.loads((runtime.home / ".colabdev/tunnel/state.json").read_text()))


def wait_until(done: Callable[[], object], what: str) -> None:
    """Wait for *done* to be true, for at most twenty seconds."""
    assert core._wait_for(lambda: bool(done()), 20), f"in vain: {what}"


def test_the_tunnel_leads_to_the_server(folder: Path) -> None:
    """The connect string names the tunnel's end, and OpenSSH logs in through it."""
    with tunnelled(folder) as (runtime, _):
        there = parse_connect_string(runtime.connect_string).destination
        assert there.via == "ngrok"
        assert there.port != runtime.facts["port"]
        assert runtime.ssh("echo in").stdout == "in\n"


def test_the_token_stays_in_its_file(folder: Path) -> None:
    """No argument list, environment, login, output or wider file holds the token."""
    with tunnelled(folder) as (runtime, agent):
        records = [runtime.facts["sshd"], runtime.facts["keeper"], state(runtime)["agent"]]
        for process in [psutil.Process(pid) for pid, _ in records]:
            assert TOKEN not in " ".join(process.cmdline())
            assert TOKEN not in str(process.environ())
        (started,) = stub_ngrok.agents(agent)
        assert TOKEN not in str(started)
        assert "NGROK_AUTHTOKEN" not in started["environ"]
        assert TOKEN not in runtime.ssh("env; ps -A -o args").stdout
        assert TOKEN not in runtime.cell()
        holders = [
            path
            for path in runtime.home.rglob("*")
            if path.is_file() and TOKEN.encode() in path.read_bytes()
        ]
        assert holders == [runtime.home / ".colabdev/tunnel/ngrok.yml"]
        assert holders[0].stat().st_mode & 0o777 == 0o600


def test_a_second_run_finds_the_tunnel_without_a_token(folder: Path) -> None:
    """The same line again, by the same agent, with no token in the environment any more."""
    with tunnelled(folder) as (runtime, agent):
        del runtime.environment["NGROK_AUTHTOKEN"]
        assert connect_string(runtime.cell()) == runtime.connect_string
        assert len(stub_ngrok.agents(agent)) == 1


def test_a_reserved_address_is_asked_for(folder: Path) -> None:
    """The address of the cell's form reaches ngrok, and so does the runtime's metadata."""
    agent = stub_ngrok.install(folder / "agent")
    env = {**os.environ, "PYNGROK_NGROK_PATH": str(agent), "NGROK_AUTHTOKEN": TOKEN}
    home = folder / "vm"
    put_cell(home, "ngrok")
    text = (home / "cell.py").read_text()
    assert 'ADDRESS = ""' in text
    reserved = f"127.0.0.1:{core._free_port()}"
    (home / "cell.py").write_text(text.replace('ADDRESS = ""', f'ADDRESS = "{reserved}"'))
    environment = {**env, "HOME": str(home)}
    try:
        there = parse_connect_string(connect_string(run_cell(home, environment))).destination
        assert f"{there.hostname}:{there.port}" == reserved
        (asked,) = stub_ngrok.endpoints(agent)
        assert asked["url"] == f"tcp://{reserved}"
        public = json.loads(asked["metadata"])
        assert set(public) == {"name", "user", "host_key", "boot_id", "root"}
        assert public["host_key"] == there.host_key
    finally:
        run_cell(home, environment, "stop")


def test_an_endpoint_that_is_not_ours_is_closed_and_told(folder: Path) -> None:
    """What somebody else publishes through the agent's open API ends, and the cell names it."""
    with tunnelled(folder) as (runtime, _):
        settings = json.loads((runtime.home / ".colabdev/tunnel/ngrok.yml").read_text())
        api = f"http://{settings['agent']['web_addr']}/api/endpoints"
        asked = {"name": "stranger", "url": "tcp://", "upstream": {"url": "127.0.0.1:22"}}
        post = urllib.request.Request(api, json.dumps(asked).encode())
        with urllib.request.urlopen(post) as answer:
            assert answer.status == 201
        wait_until(lambda: "stranger" in state(runtime).get("closed", ""), "the report")
        with urllib.request.urlopen(api) as answer:
            assert [each["name"] for each in json.load(answer)["endpoints"]] == ["colabdev"]
        printed = runtime.cell()
        assert "stranger" in printed
        assert connect_string(printed) == runtime.connect_string
        assert "ngrok version 3.39.10" in printed


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_another_user_of_the_machine_reads_no_secret() -> None:
    """Below a home that anybody may enter, neither token nor host key can be read."""
    place = Path(tempfile.mkdtemp(dir="/opt"))
    place.chmod(0o755)
    try:
        with tunnelled(place) as (runtime, _):
            runtime.home.chmod(0o755)
            nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat"]
            hello = runtime.home / "hello"
            hello.write_text("to everybody")
            hello.chmod(0o644)
            assert subprocess.run([*nobody, hello], capture_output=True).stdout == b"to everybody"
            ours = runtime.home / ".colabdev"
            secrets = (ours / "tunnel/ngrok.yml", ours / "sshd/host_key", ours / "env.sh")
            for path in (*secrets, ours / "runtime.json", ours / "keeper.log", ours / "cell.py"):
                assert path.exists()
                done = subprocess.run([*nobody, path], capture_output=True, text=True, check=False)
                assert "Permission denied" in done.stderr
                assert not done.stdout
    finally:
        shutil.rmtree(place)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_what_another_user_publishes_is_closed_and_told(folder: Path) -> None:
    """The agent's API knows no passwords: the keeper sees to it that only our port is published."""
    publish = (
        "import json, sys, urllib.request\n"
        "asked = {'name': 'theirs', 'url': 'tcp://', 'upstream': {'url': '127.0.0.1:22'}}\n"
        "post = urllib.request.Request(sys.argv[1], json.dumps(asked).encode())\n"
        "print(urllib.request.urlopen(post).status)\n"
    )
    with tunnelled(folder) as (runtime, agent):
        settings = json.loads((runtime.home / ".colabdev/tunnel/ngrok.yml").read_text())
        api = f"http://{settings['agent']['web_addr']}/api/endpoints"
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        system = Path("/usr/bin/python3")  # ours may lie where nobody else may look
        python = system if system.exists() else sys.executable
        words = [*nobody, python, "-c", publish, api]
        done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False)
        assert done.stdout == "201\n", done.stderr
        wait_until(lambda: "theirs" in state(runtime).get("closed", ""), "the report")
        with urllib.request.urlopen(api) as answer:
            assert [each["name"] for each in json.load(answer)["endpoints"]] == ["colabdev"]
        assert "Somebody here published theirs" in runtime.cell()
        assert len(stub_ngrok.endpoints(agent)) == 2


def test_another_name_in_the_form_reaches_ngrok(folder: Path) -> None:
    """The metadata is what `connect` finds the runtime by: a renamed one is published anew."""
    with tunnelled(folder) as (runtime, agent):
        before = state(runtime)["agent"]
        cell = runtime.home / "cell.py"
        cell.write_text(cell.read_text().replace('NAME = "colab"', 'NAME = "gpu-2"'))
        printed = runtime.cell()
        assert printed.rstrip().endswith("' --name gpu-2")
        published = [json.loads(each["metadata"])["name"] for each in stub_ngrok.endpoints(agent)]
        assert published == ["colab", "gpu-2"]
        assert not core._alive(before)
        assert core._alive(runtime.facts["keeper"])
        assert connect_string(runtime.cell()) == connect_string(printed)
        assert StartedRuntime(connect_string(printed), runtime.home, {}).ssh("true").returncode == 0


def test_a_killed_agent_is_replaced(folder: Path) -> None:
    """The keeper starts another agent; the state names the new address, and so does the cell."""
    with tunnelled(folder) as (runtime, agent):
        before = state(runtime)
        os.kill(before["agent"][0], signal.SIGKILL)
        wait_until(
            lambda: state(runtime)["status"] == "up" and state(runtime)["agent"] != before["agent"],
            "another agent",
        )
        assert len(stub_ngrok.agents(agent)) == 2
        moved = connect_string(runtime.cell())
        there = parse_connect_string(moved).destination
        assert f"{there.hostname}:{there.port}" == state(runtime)["address"] != before["address"]
        assert StartedRuntime(moved, runtime.home, {}).ssh("true").returncode == 0


def test_too_many_agents_is_no_end_for_a_tunnel_that_was_up(folder: Path) -> None:
    """ngrok counts a dead agent for a while: the keeper tries again until it has a new one."""
    with tunnelled(folder) as (runtime, agent):
        stub_ngrok.refuse(agent, "start", "too many sessions\r\n\r\nERR_NGROK_108")
        os.kill(state(runtime)["agent"][0], signal.SIGKILL)
        wait_until(lambda: state(runtime).get("code") == "ERR_NGROK_108", "the refusal")
        stub_ngrok.refuse(agent)
        wait_until(lambda: state(runtime)["status"] == "up", "another agent")


def test_a_tunnel_that_moves_by_itself_is_noticed(folder: Path) -> None:
    """An agent that lost its session may come back elsewhere."""
    with tunnelled(folder) as (runtime, _):
        before = state(runtime)
        os.kill(before["agent"][0], signal.SIGUSR1)
        wait_until(lambda: state(runtime)["address"] != before["address"], "the new address")
        assert state(runtime)["agent"] == before["agent"]
        assert connect_string(runtime.cell()) != runtime.connect_string


def test_a_killed_keeper_leaves_nothing_behind(folder: Path) -> None:
    """The next run ends the agent that is left and starts both anew, by the token it kept."""
    with tunnelled(folder) as (runtime, agent):
        del runtime.environment["NGROK_AUTHTOKEN"]
        orphan = state(runtime)["agent"]
        os.kill(runtime.facts["keeper"][0], signal.SIGKILL)
        wait_until(lambda: not core._alive(runtime.facts["keeper"]), "the keeper's end")
        runtime.cell()
        assert not core._alive(orphan)
        assert len(stub_ngrok.agents(agent)) == 2


def test_a_keeper_that_is_killed_while_its_agent_starts_leaves_none(folder: Path) -> None:
    """Nobody had noted that agent yet; the stop ends it all the same."""
    agent = stub_ngrok.install(folder / "agent")
    stub_ngrok.refuse(agent, "wait", "an endless start")
    home = folder / "vm"
    put_cell(home, "ngrok")
    secrets = {"PYNGROK_NGROK_PATH": str(agent), "NGROK_AUTHTOKEN": TOKEN}
    environment = {**os.environ, **secrets, "HOME": str(home)}
    words = [sys.executable, str(home / "cell.py")]
    try:
        with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as cell:
            wait_until(lambda: stub_ngrok.agents(agent), "the agent")
            facts = json.loads((home / ".colabdev/runtime.json").read_text())
            os.kill(facts["keeper"][0], signal.SIGKILL)
            assert "The keeper ended." in cell.communicate()[1]
        assert psutil.pid_exists(_last(agent))
    finally:
        assert "Stopped" in run_cell(home, environment, "stop")
    wait_until(lambda: not psutil.pid_exists(_last(agent)), "the agent's end")


def test_a_dead_server_comes_back_behind_the_same_tunnel(folder: Path) -> None:
    """sshd takes its old port again, so that the tunnel still leads to it."""
    with tunnelled(folder) as (runtime, agent):
        os.kill(runtime.facts["sshd"][0], signal.SIGKILL)
        wait_until(lambda: not core._alive(runtime.facts["sshd"]), "the server's end")
        assert connect_string(runtime.cell()) == runtime.connect_string
        assert len(stub_ngrok.agents(agent)) == 1


@pytest.mark.parametrize("words", [("stop",), ()], ids=["stop", "tunnel none"])
def test_the_tunnel_ends_when_it_is_told_to(folder: Path, words: tuple[str, ...]) -> None:
    """The stop and a run with tunnel 'none' end keeper and agent; the stop forgets the token."""
    with tunnelled(folder) as (runtime, _):
        records = [runtime.facts["keeper"], state(runtime)["agent"]]
        if not words:
            put_cell(runtime.home, "none")
        runtime.cell(*words)
        assert not any(map(core._alive, records))
        kept = runtime.home / ".colabdev/tunnel/state.json"
        assert not kept.exists() if words else "agent" not in state(runtime)
        assert (runtime.home / ".colabdev/tunnel/ngrok.yml").exists() == (not words)


def test_each_refusal_has_its_sentence(folder: Path) -> None:
    """What ngrok refuses ends with its code and a next step, and no trace of token or process."""
    agent = stub_ngrok.install(folder / "agent")
    home = folder / "vm"
    put_cell(home, "ngrok")
    environment = {
        **os.environ,
        "HOME": str(home),
        "PYNGROK_NGROK_PATH": str(agent),
        "NGROK_AUTHTOKEN": TOKEN,
    }
    at_start = {f"ERR_NGROK_{number}" for number in (105, 107, 108, 121, 123, 300, 4018, 9009)}
    try:
        numbers = [number for codes in REFUSALS for number in codes.split()]
        assert len(numbers) == len(set(numbers)) == 19
        for code in [f"ERR_NGROK_{number}" for number in [*numbers, "9999"]]:
            moment = "start" if code in at_start else "endpoint"
            stub_ngrok.refuse(agent, moment, f"Not so, says ngrok.\r\n\r\n{code}")
            done = try_cell(home, environment)
            assert done.returncode == 1, code
            message, step = done.stderr.strip().split("\n")
            assert code in message
            assert "https://" in step or "again" in step
            assert TOKEN not in done.stdout + done.stderr
            assert core._wait_for(lambda: not psutil.pid_exists(_last(agent)), 10)
    finally:
        run_cell(home, environment, "stop")


def _last(agent: Path) -> int:
    return int(stub_ngrok.agents(agent)[-1]["pid"])


def test_a_refused_token_is_not_kept(folder: Path) -> None:
    """The run after it takes nothing from the last one, and no token is one sentence."""
    agent = stub_ngrok.install(folder / "agent")
    stub_ngrok.refuse(agent, "start", "invalid\r\n\r\nERR_NGROK_107")
    home = folder / "vm"
    put_cell(home, "ngrok")
    environment = {**os.environ, "HOME": str(home), "PYNGROK_NGROK_PATH": str(agent)}
    try:
        assert "ERR_NGROK_107" in try_cell(home, {**environment, "NGROK_AUTHTOKEN": "2x"}).stderr
        message, step = try_cell(home, environment).stderr.strip().split("\n")
        assert "no ngrok authtoken" in message
        assert "Secrets" in step
    finally:
        run_cell(home, environment, "stop")


@pytest.mark.slow
def test_pyngrok_is_installed_alone_where_it_is_missing(folder: Path) -> None:
    """A kernel without pyngrok gets it by its own pip, says so, and nothing else changes."""
    kernel = folder / "kernel"
    subprocess.run([sys.executable, "-m", "venv", kernel], check=True)
    wheels = folder / "wheels"
    wheels.mkdir()
    for name in ("pyngrok", "PyYAML"):
        _repack(name, wheels)
    agent = stub_ngrok.install(folder / "agent")
    home = folder / "vm"
    put_cell(home, "ngrok")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
        "HOME": str(home),
        "PYNGROK_NGROK_PATH": str(agent),
        "NGROK_AUTHTOKEN": TOKEN,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }

    def run(*words: str) -> str:
        cell = [str(kernel / "bin" / "python"), str(home / "cell.py"), *words]
        return subprocess.run(
            cell, env=environment, capture_output=True, text=True, check=True
        ).stdout

    before = _installed(kernel)
    try:
        printed = run()
        assert "Installing pyngrok>=9,<10" in printed
        assert connect_string(printed)
        assert _installed(kernel) - before == {"pyngrok", "PyYAML"}
        assert "Installing" not in run()
    finally:
        run("stop")


def _installed(kernel: Path) -> set[str]:
    listing = [str(kernel / "bin" / "python"), "-m", "pip", "list", "--format", "json"]
    done = subprocess.run(listing, capture_output=True, check=True)
    return {entry["name"] for entry in json.loads(done.stdout)}


def _repack(name: str, wheels: Path) -> None:
    """Make a wheel of the installed distribution *name*, its own files byte for byte."""
    distribution = importlib.metadata.distribution(name)
    wheel = distribution.read_text("WHEEL") or ""
    tag = next(line[5:] for line in wheel.splitlines() if line.startswith("Tag: "))
    target = wheels / f"{name.lower()}-{distribution.version}-{tag}.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for file in distribution.files or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                archive.write(file.locate(), str(file))
