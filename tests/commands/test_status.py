"""``status``: what answers, what does not, and why."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.status import State, Status, status, watch
from colabdev.errors import InputError
from colabdev.jobs.client import cancel, jobs, start
from colabdev.remote import usage
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.ssh import SSHTransport
from tests.commands.conftest import Heard
from tests.support.cli import colabdev
from tests.support.far import spec, until
from tests.support.runtime import StartedRuntime, ssh_command, start_runtime
from tests.support.terminal import lent_by_sshd, terminal


def test_nothing_known() -> None:
    """Without runtimes the overview is empty, and a name is an error with a next step."""
    assert status() == []
    with pytest.raises(InputError):
        status("colab")


@pytest.mark.sshd
def test_up_gone_and_unreachable_side_by_side(
    machine: StartedRuntime, home: Path, heard: Heard
) -> None:
    """One runtime that fails does not hide the others; each finding has its reason."""
    with start_runtime(home / "vm" / "stopped") as stopped:
        connect(stopped.connect_string, "stopped", heard)
    with start_runtime(home / "vm" / "renewed") as renewed:
        connect(renewed.connect_string, "renewed", heard)
        record = renewed.home / ".colabdev" / "runtime.json"
        record.write_text(json.dumps({**json.loads(record.read_text()), "boot_id": "f" * 32}))
        connect(machine.connect_string, "colab", heard)
        found = {one.runtime.alias: one for one in status()}
    assert list(found) == ["colab", "renewed", "stopped"]
    assert found["colab"].state == State.UP
    assert found["colab"].facts is not None
    assert found["colab"].row()["python"] == found["colab"].facts.python
    assert found["renewed"].state == State.GONE
    assert "started anew" in found["renewed"].problem
    assert found["stopped"].state == State.UNREACHABLE
    assert "refused" in found["stopped"].problem
    assert found["stopped"].hint
    assert found["stopped"].row()["python"] == "-"


@pytest.fixture
def colab(home: Path, heard: Heard) -> Iterator[StartedRuntime]:
    """Lend a machine with a GPU of the stand-in ``nvidia-smi``, whose words tests may change."""
    tools = home / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text(f"#!/bin/sh\nexec cat {tools}/answer\n")
    (tools / "nvidia-smi").chmod(0o700)
    (tools / "answer").write_text("Tesla T4, 15360, 550.54.15, 37, 1536, 28.50\n")
    with start_runtime(home / "vm", env={"PATH": f"{tools}:{os.environ['PATH']}"}) as machine:
        connect(machine.connect_string, "colab", heard)
        yield machine


@pytest.mark.sshd
def test_what_goes_on_there(colab: StartedRuntime, home: Path) -> None:
    """Logins, running jobs, GPU, disk and uptime are those of the machine."""
    there = parse_connect_string(colab.connect_string).destination
    facts = status("colab")[0].facts
    assert facts is not None
    assert (facts.logins, facts.jobs) == (1, ())
    job = spec("gate", str(home / "never"))
    looks: list[Status] = []

    def two_are_connected() -> bool:
        looks[:] = status("colab")
        return looks[0].activity()["logins"] == "2"

    with SSHTransport.connect(there, paths.key_file()) as transport:
        start(transport, job)
        # On a busy machine the connection of the look before may take a moment to go.
        until(two_are_connected)
        [found] = looks
        cancel(transport, job.id, "KILL")
        until(lambda: all(each.state.ended for each in jobs(transport)))
    assert found.facts is not None
    assert (found.facts.logins, found.facts.jobs) == (2, (job.id,))
    assert found.facts.uptime is not None
    assert abs(found.facts.uptime - (time.time() - psutil.Process(1).create_time())) < 60
    row = found.activity()
    assert (row["logins"], row["jobs"], row["gpu_use"]) == ("2", "1", "37 %")
    assert (row["gpu_memory"], row["gpu_power"]) == ("1.5 of 15.0 GiB", "28 W")
    assert row["who"] == "2: colabdev, ssh"
    assert row["left"] == "-", "this is none of Colab's machines"
    assert status("colab")[0].activity()["jobs"] == "0"


@pytest.mark.sshd
def test_who_is_connected(colab: StartedRuntime) -> None:
    """A terminal, a file transfer and a mere tunnel are told apart, and from us who ask."""
    if not lent_by_sshd():
        pytest.skip("this machine's devpts (no gid=) lets only root's sshd open a terminal")
    ssh = [*ssh_command(colab.connect_string, colab.home)]
    sftp = ["sftp", "-q", *(word if word != "-p" else "-P" for word in ssh[1:])]
    with contextlib.ExitStack() as stack:
        for command in ([*ssh, "-tt", "cat"], [*ssh, "-N"], sftp):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.enter_context(process)
            stack.callback(process.kill)

        def who() -> str:
            return status("colab")[0].activity()["who"]

        until(lambda: who() == "4: colabdev, sftp, ssh, terminal")
    until(lambda: who() == "1: colabdev")


def test_what_colab_leaves_is_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Colab VM twelve hours less the uptime are left, and it is called an estimate."""
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab_20261101")
    facts = status("here")[0].facts
    assert facts is not None
    assert facts.uptime is not None
    assert facts.left_estimate == max(0.0, 12 * 3600 - facts.uptime)
    assert b"left (estimate)" in colabdev("status", "--on", "here").stdout


@pytest.mark.sshd
def test_when_an_idle_vm_is_given_back(colab: StartedRuntime) -> None:
    """What the cell's keeper notes is shown; a note that nobody renews, or none, is not."""
    note = colab.home / ".colabdev" / "tunnel" / "idle.json"
    note.parent.mkdir(exist_ok=True)
    assert b"given back" not in colabdev("status", "--on", "colab").stdout
    note.write_text('{"left": 1505}')
    done = colabdev("status", "--on", "colab")
    assert b"given back if idle" in done.stdout
    assert b"0:25 h" in done.stdout
    for old in ('{"left": NaN}', "nan", '{"left": "soon"}', '{"left": -1}', "[]", '{"left": 1505}'):
        note.write_text(old)
        if "1505" in old:
            os.utime(note, (1, 1))
        [found] = status("colab")
        assert found.facts is not None
        assert found.facts.idle_left is None


@pytest.mark.sshd
def test_watched_over_one_connection(colab: StartedRuntime, home: Path) -> None:
    """A watcher sees what changes; the machine is logged in to once."""
    log = colab.home / ".colabdev" / "sshd" / "log"
    before = log.read_text().count("Accepted")
    looks = watch("colab", 0.01)
    with contextlib.closing(looks):
        assert next(looks)[0].activity()["gpu_use"] == "37 %"
        (home / "tools" / "answer").write_text("Tesla T4, 15360, 550.54.15, 99, 1\n")
        while next(looks)[0].activity()["gpu_use"] != "99 %":
            pass
    assert log.read_text().count("Accepted") == before + 1


@pytest.mark.sshd
def test_a_machine_that_goes_while_it_is_watched(home: Path, heard: Heard) -> None:
    """It becomes a finding, is not dialled at every look, and the watch goes on."""
    with start_runtime(home / "vm") as machine:
        connect(machine.connect_string, "colab", heard)
        looks = watch("colab", 0.01)
        assert next(looks)[0].state == State.UP
        machine.cell("stop")
    with contextlib.closing(looks):
        while (found := next(looks)[0]).state == State.UP:
            pass
        assert found.state == State.UNREACHABLE
        assert next(looks)[0] is found


@pytest.mark.sshd
@pytest.mark.parametrize("command", ["status", "gpu"])
def test_in_place(colab: StartedRuntime, home: Path, command: str) -> None:
    """In a terminal each look takes the place of the one before, and Ctrl-C is a good end."""
    answers = home / "tools" / "answer"
    lines = {
        "status": "Tesla T4, 15360, 550, {}, 1536\n",
        "gpu": "0, Tesla T4, {}, 1, 2, 3, 4\n",
    }
    answers.write_text(lines[command].format(11))
    with terminal(command, "--watch", "--every", "0.5") as screen:
        screen.until("11 %")
        answers.write_text(lines[command].format(22))
        screen.until("22 %")
        screen.type("\x03")
        assert screen.end() == 0
    between = screen.screen.partition("11 %")[2].partition("22 %")[0]
    assert "\x1b[1A\x1b[2K" in between, "the cursor goes up and clears what was there"
    assert screen.screen.count("\x1b[?25h") == 1, "the cursor is back"
    assert "Traceback" not in screen.screen


@pytest.mark.sshd
def test_watched_by_a_program(colab: StartedRuntime) -> None:
    """With --json every look is a line, and so is the month's use; Ctrl-C is a good end."""
    command = [sys.executable, "-m", "colabdev", "status", "--watch", "--every", "0.5", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        seen = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        rest = [json.loads(line) for line in process.stdout]
    assert process.returncode == 0
    assert [line["type"] for line in seen] == ["result", "usage"] * 2
    assert seen[1]["estimate"] is True
    assert seen[0]["data"][0]["facts"]["logins"] == 1
    assert rest[-1]["type"] == "end"


def test_here() -> None:
    """This machine is asked like any other, without a login."""
    [one] = status("here")
    assert one.state == State.UP
    assert one.row()["address"] == "this machine"


def test_what_the_tunnel_carried() -> None:
    """The month's use of ngrok is shown, and called an estimate."""
    assert b"ngrok" not in colabdev("status").stderr
    usage.add("ngrok", sent=1000, received=2000, connections=3)
    said = colabdev("status").stderr
    assert b"estimate" in said
    assert b"3 of 5000 connections" in said
