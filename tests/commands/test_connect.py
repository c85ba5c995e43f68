"""``connect``: proved first, recorded then, and good for the real OpenSSH client."""

import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.errors import (
    BadConnectString,
    ColabdevError,
    ConfigError,
    HostKeyMismatch,
    HostUnreachable,
    InputError,
    LoginRefused,
    RuntimeGone,
)
from colabdev.remote.destination import ConnectString, parse_connect_string
from colabdev.remote.runtime import Registry
from colabdev.remote.sshkey import ensure_key
from colabdev.store import private_dir, write_atomic
from tests.commands.conftest import Heard
from tests.remote.keys import fresh_ed25519
from tests.support.cli import colabdev
from tests.support.disk import fill, small_disk
from tests.support.runtime import StartedRuntime, start_runtime

pytestmark = pytest.mark.sshd


@pytest.fixture
def address(machine: StartedRuntime) -> ConnectString:
    """Return what the machine's cell printed, parsed."""
    return parse_connect_string(machine.connect_string)


def _files(home: Path) -> dict[str, bytes]:
    """Return every file in the user's home that is not the machine's own, but for our key."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not path.is_relative_to(home / "vm") and "id_ed25519" not in path.name
    }


def _ssh(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ssh", "-F", paths.user_ssh_config(), "-o", "BatchMode=yes", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_connect_records_the_machine(machine: StartedRuntime, heard: Heard) -> None:
    """After a proved login the registry, the pinned key and the config name the machine."""
    connection = connect(f"colabdev connect '{machine.connect_string}'", "colab", heard)
    runtime = connection.runtime
    assert Registry().get(None) == runtime
    assert runtime.root == str(machine.home / "content")
    assert connection.facts.boot_id == runtime.boot_id
    assert runtime.destination is not None
    assert paths.known_hosts_file().read_text() == f"colab {runtime.destination.host_key}\n"
    assert paths.user_ssh_config().read_text() == f'Include "{paths.ssh_config_file()}"\n'
    assert stat.S_IMODE(paths.user_ssh_config().stat().st_mode) == 0o600
    assert "Connected: colab is" in heard.told[0]
    assert not heard.warned


@pytest.mark.parametrize("alias", ["colab", "My.Colab-2_x"])
def test_the_real_ssh_gets_in(machine: StartedRuntime, heard: Heard, alias: str) -> None:
    """OpenSSH logs in by the written config alone, asks nothing, and passes the exit code on."""
    connect(machine.connect_string, alias, heard)
    done = _ssh(alias, "echo $COLABDEV_RUNTIME; exit 7")
    assert done.stderr == ""
    assert done.returncode == 7
    assert done.stdout == f"{machine.home / '.colabdev'}\n"


def test_the_real_ssh_refuses_another_machine(
    machine: StartedRuntime, home: Path, heard: Heard
) -> None:
    """When a stranger answers at the recorded address, OpenSSH refuses by the pinned key."""
    connect(machine.connect_string, "colab", heard)
    with start_runtime(home / "vm" / "stranger") as stranger:
        port = parse_connect_string(stranger.connect_string).destination.port
        done = _ssh("-o", f"Port={port}", "colab", "true")
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def _another_key(address: ConnectString) -> str:
    return str(replace(address, destination=replace(address.destination, host_key=fresh_ed25519())))


def _another_life(address: ConnectString) -> str:
    return str(replace(address, boot_id="0" * 32))


def _another_port(address: ConnectString) -> str:
    return str(replace(address, destination=replace(address.destination, port=1)))


def _cut_off(address: ConnectString) -> str:
    return str(address)[:-10]


def _key_unknown_there(address: ConnectString) -> str:
    paths.key_file().unlink()
    ensure_key()
    return str(address)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_another_key, HostKeyMismatch),
        (_another_life, RuntimeGone),
        (_another_port, HostUnreachable),
        (_cut_off, BadConnectString),
        (_key_unknown_there, LoginRefused),
    ],
)
def test_nothing_is_written_before_the_login_is_proved(
    spoil: object, error: type[ColabdevError], address: ConnectString, home: Path, heard: Heard
) -> None:
    """A connect that fails leaves no record, no key, no config and no Include behind."""
    assert callable(spoil)
    text = spoil(address)
    before = _files(home)
    with pytest.raises(error) as caught:
        connect(text, "colab", heard)
    assert caught.value.hint
    assert _files(home) == before
    assert not (home / ".ssh").exists()


@pytest.mark.parametrize("alias", ["here", "a b", "-F", ""])
def test_a_bad_alias_is_told_before_anything(alias: str, heard: Heard) -> None:
    """An alias that cannot be is refused before the string is even looked at."""
    with pytest.raises(InputError) as caught:
        connect("nonsense", alias, heard)
    assert not isinstance(caught.value, BadConnectString)


def test_twice_equals_once(machine: StartedRuntime, heard: Heard) -> None:
    """The same string again changes no ssh file, and says that it was connected already."""
    connect(machine.connect_string, "colab", heard)
    written = [
        path.read_bytes()
        for path in (paths.ssh_config_file(), paths.known_hosts_file(), paths.user_ssh_config())
    ]
    connect(machine.connect_string, "colab", heard)
    assert "connected already" in heard.told[-1]
    assert written == [
        path.read_bytes()
        for path in (paths.ssh_config_file(), paths.known_hosts_file(), paths.user_ssh_config())
    ]


def test_a_fresh_machine_takes_the_alias_over(
    machine: StartedRuntime, home: Path, heard: Heard
) -> None:
    """The alias stays: its new address and key replace the old ones, and the user hears of it."""
    connect(machine.connect_string, "colab", heard)
    with start_runtime(home / "vm" / "second") as second:
        connection = connect(second.connect_string, "colab", heard)
        assert "fresh machine" in heard.told[-1]
        assert Registry().all() == [connection.runtime]
        assert _ssh("colab", "echo $COLABDEV_RUNTIME").stdout.strip() == str(
            second.home / ".colabdev"
        )


def test_two_machines_side_by_side(machine: StartedRuntime, home: Path, heard: Heard) -> None:
    """Two aliases lead to two machines, and the one connected last is the default."""
    connect(machine.connect_string, "first", heard)
    with start_runtime(home / "vm" / "second") as second:
        connect(second.connect_string, "second", heard)
        assert Registry().get(None).alias == "second"
        homes = [_ssh(alias, "echo $HOME").stdout.strip() for alias in ("first", "second")]
    assert homes == [str(machine.home), str(second.home)]


def test_two_connects_at_once(machine: StartedRuntime, heard: Heard) -> None:
    """Commands that connect at the same time lose no runtime, no block and no pinned key."""
    aliases = [f"r{number}" for number in range(4)]
    threads = [
        threading.Thread(target=connect, args=(machine.connect_string, alias, heard))
        for alias in aliases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(runtime.alias for runtime in Registry().all()) == aliases
    written = paths.ssh_config_file().read_text()
    assert all(f"Host {alias}\n" in written for alias in aliases)
    assert len(paths.known_hosts_file().read_text().splitlines()) == 4
    assert paths.user_ssh_config().read_text().count("Include") == 1


def test_a_state_folder_with_blanks_and_korean(
    home: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real OpenSSH finds key, known_hosts and config where their path has both."""
    monkeypatch.setenv("COLABDEV_HOME", str(home / "내 상태 x"))
    with start_runtime(home / "vm") as runtime:
        connect(runtime.connect_string, "colab", heard)
        assert _ssh("colab", "echo in").stdout == "in\n"


@pytest.fixture
def read_only_config(home: Path) -> Iterator[Path]:
    """Lend a ``~/.ssh/config`` that its owner made read-only."""
    path = home / ".ssh" / "config"
    path.parent.mkdir(mode=0o700)
    path.write_text("Host work\n")
    path.chmod(0o400)
    yield path
    assert path.read_text() == "Host work\n"


def test_a_read_only_config_is_a_warning(
    machine: StartedRuntime, read_only_config: Path, heard: Heard
) -> None:
    """The runtime is connected and works; what is missing is said with the line to put in."""
    connect(machine.connect_string, "colab", heard)
    [(sentence, hint)] = heard.warned
    assert str(read_only_config) in sentence
    assert "read-only" in sentence
    assert f'Include "{paths.ssh_config_file()}"' in hint
    done = subprocess.run(
        ["ssh", "-F", paths.ssh_config_file(), "colab", "echo in"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stdout == "in\n"


def test_a_damaged_registry_is_told_first(machine: StartedRuntime, heard: Heard) -> None:
    """A record that cannot be read is neither overwritten nor taken for an empty one."""
    paths.runtimes_file().write_text("{")
    with pytest.raises(ConfigError):
        connect(machine.connect_string, "colab", heard)
    assert paths.runtimes_file().read_text() == "{"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a small file system")
def test_a_full_disk(machine: StartedRuntime, heard: Heard) -> None:
    """What cannot be written is one sentence; what was known before is still known."""
    connect(machine.connect_string, "colab", heard)
    kept = {path: path.read_bytes() for path in paths.home().rglob("*") if path.is_file()}
    with small_disk(paths.home()):
        for path, data in kept.items():
            private_dir(path.parent)
            write_atomic(path, data)
        fill(paths.home() / "ballast")
        for words in (
            ["connect", machine.connect_string, "--name", "other"],
            ["runtimes", "rename", "colab", "other"],
            ["disconnect", "colab"],
        ):
            done = colabdev(*words)
            assert done.returncode == 2, words
            assert b"No space left" in done.stderr
            assert b"Traceback" not in done.stderr
        assert [runtime.alias for runtime in Registry().all()] == ["colab"]
        assert paths.ssh_config_file().read_bytes() == kept[paths.ssh_config_file()]
        (paths.home() / "ballast").unlink()
        assert colabdev("disconnect", "colab").returncode == 0
