"""Each road carries a login and a command, by paramiko and by the OpenSSH that reads our config."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.errors import ConfigError, HostKeyMismatch, HostUnreachable, LoginRefused
from colabdev.remote import sshconfig
from colabdev.remote.complaints import COMPLAINTS
from colabdev.remote.destination import ConnectString, Destination, Relay, parse_connect_string
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import run
from colabdev.remote.tunnels import follower_line
from tests.remote.keys import fresh_ed25519
from tests.support import stub_access
from tests.support.runtime import start_runtime

pytestmark = pytest.mark.sshd


@pytest.fixture
def cloudflare(address: ConnectString, home: Path, monkeypatch: pytest.MonkeyPatch) -> Destination:
    """Lend a machine behind the edge of Cloudflare's stand-in."""
    program = stub_access.install(home / "bin", quick=address.destination.port)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    name = "quick.trycloudflare.com"
    return replace(address.destination, hostname=name, port=443, via="cloudflared")


@pytest.fixture
def relayed(address: ConnectString, home: Path) -> Iterator[Destination]:
    """Lend a machine behind a relay: a second real sshd, with a key of its own."""
    with start_runtime(home / "vm" / "relay") as runtime:
        there = parse_connect_string(runtime.connect_string).destination
        relay = Relay(there.user, there.hostname, there.port, there.host_key)
        yield replace(address.destination, via="relay", relay=relay, identity=str(paths.key_file()))


def _whoami(destination: Destination) -> bytes:
    with SSHTransport.connect(destination, paths.key_file(), wait=False) as transport:
        return run(transport, ["sh", "-c", "echo $COLABDEV_RUNTIME"]).stdout


def _by_openssh(destination: Destination, boot_id: str) -> subprocess.CompletedProcess[str]:
    registry = Registry()
    registry.put(Runtime("colab", destination, boot_id, "/content", "2026-01-01T00:00:00+00:00"))
    sshconfig.write_ssh_files(registry)
    return subprocess.run(
        [
            "ssh",
            "-F",
            paths.ssh_config_file(),
            "-oBatchMode=yes",
            "colab",
            "echo $COLABDEV_RUNTIME",
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize("road", ["cloudflare", "relayed"])
def test_a_road_carries_both_clients(
    road: str, address: ConnectString, home: Path, request: pytest.FixtureRequest
) -> None:
    """The same machine answers over the road to paramiko, and to ssh by the written config."""
    destination: Destination = request.getfixturevalue(road)
    expected = f"{home / 'vm' / '.colabdev'}\n"
    assert _whoami(destination).decode() == expected
    done = _by_openssh(destination, address.boot_id)
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)
    assert Registry().get("colab").destination == destination


def test_another_machine_behind_the_edge(cloudflare: Destination) -> None:
    """A road changes nothing about the pinned key: a stranger at its end is refused."""
    with pytest.raises(HostKeyMismatch):
        _whoami(replace(cloudflare, host_key=fresh_ed25519()))


def test_a_tunnel_that_is_gone(cloudflare: Destination) -> None:
    """What the road's program complains of becomes our sentence with its next step."""
    with pytest.raises(HostUnreachable) as caught:
        _whoami(replace(cloudflare, hostname="gone.trycloudflare.com"))
    assert "no tunnel behind gone.trycloudflare.com" in caught.value.message
    assert caught.value.hint


def test_without_cloudflared(address: ConnectString, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cloudflared is missing, the sentence says how to get it."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError) as caught:
        _whoami(replace(address.destination, hostname="a.trycloudflare.com", via="cloudflared"))
    assert "cloudflared" in caught.value.message
    assert "releases" in caught.value.hint or "install" in caught.value.hint


def test_another_relay_is_refused(relayed: Destination, address: ConnectString) -> None:
    """The relay's key is pinned as well, for both clients."""
    assert relayed.relay is not None
    strange = replace(relayed, relay=replace(relayed.relay, host_key=fresh_ed25519()))
    with pytest.raises(HostKeyMismatch) as caught:
        _whoami(strange)
    assert "relay" in caught.value.message
    done = _by_openssh(strange, address.boot_id)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_a_machine_that_left_its_relay(relayed: Destination) -> None:
    """A relay without the machine behind it is told from a relay that is gone."""
    with pytest.raises(HostUnreachable) as caught:
        _whoami(replace(relayed, port=1))
    assert "but the machine is not" in caught.value.message


def test_a_relay_that_does_not_know_the_user(relayed: Destination, home: Path) -> None:
    """A relay that refuses the user's key is told from a machine that does."""
    other = home / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    with pytest.raises(LoginRefused) as caught:
        _whoami(replace(relayed, identity=str(other)))
    assert "relay" in caught.value.message


def test_the_follower_takes_no_module_from_the_folder_it_runs_in() -> None:
    """ssh runs the ProxyCommand in any folder; what the far side synced there is not imported."""
    assert " -P -m colabdev proxy colab" in follower_line("colab", "linux")
    assert follower_line("colab", "win32").endswith(" -P -m colabdev proxy colab")


def test_every_complaint_has_a_sentence_and_a_step() -> None:
    """Each thing that a road's program says is told with a cause and a next step."""
    for known in COMPLAINTS:
        assert "PLACE" in known.sentence("PLACE") + known.hint("PLACE")
        assert known.hint("PLACE")
