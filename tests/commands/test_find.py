"""Finding the runtime by ngrok's API: the right one, no forged one, and wherever it moves."""

import contextlib
import functools
import http.server
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.find import find
from colabdev.commands.forward import Forwarding
from colabdev.errors import ConfigError, HostKeyMismatch, HostUnreachable, InputError
from colabdev.jobs.line import Line
from colabdev.payload.cell.core import _free_port
from colabdev.remote.destination import ConnectString, fingerprint, parse_connect_string
from colabdev.remote.discovery import follow, search
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from colabdev.remote.transport import Transport, run
from tests.commands.conftest import Heard
from tests.remote.keys import fresh_ed25519
from tests.remote.relay import relay_to
from tests.support.cli import colabdev, json_lines
from tests.support.link import end_link, linked
from tests.support.ngrok_api import KEY, Account, serve
from tests.support.runtime import StartedRuntime
from tests.support.terminal import terminal


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Lend an ngrok account whose API key the user has set."""
    with serve() as account:
        monkeypatch.setenv("COLABDEV_NGROK_API", account.url)
        monkeypatch.setenv("NGROK_API_KEY", KEY)
        yield account


@pytest.fixture
def where(machine: StartedRuntime) -> ConnectString:
    """Return where the machine is, as if ngrok led there."""
    parsed = parse_connect_string(machine.connect_string)
    return replace(parsed, destination=replace(parsed.destination, via="ngrok"))


def _at(where: ConnectString, port: int) -> ConnectString:
    return replace(where, destination=replace(where.destination, port=port))


@pytest.mark.sshd
def test_connect_without_a_string(where: ConnectString, account: Account) -> None:
    """``colabdev connect`` finds the newest that answers, over several pages and foreign ones."""
    account.endpoints += [
        {"id": "x", "url": "https://a.ngrok.app", "metadata": ""},
        {"id": "y", "url": "tcp://0.tcp.ngrok.io:1", "metadata": '{"name": "\\u001b[2J"}'},
        {"id": "z", "metadata": "[" * 5000},
    ]
    account.publish(where, "gpu", "2026-01-02")
    account.publish(_at(where, 1), "gpu", "2026-01-03")
    done = colabdev("connect", "--json")
    assert done.returncode == 0, done.stderr
    assert Registry().get(None).alias == "gpu"
    assert Registry().get("gpu").destination == where.destination
    assert len(account.asked) == 3
    [told] = [line["text"] for line in json_lines(done) if "not seen before" in str(line)]
    assert fingerprint(where.destination.host_key) in told


@pytest.mark.sshd
def test_a_moved_tunnel_is_followed(where: ConnectString, account: Account, heard: Heard) -> None:
    """A command finds the machine at its new address; registry and ssh config say so as well."""
    with relay_to(where.destination.port) as relay:
        connect(str(_at(where, relay.port)), "colab", heard)
        relay.move()
        moved = _at(where, relay.port)
        account.publish(moved)
        with reach(Registry().get("colab")) as transport:
            assert run(transport, ["echo", "here"]).stdout == b"here\n"
        assert Registry().get("colab").destination == moved.destination
        assert f"Port {relay.port}\n" in paths.ssh_config_file().read_text()


@pytest.mark.sshd
def test_only_the_same_machine_is_followed(
    where: ConnectString, account: Account, heard: Heard
) -> None:
    """An endpoint with the same life and another key, or the other way round, is not followed."""
    with relay_to(where.destination.port) as relay:
        connect(str(_at(where, relay.port)), "colab", heard)
        relay.move()
        moved = _at(where, relay.port)
        stranger = replace(moved.destination, host_key=fresh_ed25519())
        account.publish(replace(moved, destination=stranger))
        account.publish(replace(moved, boot_id="f" * 32))
        with pytest.raises(HostUnreachable):
            reach(Registry().get("colab"))
        with pytest.raises(HostKeyMismatch) as caught:
            find(KEY, None, heard, patience=0)
        assert "ngrok.com" in caught.value.hint


@pytest.mark.sshd
def test_waits_for_the_cell(where: ConnectString, account: Account, heard: Heard) -> None:
    """Before the cell has run it waits, and goes on once the endpoint is there."""

    def later() -> None:
        account.third.wait(30)
        account.publish(where)

    cell = threading.Thread(target=later)
    cell.start()
    assert find(KEY, "colab", heard, pause=0.01).where == where
    cell.join()


@pytest.mark.sshd
def test_several_are_asked_about(where: ConnectString, account: Account, heard: Heard) -> None:
    """Of several names one is chosen by the user, by --name, or by nobody: then it is an error."""
    account.publish(where, "one")
    account.publish(where, "two")
    assert find(KEY, None, heard, choose=lambda names: names[1]).name == "two"
    assert find(KEY, "one", heard).name == "one"
    with pytest.raises(InputError) as caught:
        find(KEY, None, heard)
    assert "--name one" in caught.value.hint


def test_none_in_time(account: Account, heard: Heard) -> None:
    """Without a cell the next step is the cell."""
    with pytest.raises(HostUnreachable) as caught:
        find(KEY, None, heard, patience=0)
    assert "colabdev cell" in caught.value.hint


def test_too_many_questions(account: Account) -> None:
    """When ngrok asks to wait that is done, for as long as it says and no longer than a minute."""
    account.refusals += [(429, {"Retry-After": "7"}), (429, {"Retry-After": "9999"})]
    waited: list[float] = []
    assert search(KEY, sleep=waited.append) == []
    assert waited == [7.0, 60.0]


@pytest.mark.parametrize("said", ["", "HTTP/1.1 200 OK\r\n\r\n{"])
def test_a_service_that_hangs(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes the question and is silent, or trickles an answer without end, is given up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as visitor, contextlib.suppress(OSError):
                visitor.sendall(said.encode())
                while said and not gone.wait(0.02):
                    visitor.sendall(b" ")
                gone.wait(30)

        gone = threading.Event()
        service = threading.Thread(target=serve)
        service.start()
        monkeypatch.setenv("COLABDEV_NGROK_API", f"http://127.0.0.1:{listener.getsockname()[1]}")
        try:
            with pytest.raises(HostUnreachable, match="timed out"):
                search(KEY, timeout=0.3)
        finally:
            gone.set()
            service.join()


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-somebody\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"HTTP/1.1 429 Slower\r\nRetry-After: \xb2\r\n\r\n",
    ],
)
def test_a_service_that_speaks_otherwise(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers in ngrok's place, as a portal on the way does, is a sentence and no trace."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as visitor:
                visitor.recv(65536)
                visitor.sendall(said)

        service = threading.Thread(target=serve)
        service.start()
        monkeypatch.setenv("COLABDEV_NGROK_API", f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(HostUnreachable, match="ngrok's API does not answer"):
            search(KEY, sleep=lambda _: listener.close())
        service.join()


@pytest.mark.sshd
def test_trouble_while_waiting_ends_no_wait(
    where: ConnectString, account: Account, heard: Heard
) -> None:
    """The service is down for a moment while the cell is waited for: the wait goes on."""

    def later() -> None:
        account.third.wait(30)
        account.publish(where)

    cell = threading.Thread(target=later)
    cell.start()
    asked = iter(range(100))
    account.before = lambda: account.refusals.append((503, {})) if next(asked) == 1 else None
    assert find(KEY, "colab", heard, pause=0.01).where == where
    cell.join()


@pytest.mark.parametrize("status", [301, 302, 404, 500, 503])
def test_a_service_that_fails(account: Account, status: int) -> None:
    """Whatever it answers is one sentence; the key follows no redirection."""
    account.refusals.append((status, {"Location": f"{account.url}/elsewhere"}))
    with pytest.raises(HostUnreachable) as caught:
        search(KEY)
    assert str(status) in caught.value.message
    assert len(account.asked) == 1


def test_a_next_page_elsewhere(account: Account) -> None:
    """The key is never sent to another host that an answer names."""
    account.endpoints += [{}] * 3
    account.next_host = "http://127.0.0.1:1"
    with pytest.raises(HostUnreachable):
        search(KEY)


def test_a_wrong_key(account: Account) -> None:
    """A key that ngrok does not know is told from a service that does not answer."""
    with pytest.raises(ConfigError) as caught:
        search("another")
    assert "api-keys" in caught.value.hint


def test_without_key_or_string() -> None:
    """With nobody to ask, the sentence names both ways."""
    done = colabdev("connect")
    assert done.returncode == 2
    assert b"NGROK_API_KEY" in done.stderr


@pytest.mark.sshd
def test_stable_follows_for_plain_ssh(where: ConnectString, account: Account, heard: Heard) -> None:
    """With --stable the user's own ssh, an editor's too, gets in after the tunnel has moved."""
    with relay_to(where.destination.port) as relay:
        connect(str(_at(where, relay.port)), "colab", heard, stable=True)
        for _ in range(2):
            done = subprocess.run(
                ["ssh", "-F", paths.ssh_config_file(), "-oBatchMode=yes", "colab", "echo in"],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            assert done.stdout == "in\n", done.stderr
            relay.move()
            account.endpoints.clear()
            account.publish(_at(where, relay.port))
    colabdev("disconnect", "colab")


@pytest.mark.sshd
@pytest.mark.parametrize("link", [True, False])
def test_an_editor_gets_back_in_after_a_move(
    where: ConnectString,
    account: Account,
    heard: Heard,
    link: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With --stable an editor's ssh -T ends when the tunnel moves, and the same line gets in again.

    That is how Remote-SSH reconnects an open window: it starts the ssh that it was opened with.
    """
    if link:
        monkeypatch.delenv("COLABDEV_LINK")
    words = ["ssh", "-T", "-F", str(paths.ssh_config_file()), "-oBatchMode=yes", "colab", "bash"]
    with relay_to(where.destination.port) as relay:
        connect(str(_at(where, relay.port)), "colab", heard, stable=True)
        before = paths.ssh_config_file().read_text()
        for number in range(3):
            with subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as editor:
                assert editor.stdin is not None
                assert editor.stdout is not None
                editor.stdin.write(f"echo window {number}\n")
                editor.stdin.flush()
                assert editor.stdout.readline() == f"window {number}\n"
                relay.move()
                account.endpoints.clear()
                account.publish(_at(where, relay.port))
                assert editor.stdout.readline() == ""
                assert editor.wait(timeout=60) == 255
        assert Registry().get("colab").destination != _at(where, relay.port).destination
        assert _but_port(paths.ssh_config_file().read_text()) == _but_port(before)
    end_link()


@pytest.mark.sshd
@pytest.mark.parametrize("done", ["forgotten", "connected to another machine"])
def test_what_the_user_does_while_a_moved_tunnel_is_looked_for_counts(
    done: str, where: ConnectString, account: Account, heard: Heard
) -> None:
    """The address that was found is not written over a record that is gone, or another one."""
    with relay_to(where.destination.port) as relay:
        connect(str(_at(where, relay.port)), "colab", heard)
        runtime = Registry().get("colab")
        relay.move()
        account.publish(_at(where, relay.port))
        other = [replace(runtime, boot_id="0" * 32)] if done != "forgotten" else []

        def act() -> None:
            Registry().forget("colab")
            for one in other:
                Registry().put(one)

        account.before = act
        assert follow(runtime) is None
        assert Registry().all() == other


@pytest.mark.sshd
def test_what_only_reads_the_ssh_config_finds_a_moved_machine(
    where: ConnectString, account: Account, heard: Heard, folder: Path
) -> None:
    """``shell``, ``code`` and ``forward`` get there as every other command does."""
    (folder / "page").write_text("moved")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with (
        relay_to(where.destination.port) as relay,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages,
    ):
        serving = threading.Thread(target=pages.serve_forever)
        serving.start()
        connect(str(_at(where, relay.port)), "colab", heard)

        def move() -> None:
            relay.move()
            account.endpoints.clear()
            account.publish(_at(where, relay.port))

        move()
        done = colabdev("shell", "--", "echo", "in")
        assert (done.stdout, done.returncode) == (b"in\n", 0), done.stderr
        move()
        colabdev("code", cwd=folder)  # there is no editor here: it tells the link
        assert f"  Port {relay.port}\n" in paths.ssh_config_file().read_text()
        move()
        try:
            with (
                Forwarding("colab", [f"{_free_port()}:{pages.server_address[1]}"], heard) as ports,
                urllib.request.urlopen(f"{ports.ports[0].url}page") as answer,
            ):
                assert answer.read() == b"moved"
        finally:
            pages.shutdown()
            serving.join()
    done = colabdev("shell", "--", "echo", "in")
    assert done.returncode == 69
    assert b"ssh:" not in done.stderr


def _but_port(config: str) -> list[str]:
    return [line for line in config.splitlines() if not line.startswith("  Port ")]


@pytest.mark.sshd
def test_followed_while_a_link_runs(where: ConnectString, account: Account, heard: Heard) -> None:
    """A link whose tunnel moved gets to the new address with the next command.

    One that comes in the very moment of the cut is told that the connection broke, and not sent
    again by itself: nobody knows whether it has begun. That is left to the line of a job.
    """

    def said(transport: Transport) -> bytes:
        return run(transport, ["echo", "in"]).stdout

    with relay_to(where.destination.port) as relay:
        connect(str(_at(where, relay.port)), "colab", heard)
        with linked(_at(where, relay.port)):
            for _ in range(3):
                runtime = Registry().get("colab")
                with reach(runtime) as transport, Line(runtime, transport) as line:
                    assert line.persist(said) == b"in\n"
                assert Registry().get("colab").destination == _at(where, relay.port).destination
                relay.move()
                account.endpoints.clear()
                account.publish(_at(where, relay.port))


@pytest.mark.sshd
def test_which_one_is_asked_for(where: ConnectString, account: Account) -> None:
    """In a terminal the names that are up are offered, and none but those is taken."""
    account.publish(where, "one")
    account.publish(where, "two")
    account.publish(where, "\x1b[2J")
    with terminal("connect") as screen:
        screen.until(r"Which one\? \(one, two\)")
        screen.type("three\r")
        screen.until(r"Which one\?")
        screen.type("two\r")
        assert screen.end() == 0, screen.screen
    assert "\x1b[2J" not in screen.screen
    assert [runtime.alias for runtime in Registry().all()] == ["two"]


@pytest.mark.sshd
def test_the_host_key_of_a_direct_machine_is_asked_about(machine: StartedRuntime) -> None:
    """In a terminal the fingerprint is shown; Enter alone is no yes, and sends nothing."""
    there = parse_connect_string(machine.connect_string).destination
    for key, code in (("\r", 2), ("y\r", 0)):
        with terminal("connect", "--direct", str(there)) as screen:
            screen.until("Is that the machine's")
            assert fingerprint(there.host_key) in screen.screen
            screen.type(key)
            assert screen.end() == code, screen.screen
        assert bool(Registry().all()) == (code == 0)
    assert Registry().get("direct").destination == there


@pytest.mark.sshd
@pytest.mark.parametrize("desktop", ["X11", "Wayland"])
def test_a_string_on_the_clipboard(machine: StartedRuntime, home: Path, desktop: str) -> None:
    """It is offered with host and fingerprint, and taken only when the user agrees."""
    there = parse_connect_string(machine.connect_string).destination
    tools = home / "tools"
    tools.mkdir()
    (tools / "clip").write_text(f"colabdev connect '{machine.connect_string}'")
    displays = {"X11": {"DISPLAY": ":0"}, "Wayland": {"WAYLAND_DISPLAY": "wayland-0"}}
    for name in {"X11": ["xclip"], "Wayland": ["wl-copy", "wl-paste"]}[desktop]:
        (tools / name).write_text(f"#!/bin/sh\nexec cat {tools}/clip\n")
        (tools / name).chmod(0o700)
    bare = {name: value for name, value in os.environ.items() if not name.endswith("DISPLAY")}
    env = {**bare, "PATH": f"{tools}:{os.environ['PATH']}", **displays[desktop]}
    with terminal("connect", env=env) as screen:
        screen.until("Connect there")
        assert str(there) in screen.screen
        assert fingerprint(there.host_key) in screen.screen
        screen.type("n\r")
        screen.until("The line that the cell printed")
        screen.type("\x04")
        assert screen.end() == 130
    assert Registry().all() == []
    with terminal("connect", env=env) as screen:
        screen.until("Connect there")
        screen.type("y\r")
        assert screen.end() == 0, screen.screen
    assert Registry().get("colab").destination == there
    (tools / "clip").write_text("\x1b[2J something else")
    with terminal("connect", env=env) as screen:
        screen.until("The line that the cell printed")
        assert "something else" not in screen.screen
        screen.type("ssh root@example.com\r")
        screen.until(r"This is no connect string[\s\S]*The line that the cell printed")
        screen.type(f"colabdev connect '{machine.connect_string}' --name gpu\r")
        assert screen.end() == 0, screen.screen
    assert Registry().get(None).alias == "gpu"
