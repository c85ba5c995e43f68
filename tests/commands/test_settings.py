"""Each setting, set by ``config set``, changes what commands do, and ``config show`` names it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.link import place
from colabdev.remote.runtime import Registry, Runtime
from colabdev.settings import KEYS
from tests.remote.keys import fresh_ed25519
from tests.remote.relay import relay_to
from tests.support.cli import colabdev, json_lines
from tests.support.link import end_link
from tests.support.ngrok_api import KEY, serve
from tests.support.runtime import StartedRuntime
from tests.support.stub_editor import put_editor


def _set(key: str, value: str) -> None:
    """Set *key* as a user does, from standard input, and see that it is shown with its file."""
    done = subprocess.run(
        [sys.executable, "-m", "colabdev", "config", "set", key],
        input=value.encode() + b"\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["key"]: row for row in json_lines(colabdev("config", "show", "--json"))[0]["data"]}
    shown = "set" if KEYS[key].secret else value
    assert (rows[key]["value"], rows[key]["source"]) == (shown, "config")
    assert rows[key]["where"] == str(paths.config_file())


@pytest.fixture
def project(home: Path) -> Path:
    """Lend an empty project."""
    folder = home / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


@pytest.fixture
def colab(machine: StartedRuntime) -> StartedRuntime:
    """Lend a machine that is connected as ``colab``."""
    done = colabdev("connect", machine.connect_string)
    assert done.returncode == 0, done.stderr
    return machine


@pytest.fixture
def may_link(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let links be used, as users do."""
    monkeypatch.delenv("COLABDEV_LINK")
    yield
    end_link()


def test_every_setting_of_the_user_has_its_test() -> None:
    """A new key needs a test below, which is named after it."""
    names = {name for name, key in KEYS.items() if not key.project}
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert names <= tested


def test_lang() -> None:
    """Messages come in Korean."""
    _set("lang", "ko")
    assert "명령이 없습니다" in colabdev("stattus", env=_plain_english()).stderr.decode()


def _plain_english() -> dict[str, str]:
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "LANG": "en_US.UTF-8", "PYTHONUTF8": "1"}


def test_editor(home: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``code`` opens the editor that is set, not the first that is found."""
    there = replace(parse_connect_string(_ADDRESS).destination, host_key=fresh_ed25519())
    Registry().put(Runtime("colab", there, "0" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    for name in ("code", "cursor"):
        put_editor(home / name, name)
        (home / name / "extensions").write_text("ms-vscode-remote.remote-ssh\nanysphere.remote-ssh")
    monkeypatch.setenv("PATH", f"{home / 'code'}:{home / 'cursor'}:{os.environ['PATH']}")
    colabdev("code", cwd=project)
    assert (home / "code" / "opened").exists()
    assert not (home / "cursor" / "opened").exists()
    _set("editor", "cursor")
    colabdev("code", cwd=project)
    assert (home / "cursor" / "opened").exists()


_ADDRESS = (
    "colabdev://root@0.tcp.ngrok.io:12345?key=ssh-ed25519%20"
    "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + f"&boot={'0' * 32}&root=%2Fcontent&via=ngrok&v=1"
)


def test_on(project: Path) -> None:
    """A command that names no runtime runs on the one that is set."""
    assert colabdev("run", "--", "true", cwd=project).returncode == 2
    _set("on", "here")
    assert colabdev("run", "--", "true", cwd=project).returncode == 0


@pytest.mark.sshd
@pytest.mark.usefixtures("colab", "may_link")
def test_link(project: Path) -> None:
    """Off, a command leaves no connection behind for the next; on, it does."""
    _set("link", "off")
    assert colabdev("run", "--", "true", cwd=project).returncode == 0
    assert not place.place("colab").socket.exists()
    _set("link", "on")
    assert colabdev("run", "--", "true", cwd=project).returncode == 0
    assert place.place("colab").socket.exists()


@pytest.mark.sshd
def test_stable(machine: StartedRuntime) -> None:
    """A runtime that is connected goes through colabdev for plain ``ssh`` as well."""
    assert colabdev("connect", machine.connect_string).returncode == 0
    assert "ProxyCommand none" in paths.ssh_config_file().read_text()
    _set("stable", "on")
    assert colabdev("connect", machine.connect_string).returncode == 0
    assert "proxy" in _proxy_command()


def _proxy_command() -> str:
    lines = paths.ssh_config_file().read_text().splitlines()
    [line] = [line for line in lines if line.strip().startswith("ProxyCommand")]
    return line


@pytest.mark.sshd
def test_ngrok_api_key(machine: StartedRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the config finds a runtime that nobody named, and is shown nowhere."""
    where = parse_connect_string(machine.connect_string)
    where = replace(where, destination=replace(where.destination, via="ngrok"))
    with serve() as account:
        monkeypatch.setenv("COLABDEV_NGROK_API", account.url)
        account.publish(where)
        assert colabdev("connect").returncode == 2
        _set("ngrok_api_key", KEY)
        done = colabdev("connect")
    assert done.returncode == 0, done.stderr
    assert Registry().get("colab").destination == where.destination
    assert KEY.encode() not in done.stdout + done.stderr
    assert KEY not in paths.log_file().read_text(encoding="utf-8")


@pytest.mark.sshd
@pytest.mark.usefixtures("colab")
def test_pull_limit(project: Path) -> None:
    """What is larger stays there and is named."""
    _set("pull_limit", "1kB")
    words = ("run", "--pull", "*.csv", "--", "sh", "-c", "seq 9999 > big.csv; seq 9 > small.csv")
    done = colabdev(*words, cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "small.csv").exists()
    assert not (project / "big.csv").exists()
    assert b"big.csv" in done.stderr


def test_log_limit(project: Path) -> None:
    """Of a job that says more, the newest is kept."""
    _set("log_limit", "400kB")
    words = ("run", "--on", "here", "--detach", "--name", "much", "--", "seq", "0", "199999")
    assert colabdev(*words, cwd=project).returncode == 0
    assert colabdev("wait", "--on", "here", "much", cwd=project).returncode == 0
    done = colabdev("logs", "--on", "here", "much", cwd=project)
    assert done.stdout.splitlines()[-1] == b"199999"
    assert b"0" not in done.stdout.splitlines()


def test_size_limit(project: Path) -> None:
    """A larger file is named and not sent."""
    (project / "data.bin").write_bytes(bytes(2000))
    done = colabdev("sync", "--on", "here", "--dry-run", cwd=project)
    assert b"send         data.bin" in done.stdout
    _set("size_limit", "1kB")
    done = colabdev("sync", "--on", "here", "--dry-run", cwd=project)
    assert b"data.bin" not in done.stdout
    assert b"data.bin was left alone: it has 2.0 kB, more than 1.0 kB" in done.stderr


@pytest.mark.sshd
def test_reconnect_for(machine: StartedRuntime, project: Path) -> None:
    """With no time to reconnect, a line that breaks ends the command, not the job."""
    where = parse_connect_string(machine.connect_string)
    with relay_to(where.destination.port) as relay:
        there = replace(where, destination=replace(where.destination, port=relay.port))
        assert colabdev("connect", str(there)).returncode == 0
        _set("reconnect_for", "0s")
        with subprocess.Popen(
            [sys.executable, "-m", "colabdev", "run", "--", "sh", "-c",
             "echo ready; sleep 60"],
            cwd=project, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as child:  # fmt: skip
            assert child.stdout
            assert child.stderr
            first = child.stdout.readline()
            assert first == b"ready\n", child.stderr.read()
            relay.refuse()
            relay.cut()
            assert child.wait(timeout=60) == 69
            assert b"colabdev attach" in child.stderr.read()
    assert colabdev("connect", machine.connect_string).returncode == 0
    assert colabdev("cancel", "last").returncode == 0
    assert colabdev("wait", "last").returncode != 0
