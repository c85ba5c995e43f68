"""The relay: two real sshds, and a VM that nobody can call."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from colabdev.payload.cell.core import _wait_for
from colabdev.remote.destination import Relay, parse_connect_string
from tests.support.notebook import STAND_IN
from tests.support.relay_server import read_until, relay_server, started_cell
from tests.support.runtime import connect_string

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(os.getuid() != 0, reason="needs root, for namespaces of its own"),
]


def test_a_vm_without_a_way_in_is_reached_by_the_relay(folder: Path) -> None:
    """Once its key stands at the relay the VM is there; a cut ssh comes back.

    The key opens nothing else there.

    The connect string is the one that the laptop's side understands.
    """
    with relay_server(folder / "relay") as (laptop, relay, vm, place):
        call = [*laptop.enter, "ping", "-c1", "-W1", "10.9.2.1"]
        assert subprocess.run(call, capture_output=True, check=False).returncode
        with started_cell(vm, folder / "vm", place) as cell:
            line = read_until(cell, "restrict,")
            assert re.match(
                r'restrict,port-forwarding,permitlisten="127\.0\.0\.1:(\d+)",'
                r'permitopen="127\.0\.0\.1:\1",command="exit 1" ssh-ed25519 ',
                line,
            )
            with (folder / "relay" / "authorized_keys").open("a") as stream:
                stream.write(f"{line}\n")
            said = read_until(cell, "colabdev connect '")
        there = parse_connect_string(connect_string(said)).destination
        assert there.via == "relay"
        assert there.relay == place

        def banner() -> bool:
            port = there.port
            ask = f"import socket; print(socket.create_connection(('127.0.0.1', {port})).recv(8))"
            words = [*relay.enter, sys.executable, "-c", ask]
            return b"SSH-2.0-" in subprocess.run(words, capture_output=True).stdout

        assert banner()
        state = folder / "vm" / ".colabdev" / "tunnel" / "state.json"
        before = state.read_text()
        vm.run("kill", str(json.loads(before)["agent"][0]))
        assert _wait_for(lambda: state.read_text() != before and '"up"' in state.read_text(), 60)
        assert _wait_for(banner, 20)

        key = folder / "vm" / ".colabdev" / "tunnel" / "relay_key"
        assert key.stat().st_mode & 0o777 == 0o600
        ssh = f"ssh -F none -i {key} -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null"
        words = [*vm.enter, *ssh.split(), "-p", "2200", "root@10.9.2.2", "echo", "inside"]
        assert b"inside" not in subprocess.run(words, capture_output=True).stdout
        vm.run("env", f"HOME={folder / 'vm'}", sys.executable, str(folder / "vm/cell.py"), "stop")


def test_a_relay_with_another_host_key_is_refused(folder: Path) -> None:
    """The VM gives its key to no server but the one that the cell pins."""
    with relay_server(folder / "relay") as (_, _, vm, place):
        subprocess.run(
            ["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", folder / "other"], check=True
        )
        other = " ".join((folder / "other.pub").read_text().split()[:2])
        wrong = Relay(place.user, place.hostname, place.port, other)
        with started_cell(vm, folder / "vm", wrong) as cell:
            assert "another host key" in read_until(cell, "root@10.9.2.2:2200 shows")
        assert cell.returncode == 1
        vm.run("env", f"HOME={folder / 'vm'}", sys.executable, str(folder / "vm/cell.py"), "stop")


def test_a_key_from_colabs_secrets_spares_adding_a_line_each_time(folder: Path) -> None:
    """The VM uses the key of COLABDEV_RELAY_KEY; it is in one file of its own, until the stop."""
    key = folder / "given"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    secrets = folder / "secrets.json"
    given = {"COLABDEV_RELAY_KEY": {"payload": key.read_text(), "access": True}}
    secrets.write_text(json.dumps(given))
    stand_in = {"PYTHONPATH": str(STAND_IN), "COLAB_STAND_IN_USERDATA": str(secrets)}
    home = folder / "vm"
    with relay_server(folder / "relay") as (_, _, vm, place):
        public = (folder / "given.pub").read_text().split()[1]
        with started_cell(vm, home, place, idle=720, env=stand_in) as cell:
            line = read_until(cell, "restrict,")
            assert public in line
            (folder / "relay" / "authorized_keys").write_text(f"{line}\n")
            said = read_until(cell, "colabdev connect '")
        assert parse_connect_string(connect_string(said)).destination.via == "relay"
        idle = home / ".colabdev/tunnel/idle.json"
        assert _wait_for(idle.exists, 20), "nobody looks whether the VM is used"
        private = key.read_text().splitlines()[-2]
        ours = [path for path in (home / ".colabdev").rglob("*") if path.is_file()]
        holders = [path for path in ours if private in path.read_text(errors="replace")]
        assert [path.name for path in holders] == ["relay_secret"]
        assert holders[0].stat().st_mode & 0o777 == 0o600
        assert not (home / ".colabdev/tunnel/relay_key").exists()
        vm.run("env", f"HOME={home}", sys.executable, str(home / "cell.py"), "stop")
        assert not holders[0].exists()


def test_a_secret_that_is_no_key_is_told(folder: Path) -> None:
    """One sentence and one step, and nothing is sent to the relay."""
    secrets = folder / "secrets.json"
    secrets.write_text(json.dumps({"COLABDEV_RELAY_KEY": {"payload": "no key", "access": True}}))
    home = folder / "vm"
    stand_in = {"PYTHONPATH": str(STAND_IN), "COLAB_STAND_IN_USERDATA": str(secrets)}
    with relay_server(folder / "relay") as (_, _, vm, place):
        with started_cell(vm, home, place, env=stand_in) as cell:
            assert read_until(cell, "COLABDEV_RELAY_KEY is no private key.")
            assert "delete the secret" in (cell.stdout.read() if cell.stdout else "")
        assert cell.returncode == 1
