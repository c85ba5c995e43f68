"""The machine after the shipped cell has run: who may get in, and what lies about there."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.reporter import Silent
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.sshkey import ensure_key
from tests.support.runtime import StartedRuntime, run_cell, start_runtime

pytestmark = pytest.mark.sshd

SECRET = "hunter2-hunter2-hunter2"


@pytest.fixture
def machine(home: Path) -> Iterator[StartedRuntime]:
    """Lend a machine whose notebook has secrets in its environment."""
    secrets = {"NGROK_AUTHTOKEN": SECRET, "HF_TOKEN": SECRET, "DB_PASSWORD": SECRET}
    with start_runtime(home / "vm", env=secrets) as machine:
        yield machine


def _ours(machine: StartedRuntime) -> Path:
    return machine.home / ".colabdev"


def _in_force(machine: StartedRuntime) -> dict[str, list[str]]:
    """Return what the machine's sshd has in force, by its own account."""
    program = shutil.which("sshd", path=f"/usr/sbin:{os.environ['PATH']}")
    assert program
    asked = subprocess.run(
        [program, "-T", "-f", _ours(machine) / "sshd" / "sshd_config"],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = {}
    for line in asked.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def test_keys_only_on_loopback_with_files_of_our_own(machine: StartedRuntime) -> None:
    """No password, own port on 127.0.0.1, own AuthorizedKeysFile and host key, MaxAuthTries 3."""
    found, port = _in_force(machine), machine.facts["port"]
    assert found["listenaddress"] == [f"127.0.0.1:{port}"]
    assert port not in (22, 2222)
    for name in ("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords"):
        assert found[name] == ["no"], name
    assert found["authenticationmethods"] == ["publickey"]
    assert found["permitrootlogin"] in (["prohibit-password"], ["without-password"])
    assert found["maxauthtries"] == ["3"]
    assert found["strictmodes"] == ["yes"]
    assert found["x11forwarding"] == ["no"]
    assert found["allowusers"] == [machine.facts["user"]]
    assert found["authorizedkeysfile"] == [str(_ours(machine) / "sshd" / "authorized_keys")]
    assert found["hostkey"] == [str(_ours(machine) / "sshd" / "host_key")]


def test_a_password_is_not_even_asked_for(machine: StartedRuntime) -> None:
    """A client without the key is offered nothing but public keys."""
    there = parse_connect_string(machine.connect_string).destination
    options = ["-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"]
    done = subprocess.run(
        ["ssh", "-F", "none", *options, "-oPubkeyAuthentication=no", "-p", str(there.port),
         f"{there.user}@{there.hostname}"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_one_ed25519_key_and_no_option_in_it(machine: StartedRuntime) -> None:
    """The laptop's own key is what lets in, and it is the only one."""
    [line] = (_ours(machine) / "sshd" / "authorized_keys").read_text().splitlines()
    assert line.split()[:2] == ensure_key().split()[:2]
    assert line.startswith("ssh-ed25519 ")
    key = (_ours(machine) / "sshd" / "host_key.pub").read_text()
    assert key.startswith("ssh-ed25519 ")


@pytest.mark.parametrize("side", ["machine", "laptop"])
def test_every_file_is_ours_alone(machine: StartedRuntime, side: str) -> None:
    """Folders 0700 and files 0600 in the VM's ~/.colabdev and the laptop's COLABDEV_HOME."""
    connect(machine.connect_string, "colab", Silent())
    top = _ours(machine) if side == "machine" else paths.home()
    found = [top, *top.rglob("*")]
    assert len(found) > 5
    for path in found:
        status = path.lstat()
        private = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
        # Written by ssh-keygen and sshd themselves, in a folder that nobody else may enter.
        public = path.suffix == ".pub" or path.name == "pid"
        assert status.st_uid == os.getuid(), path
        if not public:
            assert stat.S_IMODE(status.st_mode) & ~private == 0, path


def test_nothing_secret_in_text_output_arguments_or_logins(machine: StartedRuntime) -> None:
    """The pasted block, what it prints, every argument list, logins and files hold no secret."""
    private = (_ours(machine) / "sshd" / "host_key").read_text().splitlines()[1:-1]
    own = paths.key_file().read_text().splitlines()[1:-1]
    secrets = [SECRET, *private, *own]
    texts = [(machine.home / "cell.py").read_text()]
    texts.append(run_cell(machine.home, machine.environment))
    texts.append(machine.ssh("env").stdout)
    texts += [" ".join(process.cmdline()) for process in _processes()]
    texts += [
        path.read_text(errors="replace")
        for path in _ours(machine).rglob("*")
        if path.is_file() and path.name != "host_key"
    ]
    assert "COLABDEV_RUNTIME" in texts[2]
    for text in texts:
        for secret in secrets:
            assert secret not in text


def test_the_pasted_block_can_be_read(machine: StartedRuntime) -> None:
    """The connect string holds no blob but the public host key; the cell none at all but ours."""
    known = {machine.facts["host_key"].split()[1], ensure_key().split()[1]}
    text = (machine.home / "cell.py").read_text()
    assert set(re.findall(r"[A-Za-z0-9+/=]{60,}", text)) <= known


def _processes() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            process.cmdline()
        except psutil.Error:
            continue
        yield process
