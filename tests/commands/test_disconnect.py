"""``disconnect``: what connecting put on this computer goes, and nothing else."""

from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.disconnect import disconnect
from colabdev.errors import InputError
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.runtime import Registry
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import run
from tests.commands.conftest import Heard
from tests.support.runtime import StartedRuntime

pytestmark = pytest.mark.sshd


def test_the_last_one_takes_the_include_along(
    machine: StartedRuntime, home: Path, heard: Heard
) -> None:
    """The user's config is what it was; our block and the pinned key are gone; the VM goes on."""
    config = home / ".ssh" / "config"
    config.parent.mkdir(mode=0o700)
    config.write_bytes(b"Host work\r\n  User me")
    runtime = connect(machine.connect_string, "colab", heard).runtime
    assert disconnect(None, heard) == runtime
    assert config.read_bytes() == b"Host work\r\n  User me"
    assert "Host colab" not in paths.ssh_config_file().read_text()
    assert paths.known_hosts_file().read_text() == ""
    assert Registry().all() == []
    assert any("The machine goes on" in sentence for sentence in heard.told)
    address = parse_connect_string(machine.connect_string)
    with SSHTransport.connect(address.destination, paths.key_file()) as transport:
        assert run(transport, ["true"]).code == 0


def test_one_of_two(machine: StartedRuntime, heard: Heard) -> None:
    """The other runtime keeps its block and the Include."""
    connect(machine.connect_string, "first", heard)
    connect(machine.connect_string, "second", heard)
    disconnect("first", heard)
    written = paths.ssh_config_file().read_text()
    assert "Host second" in written
    assert "Host first" not in written
    assert paths.user_ssh_config().read_text().startswith("Include ")
    assert [runtime.alias for runtime in Registry().all()] == ["second"]


def test_which_of_two_must_be_said(machine: StartedRuntime, heard: Heard) -> None:
    """Nothing is forgotten by guesswork."""
    connect(machine.connect_string, "first", heard)
    connect(machine.connect_string, "second", heard)
    with pytest.raises(InputError) as caught:
        disconnect(None, heard)
    assert "first" in caught.value.hint
    assert "second" in caught.value.hint
    assert len(Registry().all()) == 2


def test_twice_is_safe_and_says_so(machine: StartedRuntime, heard: Heard) -> None:
    """The second time nothing is there to forget, and that is what is said."""
    connect(machine.connect_string, "colab", heard)
    assert disconnect("colab", heard) is not None
    assert disconnect("colab", heard) is None
    assert "nothing" in heard.told[-1]
    assert not paths.user_ssh_config().exists()


def test_nothing_was_ever_connected(home: Path, heard: Heard) -> None:
    """On a computer that never connected, disconnecting makes no ``~/.ssh``."""
    assert disconnect(None, heard) is None
    assert not (home / ".ssh").exists()


def test_a_read_only_config_is_a_warning(machine: StartedRuntime, home: Path, heard: Heard) -> None:
    """A config that was made read-only since stays, and the user is told which line to take out."""
    connect(machine.connect_string, "colab", heard)
    config = home / ".ssh" / "config"
    config.chmod(0o400)
    assert disconnect("colab", heard) is not None
    [(sentence, hint)] = heard.warned
    assert "read-only" in sentence
    assert config.read_text().strip() in hint
