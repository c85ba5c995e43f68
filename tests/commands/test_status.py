"""``status``: what answers, what does not, and why."""

import json
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.status import State, status
from colabdev.errors import InputError
from colabdev.remote import usage
from tests.commands.conftest import Heard
from tests.support.cli import colabdev
from tests.support.runtime import StartedRuntime, start_runtime


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
        found = {one.runtime.alias: one for one in status(torch=False)}
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


def test_here() -> None:
    """This machine is asked like any other, without a login."""
    [one] = status("here", torch=False)
    assert one.state == State.UP
    assert one.row()["address"] == "this machine"


def test_what_the_tunnel_carried() -> None:
    """The month's use of ngrok is shown, and called an estimate."""
    assert b"ngrok" not in colabdev("status").stderr
    usage.add("ngrok", sent=1000, received=2000, connections=3)
    said = colabdev("status").stderr
    assert b"estimate" in said
    assert b"3 of 5000 connections" in said
