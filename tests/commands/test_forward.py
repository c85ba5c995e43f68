"""``forward``: a web page over there is on localhost here."""

import contextlib
import functools
import http.server
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.forward import Forwarding, parse_port
from colabdev.commands.status import State, status
from colabdev.errors import InputError
from colabdev.remote.destination import parse_connect_string
from tests.commands.conftest import Heard
from tests.support.far import until
from tests.support.link import end_link, linked
from tests.support.page import check_lines
from tests.support.runtime import StartedRuntime


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own signature
        pass


@pytest.fixture
def page(folder: Path) -> Iterator[int]:
    """Serve *folder* on a port of the far side's loopback, which is ours."""
    (folder / "page").write_bytes(b"x" * 1_000_000)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.sshd
def test_a_page(machine: StartedRuntime, heard: Heard, page: int) -> None:
    """It loads again and again, also after the link was ended in between."""
    connect(machine.connect_string, "colab", heard)
    local = _free()
    with (
        linked(parse_connect_string(machine.connect_string)),
        Forwarding("colab", [f"{local}:{page}"], heard) as forwarding,
    ):
        url = f"{forwarding.ports[0].url}page"
        for _ in range(3):
            with urllib.request.urlopen(url) as answer:
                assert answer.read() == b"x" * 1_000_000
        end_link()
        with urllib.request.urlopen(url) as answer:
            assert len(answer.read()) == 1_000_000


@pytest.mark.sshd
def test_ctrl_c_ends_it_and_json_names_the_ports(
    machine: StartedRuntime, heard: Heard, page: int
) -> None:
    """The whole command: stdout is JSON and nothing else, the page is there, Ctrl-C is no error."""
    connect(machine.connect_string, "colab", heard)
    local = _free()
    command = [sys.executable, "-m", "colabdev", "forward", "--json", "--on", "colab"]
    with linked(parse_connect_string(machine.connect_string)):
        child = subprocess.Popen(
            [*command, f"{local}:{page}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout
        told = [json.loads(child.stdout.readline())]
        port = told[0]["data"]
        assert (port["local"], port["remote"]) == (local, page)
        with urllib.request.urlopen(port["url"] + "page") as answer:
            assert len(answer.read()) == 1_000_000
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        told += map(json.loads, rest.splitlines())
        assert check_lines(("forward",), told)[-1] == "end"
        assert "Traceback" not in errors
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", local))


@pytest.mark.sshd
def test_more_is_open_than_the_computer_allows(
    machine: StartedRuntime, heard: Heard, page: int
) -> None:
    """Who came meanwhile is served once there is room; nothing is kept of those who have gone."""
    connect(machine.connect_string, "colab", heard)
    with (
        linked(parse_connect_string(machine.connect_string)),
        Forwarding("colab", [f"{_free()}:{page}"], heard) as forwarding,
    ):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        place = ("127.0.0.1", forwarding.ports[0].local)
        with socket.socket() as early, socket.socket() as visitor:
            visitor.settimeout(60)
            resource.setrlimit(resource.RLIMIT_NOFILE, (visitor.fileno() + 1, before[1]))
            try:
                with pytest.raises(OSError, match="open files"):
                    os.open(os.devnull, os.O_RDONLY)
                early.connect(place)  # whose place was kept when it was waited for
                visitor.connect(place)
                visitor.sendall(b"GET /page HTTP/1.0\r\n\r\n")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            assert visitor.recv(15) == b"HTTP/1.0 200 OK"
        for _ in range(5):
            with urllib.request.urlopen(f"{forwarding.ports[0].url}page") as answer:
                assert len(answer.read()) == 1_000_000
        assert len(forwarding._threads) < 6
        end_link()


@pytest.mark.sshd
def test_a_taken_port(machine: StartedRuntime, heard: Heard) -> None:
    """One sentence, with the command that takes another port."""
    connect(machine.connect_string, "colab", heard)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(InputError) as caught:
            Forwarding("colab", [str(port)], heard)
    assert "taken" in caught.value.message
    assert f":{port}" in caught.value.hint


@pytest.mark.sshd
@pytest.mark.parametrize("link", [True, False])
def test_why_a_page_does_not_load(machine: StartedRuntime, heard: Heard, link: bool) -> None:
    """A port where nothing listens is told from a server that forwards none."""
    connect(machine.connect_string, "colab", heard)
    closed, config = _free(), machine.home / ".colabdev" / "sshd" / "sshd_config"
    with contextlib.ExitStack() as stack:
        if link:
            stack.enter_context(linked(parse_connect_string(machine.connect_string)))
        for said in (f"Nothing listens on port {closed}", "forwards nothing"):
            heard.warned.clear()
            with (
                Forwarding("colab", [f"{_free()}:{closed}"], heard) as forwarding,
                pytest.raises(OSError, match=r"without response|reset"),
            ):
                urllib.request.urlopen(forwarding.ports[0].url)
            [(text, hint)] = heard.warned
            assert said in text
            assert hint
            config.write_text(config.read_text().replace("Forwarding yes", "Forwarding no"))
            os.kill(machine.facts["sshd"][0], signal.SIGHUP)  # sshd reads it again
            end_link()
            until(lambda: status("colab")[0].state == State.UP)


@pytest.mark.parametrize("word", ["", "x", "0", "65536", ":80", "80:", "1:2:3", "-1", "８０"])
def test_what_is_no_port(word: str) -> None:
    """Anything but one or two ports is refused before a runtime is asked for."""
    with pytest.raises(InputError):
        parse_port(word)


def test_ports() -> None:
    """One number is the same port at both ends."""
    assert parse_port("6006") == (6006, 6006)
    assert parse_port("8080:80") == (8080, 80)
