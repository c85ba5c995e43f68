"""``connect --direct``: a machine that ran no cell, trusted by its fingerprint alone."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.direct import connect_direct
from colabdev.commands.status import State, status
from colabdev.errors import InputError, LoginRefused
from colabdev.remote.destination import fingerprint, parse_connect_string
from colabdev.remote.runtime import Registry
from tests.commands.conftest import Heard
from tests.support.cli import colabdev
from tests.support.runtime import StartedRuntime

pytestmark = pytest.mark.sshd


@pytest.fixture
def lab(machine: StartedRuntime) -> Iterator[StartedRuntime]:
    """Lend a machine whose record of the cell is gone: to a login it never ran one."""
    (machine.home / ".colabdev" / "runtime.json").rename(machine.home / "runtime.json")
    yield machine
    (machine.home / "runtime.json").replace(machine.home / ".colabdev" / "runtime.json")


def _place(machine: StartedRuntime) -> tuple[str, str]:
    there = parse_connect_string(machine.connect_string).destination
    return str(there), fingerprint(there.host_key)


def test_asked_and_confirmed(lab: StartedRuntime, heard: Heard) -> None:
    """The user sees the true fingerprint; then the machine is one like any other."""
    place, shown = _place(lab)
    asked: list[str] = []
    connection = connect_direct(
        place,
        "lab",
        heard,
        trust=lambda found: not asked.append(found),  # type: ignore[func-returns-value]  # it is the note
    )
    assert asked == [shown]
    runtime = connection.runtime
    record = json.loads((lab.home / ".colabdev" / "runtime.json").read_text())
    assert (runtime.boot_id, runtime.root) == (record["boot_id"], str(lab.home / "content"))
    [found] = status("lab")
    assert found.state == State.UP
    done = colabdev("connect", "--direct", place, "--name", "lab", "--host-key", shown)
    assert done.returncode == 0, done.stderr
    assert Registry().get("lab").boot_id == runtime.boot_id


def test_not_confirmed(lab: StartedRuntime, heard: Heard, home: Path) -> None:
    """A key that nobody vouches for, or another than the given one, gets nothing from us."""
    place, shown = _place(lab)
    with pytest.raises(InputError) as caught:
        connect_direct(place, "lab", heard, trust=lambda _: False)
    assert shown in caught.value.hint
    with pytest.raises(InputError):
        connect_direct(place, "lab", heard, trust=lambda _: True, host_key="SHA256:other")
    assert colabdev("connect", "--direct", place).returncode == 2
    assert Registry().all() == []
    assert not (lab.home / ".colabdev" / "runtime.json").exists()


def test_with_a_key_of_the_users_own(lab: StartedRuntime, heard: Heard, home: Path) -> None:
    """--identity logs in with the user's RSA key, by colabdev and by plain ssh."""
    own = home / "own key"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", own], check=True)
    place, shown = _place(lab)
    with pytest.raises(LoginRefused) as caught:
        connect_direct(place, "lab", heard, trust=lambda _: True, host_key=shown, identity=str(own))
    assert "authorized_keys" in caught.value.hint
    keys = lab.home / ".colabdev" / "sshd" / "authorized_keys"
    keys.write_text(own.with_name("own key.pub").read_text())
    connect_direct(place, "lab", heard, trust=lambda _: False, host_key=shown, identity=str(own))
    done = subprocess.run(
        ["ssh", "-F", paths.ssh_config_file(), "-oBatchMode=yes", "lab", "echo in"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stdout == "in\n", done.stderr


@pytest.mark.parametrize("place", ["host", "a@b@c", "-o@h", "u@-x", "u@h:99999", "u@h ;id", "@h"])
def test_places_that_are_none(place: str, heard: Heard) -> None:
    """What could not stand in an ssh config is refused before anything is dialled."""
    with pytest.raises(InputError) as caught:
        connect_direct(place, "lab", heard, trust=lambda _: True)
    assert "USER@HOST" in caught.value.message
