"""``doctor``: green where all is well, and each fault, made for real, is named with its mend."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # a JSON line

import pytest

from colabdev import paths
from colabdev.commands.code import code
from colabdev.commands.connect import connect
from colabdev.commands.direct import connect_direct
from colabdev.commands.doctor.causes import CAUSES, diagnosis
from colabdev.commands.doctor.check import ask
from colabdev.commands.doctor.examine import examine
from colabdev.commands.reporter import Silent
from colabdev.editor.find import System
from colabdev.errors import ConfigError
from colabdev.remote import colab, usage
from colabdev.remote.destination import Destination, parse_connect_string
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.sshconfig import ensure_include, write_ssh_files
from colabdev.remote.sshkey import ensure_key
from tests.commands.conftest import Heard
from tests.remote.keys import fresh_ed25519
from tests.support import stub_colab
from tests.support.cli import colabdev, json_lines
from tests.support.page import check
from tests.support.runtime import StartedRuntime, start_runtime
from tests.support.stub_editor import put_editor

Checks = dict[str, dict[str, Any]]


def _examined(*words: str) -> tuple[int, Checks]:
    done = colabdev("doctor", "--json", *words)
    lines = json_lines(done)
    [checks] = [line["data"] for line in lines if line["type"] == "result"]
    return done.returncode, {check["name"]: check for check in checks}


def _failed(checks: Checks) -> list[str]:
    return [name for name, check in checks.items() if check["verdict"] == "fail"]


def _blame(checks: Checks, name: str) -> dict[str, Any]:
    """Return the check *name*, which is the one that failed, with a mend."""
    assert _failed(checks) == [name]
    assert checks[name]["mend"]
    return checks[name]


_TORCH = """
__version__ = "9.9"
class cuda:
    is_available = staticmethod(lambda: {cuda})
"""


@pytest.fixture
def machine(home: Path) -> Iterator[StartedRuntime]:
    """Lend a machine whose torch is quick to import, and sees a GPU."""
    with start_runtime(home / "vm", env={"PYTHONPATH": _torch(home, cuda=True)}) as runtime:
        yield runtime


def _torch(home: Path, *, cuda: bool) -> str:
    """Put a torch that says no more than the doctor asks into a folder, and return that."""
    folder = home / "modules"
    folder.mkdir()
    (folder / "torch.py").write_text(_TORCH.format(cuda=cuda))
    return str(folder)


@pytest.fixture
def connected(machine: StartedRuntime, heard: Heard) -> StartedRuntime:
    """Lend a machine that is connected as ``colab``."""
    connect(machine.connect_string, "colab", heard)
    return machine


def test_without_a_runtime_it_is_this_computer() -> None:
    """Nothing of the far side is looked at, nothing fails."""
    exit_code, checks = _examined()
    assert exit_code == 0
    assert {"OpenSSH client", "editor", "settings", "ngrok token"} <= checks.keys()
    assert not {"login", "host key", "torch"} & checks.keys()


@pytest.mark.sshd
def test_a_local_runtime_is_all_green(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the runtime of ``up --local`` every check is made and well, an editor being there.

    That this computer has no GPU is no fault of it: what it computes with is told.
    """
    put_editor(home / "bin")
    (home / "bin" / "extensions").write_text("ms-vscode-remote.remote-ssh")
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", _torch(home, cuda=False))
    _program(home / "bin" / "nvidia-smi", "exit 9")
    assert colabdev("up", "--local").returncode == 0
    try:
        done = colabdev("doctor", "--json")
        check(("doctor",), done)
        [found] = [line["data"] for line in json_lines(done) if line["type"] == "result"]
        assert not [one for one in found if one["verdict"] != "ok" or one["mend"]]
        names = {one["name"] for one in found}
        assert {"editor", "extension", "login", "port forwarding", "GPU", "torch"} <= names
        assert len(names) > 20
        assert done.returncode == 0
    finally:
        assert colabdev("down", "--yes").returncode == 0


@pytest.mark.sshd
def test_faults_of_this_computer_are_named_and_mended(connected: StartedRuntime) -> None:
    """Permissions, the Include line and our files: named, what hangs from them skipped, mended."""
    paths.key_file().chmod(0o644)
    paths.user_ssh_config().write_text(f"Host a\n  Include {paths.ssh_config_file()}\n")
    paths.user_ssh_config().chmod(0o664)
    paths.known_hosts_file().write_text("")
    exit_code, checks = _examined()
    assert exit_code == 1
    faults = ["key", "user's SSH config", "colabdev's SSH files", "Include line"]
    assert _failed(checks) == faults
    assert "below a Host" in checks["Include line"]["found"]
    assert checks["host key"]["verdict"] == "skipped"
    assert "user's SSH config" in checks["host key"]["found"]
    assert checks["login"]["verdict"] == checks["torch"]["verdict"] == "skipped"
    done = colabdev("doctor", "--fix")
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"is yours alone now" in done.stderr
    assert paths.user_ssh_config().read_text().endswith("Host a\n  Include "
                                                        f"{paths.ssh_config_file()}\n")  # fmt: skip
    exit_code, checks = _examined("colab")
    assert (exit_code, _failed(checks)) == (0, [])
    assert checks["torch"]["verdict"] == "ok"
    assert b"libstdc++" in done.stdout


@pytest.mark.sshd
def test_a_hostile_host_star_is_warned_of(connected: StartedRuntime) -> None:
    """What adds up over Host blocks and cannot be undone is shown by name."""
    config = paths.user_ssh_config()
    config.write_text(f"{config.read_text()}Host *\n  LocalForward 1 a:1\n  SendEnv SECRET\n")
    _, checks = _examined()
    assert checks["Host *"]["verdict"] == "warn"
    assert "localforward" in checks["Host *"]["found"]
    assert "SECRET" in checks["Host *"]["found"]


@pytest.mark.sshd
def test_a_config_that_ssh_cannot_read(connected: StartedRuntime) -> None:
    """A bad line is found by ssh itself and told with file and line."""
    config = paths.user_ssh_config()
    config.write_text(f"{config.read_text()}Nonsense yes\n")
    exit_code, checks = _examined()
    assert exit_code == 1
    assert "nonsense" in checks["Host *"]["found"].lower()
    assert "line 2" in checks["Host *"]["mend"]


@pytest.mark.sshd
def test_a_server_that_stopped(connected: StartedRuntime) -> None:
    """The port is named; server, key, login and machine are skipped because of it."""
    connected.cell("stop")
    exit_code, checks = _examined()
    assert exit_code == 1
    assert "refused" in _blame(checks, "port")["found"]
    assert checks["SSH server"]["found"] == "because of: port"
    assert checks["disk"]["verdict"] == "skipped"


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """Lend the port of something that greets every visitor, and is no SSH server."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    visitor, _ = server.accept()
                except OSError:
                    return
                with visitor:
                    visitor.sendall(b"HTTP/1.1 400 no\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _moved(**changes: object) -> None:
    """Change where the runtime is said to be, in the record and in the SSH files."""
    from dataclasses import replace

    registry = Registry()
    runtime = registry.get(None)
    assert runtime.destination is not None
    registry.put(replace(runtime, destination=replace(runtime.destination, **changes)))  # type: ignore[arg-type]  # fields by name
    write_ssh_files(registry)


@pytest.mark.sshd
def test_no_ssh_server_behind_the_port(connected: StartedRuntime, elsewhere: int) -> None:
    """A tunnel whose server is gone is told from one that is gone itself."""
    _moved(port=elsewhere)
    _, checks = _examined()
    assert "HTTP/1.1" in _blame(checks, "SSH server")["found"]


@pytest.mark.sshd
def test_a_name_that_does_not_resolve(connected: StartedRuntime) -> None:
    """The name service's answer is passed on."""
    _moved(hostname="gone.invalid")
    _, checks = _examined()
    assert "gone.invalid" in _blame(checks, "name")["found"]


@pytest.mark.sshd
def test_another_host_key(connected: StartedRuntime) -> None:
    """A stranger at the address is told as one, before any login."""
    _moved(host_key=fresh_ed25519())
    _, checks = _examined()
    assert "nother" in _blame(checks, "host key")["found"]
    assert checks["login"]["found"] == "because of: host key"


@pytest.mark.sshd
def test_a_key_that_the_machine_does_not_know(connected: StartedRuntime) -> None:
    """The right machine that refuses the key is told from the wrong one."""
    (connected.home / ".colabdev" / "sshd" / "authorized_keys").write_text("")
    _, checks = _examined()
    assert checks["host key"]["verdict"] == "ok"
    assert "refuses this computer's key" in _blame(checks, "login")["found"]


@pytest.mark.sshd
def test_a_machine_in_another_life(connected: StartedRuntime) -> None:
    """The machine's own record tells that it was started anew."""
    record = connected.home / ".colabdev" / "runtime.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "boot_id": "f" * 32}))
    _, checks = _examined()
    assert "anew" in _blame(checks, "machine")["found"]


@pytest.mark.sshd
def test_a_machine_whose_record_is_gone(connected: StartedRuntime) -> None:
    """COLABDEV_RUNTIME names a folder with nothing in it: the machine is told, not the login."""
    record = connected.home / ".colabdev" / "runtime.json"
    moved = record.rename(record.with_name("moved"))
    _, checks = _examined()
    moved.rename(record)  # the cell ends by it
    assert "record is missing" in _blame(checks, "machine")["found"]
    assert checks["login"]["verdict"] == "ok"


def _without_runtime(machine: StartedRuntime) -> None:
    """Let the machine's logins go without COLABDEV_RUNTIME, as where no cell ran."""
    folder = machine.home / ".colabdev" / "sshd"
    config = (folder / "sshd_config").read_text()
    without, count = re.subn(r' "COLABDEV_RUNTIME=[^"]*"', "", config)
    assert count == 1
    (folder / "sshd_config").write_text(without)
    os.kill(int((folder / "pid").read_text()), signal.SIGHUP)  # it reads its config anew
    there = parse_connect_string(machine.connect_string).destination
    for _ in range(1000):
        with contextlib.suppress(OSError):
            done = machine.ssh("echo", "[$COLABDEV_RUNTIME]")
            if done.stdout == "[]\n":
                return
    pytest.fail(f"{there} does not take its new config")


@pytest.mark.sshd
def test_logins_without_the_notebooks_environment(connected: StartedRuntime) -> None:
    """A server of a cell that sets nothing for its logins is told."""
    _without_runtime(connected)
    _, checks = _examined()
    assert "COLABDEV_RUNTIME" in _blame(checks, "environment")["found"]


@pytest.mark.sshd
def test_a_machine_that_ran_no_cell_is_all_green(machine: StartedRuntime, heard: Heard) -> None:
    """What only a cell sets up is not asked of a machine of ``connect --direct``."""
    record = machine.home / ".colabdev" / "runtime.json"
    kept = record.read_text()
    _without_runtime(machine)
    record.unlink()
    try:
        there = parse_connect_string(machine.connect_string).destination
        connect_direct(str(there), "lab", heard, trust=lambda _: True)
        exit_code, checks = _examined("lab")
        assert (exit_code, _failed(checks)) == (0, [])
        assert checks["machine"]["verdict"] == checks["environment"]["verdict"] == "ok"
    finally:
        record.write_text(kept)


_SICK = {
    "nvidia-smi": "echo Tesla T4",
    "df": "echo x; echo /dev/x 100 90 10 90% /content",
    "date": "echo 1000000000",
    "getconf": "echo glibc 2.17",
    "uname": "echo Linux 3.10.0",
}


@pytest.mark.sshd
def test_a_machine_that_is_not_fit(home: Path, heard: Heard) -> None:
    """GPU, torch, disk, clock, kernel and glibc as the machine's own programs tell of them."""
    programs = home / "sick"
    programs.mkdir()
    for name, line in _SICK.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    sick = {"PATH": path, "PYTHONPATH": _torch(home, cuda=False)}
    with start_runtime(home / "vm", env=sick) as runtime:
        connect(runtime.connect_string, "colab", heard)
        exit_code, checks = _examined()
    assert exit_code == 1
    assert _failed(checks) == ["torch", "disk", "kernel", "glibc"]
    assert "9.9" in checks["torch"]["found"]
    assert checks["GPU"]["found"] == "Tesla T4"
    assert checks["clock"]["verdict"] == "warn"


@pytest.fixture
def equipped(home: Path) -> Path:
    """Lend a folder with all programs of this machine, of which a test takes some away."""
    folder = home / "programs"
    folder.mkdir()
    for place in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            with contextlib.suppress(FileExistsError):
                (folder / program.name).symlink_to(program)
    return folder


def _program(place: Path, line: str) -> None:
    """Put a shell program that runs *line* in *place*, instead of what is there."""
    place.unlink(missing_ok=True)
    place.write_text(f"#!/bin/sh\n{line}\n")
    place.chmod(0o755)


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("libraries", "found", "mend"),
    [
        ("echo libc.so.6", "missing", "libstdc++6"),
        (
            "echo '  libstdc++.so.6 (libc6,x86-64) => {old}'",
            "GLIBCXX_3.4.21",
            "at least 3.4.25",
        ),
    ],
)
def test_a_machine_without_what_vs_code_needs(
    home: Path, heard: Heard, equipped: Path, libraries: str, found: str, mend: str
) -> None:
    """Missing programs are named with what installs them; so is a libstdc++ too old, or none."""
    for name in ("tar", "curl", "wget"):
        (equipped / name).unlink(missing_ok=True)
    old = home / "libstdc++.so.6"
    old.write_bytes(b"\0GLIBCXX_3.4.9\0GLIBCXX_3.4.21\0")
    _program(equipped / "ldconfig", libraries.format(old=old))
    sick = {"PATH": str(equipped), "PYTHONPATH": _torch(home, cuda=True)}
    with start_runtime(home / "vm", env=sick) as runtime:
        connect(runtime.connect_string, "colab", heard)
        exit_code, checks = _examined()
    assert exit_code == 1
    assert _failed(checks) == ["libstdc++", "VS Code's tools"]
    assert checks["VS Code's tools"]["found"] == "missing: tar, curl"
    assert checks["VS Code's tools"]["mend"].endswith("apt-get install -y tar curl")
    assert checks["libstdc++"]["found"] == found
    assert mend in checks["libstdc++"]["mend"]


@pytest.mark.sshd
def test_a_disk_that_is_full(home: Path, heard: Heard) -> None:
    """A real disk with nothing left on it is told, and everything else still answers."""
    content = home / "vm" / "content"
    content.mkdir(parents=True, mode=0o700)
    (home / "vm").chmod(0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(content)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a disk of its own can be mounted by root alone")
    try:
        with start_runtime(home / "vm", env={"PYTHONPATH": _torch(home, cuda=True)}) as runtime:
            connect(runtime.connect_string, "colab", heard)
            with contextlib.suppress(OSError), (content / "all").open("wb") as file:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            _, checks = _examined()
    finally:
        subprocess.run(["umount", str(content)], check=True)
    assert _blame(checks, "disk")["found"] == "0.0 GB free"
    assert "du -xh" in checks["disk"]["mend"]


@pytest.mark.sshd
def test_no_torch_on_the_machine(home: Path, heard: Heard) -> None:
    """A Python without torch is told with what it said, and with what installs it."""
    folder = home / "modules"
    folder.mkdir()
    (folder / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")\n")
    with start_runtime(home / "vm", env={"PYTHONPATH": str(folder)}) as runtime:
        connect(runtime.connect_string, "colab", heard)
        exit_code, checks = _examined()
    assert (exit_code, checks["torch"]["verdict"]) == (0, "warn")
    assert "No module named 'torch'" in checks["torch"]["found"]
    assert "pip install torch" in checks["torch"]["mend"]


@pytest.mark.sshd
def test_the_ssh_files_one_by_one(connected: StartedRuntime) -> None:
    """Each way in which our own files can be wrong has its words, and all of them one mend."""
    config, hosts = paths.ssh_config_file(), paths.known_hosts_file()
    good = config.read_text()
    config.write_text("")
    assert "is not in it" in _checks_ours()
    config.write_bytes(b"\xff\xfe\x00damaged")
    assert "is not in it" in _checks_ours()
    config.write_text(good)
    hosts.write_bytes(b"\xff\xfe\x00damaged")
    assert "pinned host key is missing" in _checks_ours()
    write_ssh_files(Registry())
    config.chmod(0o666)
    assert "others may write" in _checks_ours()
    config.unlink()
    assert _checks_ours() == "not there"
    paths.key_file().unlink()
    paths.user_ssh_config().write_text("")
    _, checks = _examined()
    assert checks["Include line"]["found"] == "missing"
    assert checks["key"]["found"] == "not there"
    assert "cell --copy" in checks["key"]["mend"]
    done = colabdev("doctor", "--fix")
    assert done.returncode == 1, "a key that the machine knows cannot be made anew"
    assert config.read_text() == good
    assert hosts.exists()


def _checks_ours() -> str:
    return str(_examined()[1]["colabdev's SSH files"]["found"])


def test_no_key_and_no_editor_yet(equipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a new computer both are warned of with the command or page that brings them."""
    for name in ("code", "cursor", "codium", "windsurf"):
        (equipped / name).unlink(missing_ok=True)
    monkeypatch.setenv("PATH", str(equipped))
    exit_code, checks = _examined()
    assert exit_code == 0
    assert (checks["key"]["verdict"], checks["key"]["mend"]) == ("warn", "colabdev cell --copy")
    assert checks["editor"]["verdict"] == "warn"
    assert "code.visualstudio.com" in checks["editor"]["mend"]
    assert checks["extension"]["verdict"] == "skipped"
    assert checks["ngrok token"]["found"].startswith("none here")


@pytest.mark.parametrize(
    ("line", "found"),
    [("echo 'OpenSSH_7.2p2 Ubuntu, OpenSSL 1.0.2g' >&2", "OpenSSH_7.2p2"), ("exit 1", "nothing")],
)
def test_an_old_ssh_client(
    equipped: Path, monkeypatch: pytest.MonkeyPatch, line: str, found: str
) -> None:
    """A client before 7.3 knows no Include and fails; one that says nothing is shown as such."""
    _program(equipped / "ssh", line)
    monkeypatch.setenv("PATH", str(equipped))
    _, checks = _examined()
    assert found in checks["OpenSSH client"]["found"]
    if "7.2" in line:
        assert "7.3" in _blame(checks, "OpenSSH client")["mend"]


@pytest.mark.slow
@pytest.mark.sshd
def test_a_server_that_lets_its_greeting_trickle(connected: StartedRuntime) -> None:
    """A byte now and then keeps nobody waiting for the whole line: the check ends and says so."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            with contextlib.suppress(OSError):
                for _ in range(2):  # the check of the port, and that of the greeting
                    visitor, _ = server.accept()
                    with contextlib.suppress(OSError), visitor:
                        while visitor.send(b"S"):
                            ended.wait(0.5)

        ended = threading.Event()
        thread = threading.Thread(target=trickle)
        thread.start()
        _moved(port=server.getsockname()[1])
        _, checks = _examined()
        ended.set()
        thread.join()
    assert "SSS" in _blame(checks, "SSH server")["found"]


@pytest.mark.parametrize("flood", ["yes", "yes >&2"])
def test_a_program_that_never_stops_talking(flood: str) -> None:
    """What is asked of a program is bounded in length."""
    done = ask(["sh", "-c", flood])
    assert done.returncode != 0
    assert 1_000_000 <= len(done.stdout + done.stderr) < 2_000_000


def test_a_program_that_trickles() -> None:
    """And in time, though its child lives on and holds the pipe."""
    done = ask(["sh", "-c", "sleep 3 & while :; do echo x; sleep 0.2; done"], limit=1)
    assert done.returncode == 255
    assert "timed out" in done.stderr


def test_a_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token's presence and its place are told, its text nowhere."""
    monkeypatch.setenv("NGROK_AUTHTOKEN", "very-secret")
    done = colabdev("doctor", "--json")
    assert b"NGROK_AUTHTOKEN" in done.stdout
    assert b"very-secret" not in done.stdout + done.stderr


def test_settings_tell_where_they_are_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed setting has its source beside it; a broken file is named."""
    monkeypatch.setenv("COLABDEV_EDITOR", "cursor")
    _, checks = _examined()
    assert "editor = cursor (COLABDEV_EDITOR)" in checks["settings"]["found"]
    paths.config_file().parent.mkdir(exist_ok=True)
    paths.config_file().write_text("[broken")
    exit_code, checks = _examined()
    assert exit_code == 1
    assert _failed(checks)[0] == "settings"


def test_the_editor_and_its_extension(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor without Remote-SSH is told with the command that installs it."""
    put_editor(home / "bin")
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")
    _, checks = _examined()
    assert checks["editor"]["found"] == "VS Code"
    assert checks["extension"]["verdict"] == "warn"
    assert checks["extension"]["mend"] == "colabdev code --install-extension"
    (home / "bin" / "extensions").write_text("ms-vscode-remote.remote-ssh")
    _, checks = _examined()
    assert checks["extension"]["verdict"] == "ok"


def test_no_ssh_client(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ssh the client is named, with what installs it."""
    monkeypatch.setenv("PATH", str(home))
    exit_code, checks = _examined()
    assert exit_code == 1
    assert "openssh-client" in _blame(checks, "OpenSSH client")["mend"]


@pytest.mark.sshd
def test_a_forward_that_takes_a_taken_port(connected: StartedRuntime, elsewhere: int) -> None:
    """A user's LocalForward that breaks every ssh is told as the login's fault, not the key's."""
    config = paths.user_ssh_config()
    config.write_text(
        f"{config.read_text()}Host *\n  ExitOnForwardFailure yes\n"
        f"  LocalForward 127.0.0.1:{elsewhere} 127.0.0.1:1\n"
    )
    _, checks = _examined()
    assert "LocalForward" in _blame(checks, "login")["found"]
    assert checks["Host *"]["verdict"] == "warn"


@pytest.mark.sshd
def test_no_forwarding_on_the_server(connected: StartedRuntime) -> None:
    """A server that forwards nothing, which breaks VS Code alone, is found out."""
    keys = connected.home / ".colabdev" / "sshd" / "authorized_keys"
    keys.write_text(f"no-port-forwarding {keys.read_text()}")
    _, checks = _examined()
    assert "forwarding" in _blame(checks, "port forwarding")["found"]
    assert checks["login"]["verdict"] == "ok"


def test_cloudflared_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A road through a program that is not here is named, and the login is not tried."""
    there = Destination(
        "root", "one-two-three.trycloudflare.com", 443, fresh_ed25519(), "cloudflared"
    )
    Registry().put(Runtime("colab", there, "0" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    ensure_key()
    write_ssh_files(Registry())
    ensure_include()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    _, checks = _examined()
    assert "cloudflared" in _blame(checks, "cloudflared")["mend"]
    assert checks["login"]["found"] == "because of: host key"
    assert checks["host key"]["found"] == "because of: cloudflared"
    assert not {"name", "port", "SSH server"} & checks.keys()


def test_googles_cli_on_the_road(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime of Google's CLI that it knows, that it does not know, and no CLI at all."""
    there = colab.place("train", fresh_ed25519())
    Registry().put(Runtime("colab", there, "0" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    ensure_key()
    write_ssh_files(Registry())
    ensure_include()
    stub_colab.install(home / "bin", 1, home / "keys", "train")
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    _, checks = _examined()
    assert checks["Google's CLI"]["verdict"] == "ok"
    stub_colab.state(home / "bin", sessions={})
    _, checks = _examined()
    assert "--via colab -s train" in _blame(checks, "Google's CLI")["mend"]
    assert stub_colab.calls(home / "bin", "new") == []
    (home / "bin" / "colab").unlink()
    _, checks = _examined()
    assert "uv tool install" in _blame(checks, "Google's CLI")["mend"]
    assert checks["host key"]["found"] == "because of: Google's CLI"


def test_the_month_is_nearly_used_up() -> None:
    """Little left of ngrok's free plan is a warning with the figure."""
    usage.add("ngrok", sent=950_000_000, connections=10)
    _, checks = _examined()
    assert checks["tunnel allowance"]["verdict"] == "warn"
    assert checks["tunnel allowance"]["found"].startswith("50 MB and 4990")


def test_windows_own_editor_inside_wsl(home: Path) -> None:
    """An editor that reads Windows' SSH files is told with the way out, by code and doctor."""
    program = "/mnt/c/Programs/Microsoft VS Code/Code.exe"
    wsl = System(
        "wsl",
        {"HOME": str(home)},
        which=lambda name: "/mnt/c/Programs/Microsoft VS Code/bin/code" if name == "code" else None,
        exists=lambda place: place == program,
    )
    checks = {check.name: check for check in examine(None, Silent(), system=wsl)}
    assert checks["editor"].verdict == "warn"
    assert checks["editor"].source == program
    there = Destination("root", "0.tcp.ngrok.io", 22, fresh_ed25519(), "ngrok")
    Registry().put(Runtime("colab", there, "0" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    with pytest.raises(ConfigError) as caught:
        code(None, None, Silent(), system=wsl)
    assert "WSL" in caught.value.message
    assert "PowerShell" in caught.value.hint


def test_a_mistyped_alias_is_bad_input(machine: StartedRuntime, heard: Heard) -> None:
    """An alias that nobody knows ends with 2 and a near one."""
    connect(machine.connect_string, "colab", heard)
    done = colabdev("doctor", "colob")
    assert done.returncode == 2
    assert b"colab" in done.stderr


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Bad owner or permissions on /home/me/.ssh/config", "Others may write"),
        ("/home/me/.ssh/config: line 3: Bad configuration option: foo", "does not know"),
        ("kex_exchange_identification: Connection closed by remote host", "no SSH server"),
        ("ssh: Could not resolve hostname colab: Name or service not known", "colab"),
        ("ssh: connect to host a port 1: Connection refused", "Nothing listens"),
        ("root@a: Permission denied (publickey).", "refuses"),
        ("bind [127.0.0.1]:1: Address already in use", "LocalForward"),
        ("@ WARNING: UNPROTECTED PRIVATE KEY FILE! @", "private key"),
        ("/bin/sh: cloudflared: not found", "cloudflared"),
        ("Unable to negotiate with a: no matching cipher found", "common ground"),
        ("channel 0: open failed: administratively prohibited: open failed", "no forwarding"),
        ("something new", "something new"),
        ("", "it said nothing"),
    ],
)
def test_what_ssh_says_has_a_cause(said: str, expected: str) -> None:
    """Each of ssh's complaints has a sentence and a step; an unknown one is passed on."""
    why = diagnosis(said)
    assert expected in why.sentence
    assert why.step
    assert len({cause.pattern for cause in CAUSES}) == len(CAUSES)
