"""Laptop, relay and VM as three machines: nobody can call the VM."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from colabdev.commands.cell import render_cell
from colabdev.remote.destination import Relay
from colabdev.remote.sshkey import ensure_key
from colabdev.store import private_dir
from tests.support.nets import Machine, cable, machine


@contextmanager
def relay_server(folder: Path) -> Iterator[tuple[Machine, Machine, Machine, Relay]]:
    """Lend laptop, relay and VM: the relay is cabled to both, and passes nothing on."""
    private_dir(folder)
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", folder / "host"], check=True)
    (folder / "authorized_keys").touch(mode=0o600)
    (folder / "sshd_config").write_text(
        f"Port 2200\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPasswordAuthentication no\nUsePAM no\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    with machine() as laptop, machine() as relay, machine() as vm:
        cable(laptop, relay, 1)
        cable(vm, relay, 2)
        laptop.run("ip", "route", "add", "10.9.2.2", "via", "10.9.1.2")  # the relay, by that name
        relay.run("/usr/sbin/sshd", "-f", f"{folder}/sshd_config", "-E", f"{folder}/log")
        key = " ".join((folder / "host.pub").read_text().split()[:2])
        yield laptop, relay, vm, Relay("root", "10.9.2.2", 2200, key)


@contextmanager
def started_cell(
    vm: Machine, home: Path, relay: Relay, *, idle: int = 0, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Lend the cell as it runs on *vm*, given back after *idle* minutes, with *env*."""
    private_dir(home)
    text = render_cell(ensure_key(), tunnel="relay", relay=relay, release_when_idle=idle)
    (home / "cell.py").write_text(text)
    environment = {**os.environ, "HOME": str(home), **(env or {})}
    words = [*vm.enter, sys.executable, "-u", str(home / "cell.py")]
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as cell:
        yield cell


def read_until(cell: subprocess.Popen[str], start: str) -> str:
    """Return the first line that *cell* prints which begins with *start*."""
    assert cell.stdout is not None
    shown = ""
    for line in cell.stdout:
        shown += line
        if line.startswith(start):
            return line.strip()
    raise AssertionError(shown)
