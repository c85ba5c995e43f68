"""A login whose first command travels along with it."""

import contextlib
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import paramiko  # type: ignore[import-untyped]  # it ships no types
import pytest

from colabdev import paths
from colabdev.errors import LoginRefused
from colabdev.jobs.client import asking
from colabdev.jobs.job import JobSpec
from colabdev.remote.destination import ConnectString, Destination
from colabdev.remote.ssh import SSHTransport, pipeline
from colabdev.remote.ssh.meter import Meter
from colabdev.remote.sshkey import ensure_key
from colabdev.remote.transport import run


def test_every_name_it_stands_on_is_there() -> None:
    """This paramiko has what the pipelined login needs; without it the plain one is taken."""
    assert pipeline.AVAILABLE


def test_paramiko_comes_without_what_only_ssh_configs_need() -> None:
    """Half of paramiko's load is a package that it can do without; whoever wants that has it."""
    code = (
        "import sys, colabdev.remote.ssh\n"
        "assert not {'invoke', 'unittest', 'asyncio'} & set(sys.modules), sorted(sys.modules)\n"
        "import invoke"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_gathered_leaves_in_one_piece_and_in_order() -> None:
    """A block's messages go as one; another thread's wait for it and do not overtake."""
    near, far = socket.socketpair()
    with near, far:
        meter = Meter(near, "none")
        sender = threading.Thread(target=lambda: [meter.send(b"%03d" % n) for n in range(500)])
        with meter.gathered():
            meter.send(b"one ")
            meter.send(b"two ")
            sender.start()
            far.setblocking(False)
            with pytest.raises(BlockingIOError):
                far.recv(1)
            far.setblocking(True)
        sender.join()
        near.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: far.recv(1 << 16), b""))
    assert said == b"one two " + b"".join(b"%03d" % number for number in range(500))
    assert meter.carried.sent == len(said)


def test_what_starts_a_job_fits_into_the_first_packets() -> None:
    """TCP sends ten packets before it waits; a login takes three of them."""
    request = asking(JobSpec("a" * 12, ("python", "train.py"), "/content/project", "train.py"))
    assert len(shlex.join(request)) < 7 * 1400


@pytest.mark.sshd
def test_a_refused_key_is_told_by_the_first_start(address: ConnectString) -> None:
    """With a key that the cell does not know nothing runs, and the sentence is the same."""
    paths.key_file().unlink()
    ensure_key()
    with SSHTransport.connect(address.destination, paths.key_file(), wait=False) as transport:
        with pytest.raises(LoginRefused) as caught:
            transport.start(["touch", "it-ran"])
        assert "colabdev cell" in caught.value.hint


@pytest.mark.sshd
def test_first_starts_at_once_share_one_login(address: ConnectString) -> None:
    """Threads that start their first commands together all get their own answers."""
    said: dict[int, bytes] = {}
    with SSHTransport.connect(address.destination, paths.key_file(), wait=False) as transport:

        def ask(number: int) -> None:
            said[number] = run(transport, ["echo", str(number)]).stdout

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == {number: f"{number}\n".encode() for number in range(6)}


class _Server(paramiko.ServerInterface):  # type: ignore[misc]  # untyped, see the import
    """A server that lets anyone in and answers each command with its own words."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []

    def check_auth_publickey(self, _username: str, _key: paramiko.PKey) -> int:
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append(command)

        def answer() -> None:
            channel.sendall(command)
            channel.send_exit_status(0)
            channel.close()

        threading.Thread(target=answer).start()
        return True


@contextlib.contextmanager
def _server(first_channel: int) -> Iterator[tuple[Destination, _Server]]:
    """Serve on loopback; the server numbers its channels from *first_channel* on."""
    host_key = paramiko.Ed25519Key.from_private_key_file(str(paths.key_file()))
    server, lines = _Server(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link = listener.accept()[0]
                    line = paramiko.Transport(link)
                    lines.append(line)
                    line._channel_counter = first_channel
                    line.add_server_key(host_key)
                    with contextlib.suppress(paramiko.SSHException, EOFError):
                        line.start_server(server=server)

        thread = threading.Thread(target=serve)
        thread.start()
        public = f"ssh-ed25519 {host_key.get_base64()}"
        try:
            yield Destination("u", "127.0.0.1", listener.getsockname()[1], public), server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for line in lines:
                line.close()
                line.join()


@pytest.mark.parametrize("first_channel", [0, 7])
def test_a_server_that_counts_otherwise_runs_the_command_once(
    home: object, first_channel: int
) -> None:
    """Where the guessed channel number is wrong, a second, plain connection runs the command."""
    ensure_key()
    with (
        _server(first_channel) as (destination, server),
        SSHTransport.connect(destination, paths.key_file(), wait=False) as transport,
    ):
        assert run(transport, ["one", "two three"]).stdout == b"one 'two three'"
        assert run(transport, ["again"]).stdout == b"again"
        assert server.commands == [b"one 'two three'", b"again"]
