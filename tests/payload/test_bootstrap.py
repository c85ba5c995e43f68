"""The cell's SSH server: the shipped cell as a script, the real sshd, the real ssh."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from colabdev.payload.cell import core, linux
from colabdev.remote.destination import parse_connect_string
from colabdev.store import private_dir
from tests.support.disk import fill, small_disk
from tests.support.runtime import (
    connect_string,
    put_cell,
    run_cell,
    ssh_command,
    start_runtime,
    try_cell,
)

pytestmark = pytest.mark.sshd

ODD_VALUES = {
    "ODD_BLANKS": "  two  blanks\tand a tab ",
    "ODD_QUOTES": "\"double\" 'single' \\ back\\\\slash \\\" \\'",
    "ODD_SIGNS": "# no comment %h %% $HOME `id` ; | & * =",
    "ODD_KOREAN": "한글 경로",
    "ODD_EMPTY": "",
    "ODD_LONG": "x" * 20_000,
}


def environment_there(printed: str) -> dict[str, str]:
    """Return what ``env -0`` *printed*."""
    return dict(pair.split("=", 1) for pair in printed.split("\0") if pair)


def wait_until(done: Callable[[], object], what: str) -> None:
    """Wait for *done* to be true, for at most ten seconds."""
    assert core._wait_for(lambda: bool(done()), 10), f"in vain: {what}"


def test_a_command_sees_the_environment_of_the_kernel(folder: Path) -> None:
    """Odd values arrive byte for byte; HOME, interpreter and our folder are the runtime's own."""
    with start_runtime(folder / "vm", env=ODD_VALUES) as runtime:
        there = environment_there(runtime.ssh("env", "-0").stdout)
        assert {name: there.get(name) for name in ODD_VALUES} == ODD_VALUES
        assert there["PATH"] == os.environ["PATH"]
        assert there["HOME"] == str(folder / "vm")
        assert there["COLABDEV_RUNTIME"] == str(folder / "vm" / ".colabdev")
        assert there["COLABDEV_PYTHON"] == sys.executable


def test_secrets_and_what_only_a_kernel_wants_stay_behind(folder: Path) -> None:
    """A login gets no secret, no MPLBACKEND, no colour by force; Colab's addresses it does get."""
    behind = {
        "NGROK_AUTHTOKEN": "2abc",
        "HF_TOKEN": "hf_abc",
        "OPENAI_API_KEY": "sk-abc",
        "AWS_SECRET_ACCESS_KEY": "abc",
        "DB_PASSWORD": "abc",
        "github_pat": "abc",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "JPY_PARENT_PID": "1",
        "FORCE_COLOR": "1",
        "CLICOLOR_FORCE": "1",
        "COLABDEV_REPORT": "/elsewhere",
    }
    along = {
        "TBE_CREDS_ADDR": "172.28.0.1:8009",
        "TOKENIZERS_PARALLELISM": "false",
        "LD_LIBRARY_PATH": "/usr/lib64-nvidia",
        "CUDA_VISIBLE_DEVICES": "0",
        "PYTHONPATH": "/content/lib",
        "GOOGLE_APPLICATION_CREDENTIALS": "/content/adc.json",
    }
    with start_runtime(folder / "vm", env={**behind, **along}) as runtime:
        there = environment_there(runtime.ssh("env", "-0").stdout)
        assert not behind.keys() & there.keys()
        assert {name: there.get(name) for name in along} == along
        ours = (folder / "vm" / ".colabdev").rglob("*")
        assert not [path for path in ours if path.is_file() and b"hf_abc" in path.read_bytes()]


def test_a_value_of_several_lines_reaches_login_shells(folder: Path) -> None:
    """sshd's configuration cannot hold a newline; the file that login shells read can."""
    lines = "first\n'second' # $third\n"
    with start_runtime(folder / "vm", env={"ODD_LINES": lines}) as runtime:
        assert "ODD_LINES" not in environment_there(runtime.ssh("env", "-0").stdout)
        profile = folder / "profile.sh"
        profile.write_text(core.PROFILE)
        there = environment_there(runtime.ssh(f"PATH=/bin; . '{profile}'; env -0").stdout)
        assert there["ODD_LINES"] == lines
        assert there["PATH"] == os.environ["PATH"]
        elsewhere = ["sh", "-euc", f"PATH=/bin; . '{profile}'; echo $PATH"]
        done = subprocess.run(elsewhere, env={}, capture_output=True, check=True)
        assert done.stdout == b"/bin\n"


def test_only_the_laptops_key_lets_in_and_only_here(folder: Path) -> None:
    """No password, no other key, no other user, and no port but on loopback."""
    with start_runtime(folder / "vm") as runtime:
        words = ssh_command(runtime.connect_string, folder)
        there = parse_connect_string(runtime.connect_string).destination

        def attempt(argv: list[str]) -> tuple[int, str]:
            done = subprocess.run([*argv, "true"], capture_output=True, text=True, check=False)
            return done.returncode, done.stderr

        assert attempt(words)[0] == 0
        refused = (255, f"{there} Permission denied (publickey).".split(" ", 1)[1])
        stranger = folder / "stranger"
        subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", stranger], check=True)
        other_key = [str(stranger) if word.endswith("id_ed25519") else word for word in words]
        other_user = [*words[:-1], f"nobody@{there.hostname}"]
        for argv in (other_key, other_user):
            code, said = attempt(argv)
            assert (code, said.partition(": ")[2].strip()) == refused
        listening = psutil.Process(runtime.facts["sshd"][0]).net_connections()
        assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_its_files_are_its_users_alone(folder: Path) -> None:
    """Folders are 0700, and files 0600, but sshd's pid and the public half of its host key."""
    with start_runtime(folder / "vm"):
        ours = [*(folder / "vm" / ".colabdev").rglob("*"), folder / "vm" / ".colabdev"]
        folders = {path for path in ours if path.is_dir()}
        public = {path for path in ours if path.name in ("pid", "host_key.pub")}
        assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
        private = set(ours) - folders - public
        assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_a_second_run_finds_what_is_there(folder: Path) -> None:
    """The same line again, by the same server."""
    with start_runtime(folder / "vm") as runtime:
        before = runtime.facts
        assert connect_string(runtime.cell()) == runtime.connect_string
        assert runtime.facts == before


def test_two_runs_at_once_make_one_server(folder: Path) -> None:
    """Two cells at the same moment take turns."""
    home, environment = folder / "vm", {**os.environ, "HOME": str(folder / "vm")}
    put_cell(home)
    printed: list[str] = []
    runs = [
        threading.Thread(target=lambda: printed.append(run_cell(home, environment)))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    try:
        assert len({connect_string(text) for text in printed}) == 1
        assert len(printed) == 2
    finally:
        run_cell(home, environment, "stop")


def test_a_killed_server_comes_back_at_the_same_address(folder: Path) -> None:
    """The laptop's record of the runtime stays right."""
    with start_runtime(folder / "vm") as runtime:
        pid, _ = runtime.facts["sshd"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not linux._record(pid)[1], "sshd ends")
        assert connect_string(runtime.cell()) == runtime.connect_string
        assert runtime.facts["sshd"][0] != pid
        assert runtime.ssh("true").returncode == 0


def test_a_taken_port_is_left_alone(folder: Path) -> None:
    """If somebody else sits on the old port, the server takes another one and says so."""
    with start_runtime(folder / "vm") as runtime:
        runtime.cell("stop")
        port = runtime.facts["port"]
        with socket.create_server(("127.0.0.1", port)):
            there = parse_connect_string(connect_string(runtime.cell())).destination
            assert there.port != port


def test_a_cell_that_is_killed_in_the_middle_is_picked_up(folder: Path) -> None:
    """What it began goes on without it: the next run finds the one server there is."""
    home, environment = folder / "vm", {**os.environ, "HOME": str(folder / "vm")}
    put_cell(home)
    record = home / ".colabdev" / "runtime.json"
    words = [sys.executable, str(home / "cell.py")]
    try:
        with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL) as cell:
            wait_until(record.exists, "the keeper")
            cell.kill()
        line = connect_string(run_cell(home, environment))
        facts = json.loads(record.read_text())
        assert connect_string(run_cell(home, environment)) == line
        assert json.loads(record.read_text()) == facts
        assert core._alive(facts["keeper"])
    finally:
        run_cell(home, environment, "stop")


def test_a_killed_keeper_is_replaced_and_its_server_goes_on(folder: Path) -> None:
    """The next one takes over the server that runs, is noted down, and is found by the next run."""
    with start_runtime(folder / "vm") as runtime:
        before = runtime.facts
        os.kill(before["keeper"][0], signal.SIGKILL)
        wait_until(lambda: not core._alive(before["keeper"]), "the keeper's end")
        for _ in range(2):
            assert connect_string(runtime.cell()) == runtime.connect_string
        after = runtime.facts
        assert after["sshd"] == before["sshd"]
        assert core._alive(after["keeper"])
        assert "Stopped" in runtime.cell("stop")
        assert not core._alive(after["keeper"])


def test_a_record_that_is_deleted_is_made_again(folder: Path) -> None:
    """As the cell itself advises where it is damaged: the same machine, and all of it can end."""
    with start_runtime(folder / "vm") as runtime:
        before, record = runtime.facts, runtime.home / ".colabdev" / "runtime.json"
        record.unlink()
        os.kill(before["keeper"][0], signal.SIGKILL)
        wait_until(lambda: not core._alive(before["keeper"]), "the keeper's end")
        assert connect_string(runtime.cell()) == runtime.connect_string
        record.unlink()
        assert connect_string(runtime.cell()) == runtime.connect_string
        keeper = json.loads((record.parent / "tunnel/state.json").read_text())["keeper"]
        assert "Stopped" in runtime.cell("stop")
        assert not core._alive(keeper)
        assert not core._alive(before["sshd"])


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, for a disk of its own")
def test_a_disk_that_is_full_ends_neither_keeper_nor_server(folder: Path) -> None:
    """A job may fill the disk: the road to it stays, and the keeper goes on with its work."""
    home = private_dir(folder / "vm")
    with small_disk(home, "2m"), start_runtime(home) as runtime:
        login = [*ssh_command(runtime.connect_string, folder), "true"]
        fill(home / "checkpoint")
        os.kill(runtime.facts["sshd"][0], signal.SIGKILL)
        wait_until(lambda: not subprocess.run(login, capture_output=True).returncode, "a login")
        assert core._alive(runtime.facts["keeper"])
        (home / "checkpoint").unlink()
        assert connect_string(runtime.cell()) == runtime.connect_string


def test_a_dead_server_is_brought_back_by_the_keeper(folder: Path) -> None:
    """Nobody has to run the cell again: the same key, at the same address."""
    with start_runtime(folder / "vm") as runtime:
        os.kill(runtime.facts["sshd"][0], signal.SIGKILL)
        wait_until(lambda: not core._alive(runtime.facts["sshd"]), "sshd ends")
        wait_until(lambda: core._alive(runtime.facts["sshd"]), "another sshd")
        wait_until(lambda: runtime.ssh("true").returncode == 0, "a login")


def test_a_changed_environment_is_taken_over_and_logins_live_on(folder: Path) -> None:
    """A run with another environment changes what new logins see; the stop ends old ones too."""
    with start_runtime(folder / "vm", env={"STAGE": "one"}) as runtime:
        words = [*ssh_command(runtime.connect_string, folder), "echo up; cat"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as login:
            assert login.stdout is not None
            assert login.stdin is not None
            assert login.stdout.readline() == b"up\n"
            runtime.environment["STAGE"] = "two"
            assert connect_string(runtime.cell()) == runtime.connect_string
            assert runtime.ssh("echo $STAGE").stdout == "two\n"
            login.stdin.write(b"still there\n")
            login.stdin.flush()
            assert login.stdout.readline() == b"still there\n"
            assert "Stopped" in runtime.cell("stop")
            assert login.stdout.read() == b""
            assert login.wait() == 255


def test_the_stop_ends_its_own_runtime_and_no_other(folder: Path) -> None:
    """Two runtimes live side by side; a second stop has nothing to do."""
    with start_runtime(folder / "one") as one, start_runtime(folder / "two") as two:
        assert one.connect_string != two.connect_string
        pid, _ = one.facts["sshd"]
        assert "Stopped" in one.cell("stop")
        assert not linux._record(pid)[1]
        assert two.ssh("true").returncode == 0
        assert "Nothing was running" in one.cell("stop")


def test_the_stop_spares_a_process_that_only_has_the_old_number(folder: Path) -> None:
    """Numbers of processes are used again: the start time has to fit as well."""
    with start_runtime(folder / "vm") as runtime:
        runtime.cell("stop")
        with subprocess.Popen(["sleep", "60"]) as bystander:
            record = folder / "vm" / ".colabdev" / "runtime.json"
            facts = {**runtime.facts, "sshd": [bystander.pid, "1"], "keeper": [bystander.pid, "1"]}
            record.write_text(json.dumps(facts))
            assert "Nothing was running" in runtime.cell("stop")
            assert bystander.poll() is None
            bystander.kill()


def test_after_a_reboot_it_is_another_machine(folder: Path) -> None:
    """Another boot of the machine gets another boot id and another host key."""
    with start_runtime(folder / "vm") as runtime:
        runtime.cell("stop")
        record = folder / "vm" / ".colabdev" / "runtime.json"
        record.write_text(json.dumps({**runtime.facts, "machine": "an earlier boot"}))
        before = parse_connect_string(runtime.connect_string)
        after = parse_connect_string(connect_string(runtime.cell()))
        assert after.boot_id != before.boot_id
        assert after.destination.host_key != before.destination.host_key


def test_the_workspace_is_made_and_named(folder: Path) -> None:
    """The root in the connect string is a folder, Korean and blanks and all."""
    home, root = folder / "vm", folder / "작업 공간 'a' %h"
    environment = {**os.environ, "HOME": str(home)}
    put_cell(home, root=str(root))
    try:
        assert parse_connect_string(connect_string(run_cell(home, environment))).root == str(root)
        assert root.is_dir()
    finally:
        run_cell(home, environment, "stop")


def test_another_name_is_told_to_the_laptop(folder: Path) -> None:
    """A runtime that is not called 'colab' says so in the line that the laptop runs."""
    home, environment = folder / "vm", {**os.environ, "HOME": str(folder / "vm")}
    put_cell(home)
    _replace(home, 'NAME = "colab"', 'NAME = "gpu-2"')
    try:
        line = next(x for x in run_cell(home, environment).splitlines() if "colabdev://" in x)
        assert line.startswith("colabdev connect '")
        assert line.endswith("' --name gpu-2")
    finally:
        run_cell(home, environment, "stop")


def test_a_home_with_an_odd_name_works(folder: Path) -> None:
    """Blanks, quotes, percent signs and Korean in the home's path reach sshd's configuration."""
    with start_runtime(folder / "집 \"a\" 'b' %h #1") as runtime:
        words = [*ssh_command(runtime.connect_string, folder), "echo $HOME"]
        done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
        assert done.stdout == f"{runtime.home}\n", done.stderr


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda home: put_cell(home, root=str(home / "cell.py" / "x")), "cannot be used"),
        (lambda home: home.chmod(0o777), "not yours alone"),
        (lambda home: _put(home / ".colabdev" / "runtime.json", '{"ver'), "json is damaged"),
        (lambda home: (home / ".colabdev").touch(), "cannot go on"),
        (lambda home: _replace(home, 'NAME = "colab"', 'NAME = "x y"'), "is no name"),
    ],
    ids=["workspace", "modes", "damaged", "in the way", "name"],
)
def test_a_failure_is_a_sentence_and_a_step(
    folder: Path, break_it: Callable[[Path], object], sentence: str
) -> None:
    """What a user can meet ends with two lines and exit code 1, never a traceback."""
    home = folder / "vm"
    put_cell(home)
    break_it(home)
    done = try_cell(home, {**os.environ, "HOME": str(home)})
    assert done.returncode == 1
    message, step = done.stderr.strip().split("\n")
    assert sentence in message
    assert step
    assert done.stdout == ""


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text(text)


def _replace(home: Path, old: str, new: str) -> None:
    text = (home / "cell.py").read_text()
    assert old in text
    (home / "cell.py").write_text(text.replace(old, new))


def test_a_machine_without_sshd_gets_one_or_is_told(folder: Path) -> None:
    """Where there is an apt-get, root installs openssh-server; elsewhere it is one sentence."""
    with pytest.raises(core.CellError, match="no sshd"):
        core._sshd_program(str(folder))
    installer = folder / "apt-get"
    real = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or ""
    installer.write_text(
        f'#!/bin/sh\necho "$@" >> "{folder}/asked"\nln -sf {real} "{folder}/sshd"\n'
    )
    installer.chmod(0o700)
    if os.getuid() == 0:
        assert core._sshd_program(str(folder)) == str(folder / "sshd")
        assert (folder / "asked").read_text().splitlines()[-1].endswith("openssh-server")
    else:
        with pytest.raises(core.CellError, match="no sshd"):
            core._sshd_program(str(folder))
