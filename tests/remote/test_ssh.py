"""Logging in over SSH: to the right machine only, and with a sentence for each failure."""

import base64
import builtins
import contextlib
import inspect
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko import ssh_exception  # type: ignore[import-untyped]  # it ships no types

from colabdev import paths
from colabdev.errors import (
    ConfigError,
    ConnectionLost,
    HostKeyMismatch,
    HostUnreachable,
    LoginRefused,
    RemoteFailure,
    TransportError,
)
from colabdev.remote.destination import ConnectString, Destination, fingerprint
from colabdev.remote.dial import patience_option
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.ssh.failures import FAILURES, translate
from colabdev.remote.sshkey import ensure_key
from colabdev.remote.transport import Process, run
from tests.remote.keys import fresh_ed25519
from tests.remote.relay import relay_to
from tests.support.runtime import StartedRuntime

pytestmark = pytest.mark.sshd


def _connect(
    destination: Destination, *, timeout: float = 20, keepalive: float = 30
) -> SSHTransport:
    return SSHTransport.connect(destination, paths.key_file(), timeout=timeout, keepalive=keepalive)


@contextlib.contextmanager
def _answering(greeting: bytes | None) -> Iterator[int]:
    """Lend a port that answers with *greeting* and closes; with None it says nothing at all."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            visitor, _ = listener.accept()
            with visitor:
                if greeting is None:
                    over.wait()
                else:
                    visitor.sendall(greeting)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join()
        listener.close()


def _nowhere(port: int) -> Destination:
    ensure_key()
    return Destination("root", "127.0.0.1", port, fresh_ed25519())


def test_a_foreign_host_key_ends_it_before_any_login(
    machine: StartedRuntime, address: ConnectString
) -> None:
    """A machine with another key is told neither user nor key, and both fingerprints are shown."""
    pinned = replace(address.destination, host_key=fresh_ed25519())
    with pytest.raises(HostKeyMismatch) as caught:
        _connect(pinned)
    assert fingerprint(pinned.host_key) in caught.value.message
    assert fingerprint(address.destination.host_key) in caught.value.message
    log = (machine.home / ".colabdev" / "sshd" / "log").read_text()
    assert "Accepted" not in log
    assert "authenticating user" not in log  # sshd's words for a visitor who had named a user
    with _connect(address.destination) as transport:  # the same machine under its own key
        assert run(transport, ["true"]).code == 0
    assert "Accepted publickey" in (machine.home / ".colabdev" / "sshd" / "log").read_text()


def test_an_unknown_key_is_refused(address: ConnectString) -> None:
    """A laptop whose key the cell does not hold hears so, with what to do."""
    paths.key_file().unlink()
    ensure_key()
    with pytest.raises(LoginRefused) as caught:
        _connect(address.destination)
    assert "colabdev cell" in caught.value.hint


def test_the_agent_is_never_asked(
    address: ConnectString, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key but ours is offered: the user's ssh-agent sees no visitor."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(folder / "agent"))
        agent.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(folder / "agent"))
        _connect(address.destination).close()
        agent.setblocking(False)
        with pytest.raises(BlockingIOError):
            agent.accept()


def test_the_connection_is_tuned(address: ConnectString) -> None:
    """Small messages are not held back, and the cipher is the fast one."""
    with _connect(address.destination) as transport:
        client = transport._client
        assert client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert client.local_cipher == client.remote_cipher == "aes128-gcm@openssh.com"


def test_a_missing_key_is_named(address: ConnectString, folder: Path) -> None:
    """Without a key there is one sentence that names the file, and nothing is dialled."""
    with pytest.raises(ConfigError) as caught:
        SSHTransport.connect(address.destination, folder / "none")
    assert str(folder / "none") in caught.value.message


def test_refused() -> None:
    """A port nobody listens on: the tunnel is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HostUnreachable) as caught:
        _connect(_nowhere(port))
    assert "refused" in caught.value.message
    assert "connect with the string" in caught.value.hint


def test_no_answer_in_time() -> None:
    """A connection that is never taken times out and says so."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):  # fill the queue: from now on no connection is completed
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            waiting.append(filler)
        with pytest.raises(HostUnreachable) as caught:
            _connect(_nowhere(port), timeout=0.3)
        for filler in waiting:
            filler.close()
    assert "does not answer in time" in caught.value.message


@pytest.mark.parametrize(
    ("greeting", "says"),
    [
        (b"", "the server behind it is not"),
        (None, "says nothing"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no SSH server"),
        (b"\xff\xfe\x00" * 100, "no SSH server"),
        (b"SSH-1.5-ancient\r\n", "common ground"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke"),
        (b"SSH-2.0-OpenSSH_9.2\r\n" + b"\xff" * 5000, "connection to"),
    ],
)
def test_what_answers_is_no_ssh_server(greeting: bytes | None, says: str) -> None:
    """A tunnel that is up while sshd is not, or leads elsewhere, is told from a dead one."""
    with _answering(greeting) as port, pytest.raises(TransportError) as caught:
        _connect(_nowhere(port), timeout=0.5)
    assert says in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 69


def test_a_cut_is_no_clean_end(address: ConnectString) -> None:
    """When the network breaks, reading, waiting and writing all say so: no end, no exit code."""
    with relay_to(address.destination.port) as relay:
        transport = _connect(replace(address.destination, port=relay.port))
        process = transport.start(["sh", "-c", "echo first; exec cat"])
        assert process.read() == b"first\n"
        relay.cut()
        with pytest.raises(ConnectionLost):
            process.read()
        with pytest.raises(ConnectionLost):
            process.wait()
        with pytest.raises(ConnectionLost):
            process.write(b"x" * 100)
        with pytest.raises(ConnectionLost):
            transport.start(["true"])
        process.close()
        transport.close()


def test_a_silent_network_is_noticed(address: ConnectString) -> None:
    """When nothing arrives any more and nothing breaks, unanswered keep-alives end the wait."""
    with relay_to(address.destination.port) as relay:
        destination = replace(address.destination, port=relay.port)
        with _connect(destination, keepalive=0.1) as transport:
            process = transport.start(["cat"])
            relay.stall()
            with pytest.raises(ConnectionLost):
                process.read()
            process.close()


def test_answered_keepalives_keep_the_connection(address: ConnectString) -> None:
    """A command that is silent for many keep-alives long is none the worse for it."""
    with _connect(address.destination, keepalive=0.1) as transport:
        assert run(transport, ["sh", "-c", "sleep 1.5; echo awake"]).stdout == b"awake\n"


def test_a_channel_opened_ahead_spares_a_process_the_wait(address: ConnectString) -> None:
    """With channels in stock a process starts while the road is silent; each is used once."""
    with relay_to(address.destination.port) as relay:
        destination = replace(address.destination, port=relay.port)
        with _connect(destination) as transport:
            transport.stock(2)
            relay.stall()
            first, second = (transport.start(["echo", word]) for word in ("one", "two"))
            relay.resume()
            for process, word in ((first, b"one\n"), (second, b"two\n")):
                assert process.read() == word
                process.close()
            assert run(transport, ["echo", "three"]).stdout == b"three\n"
            relay.cut()
            transport.stock(2)  # nobody is there to open any: it says nothing


def test_a_killed_server_is_a_lost_connection(
    machine: StartedRuntime, address: ConnectString
) -> None:
    """When the far side's sshd dies under a command, that is no exit code of the command."""
    with _connect(address.destination) as transport:
        process = transport.start(["sh", "-c", "echo $PPID; exec cat"])
        sessions = int(process.read())  # the sshd process that serves this connection
        os.kill(sessions, 9)
        with pytest.raises(ConnectionLost):
            process.wait()
        process.close()


def _foreign() -> list[type[BaseException]]:
    of_paramiko = [
        kind
        for _, kind in inspect.getmembers(ssh_exception, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == ssh_exception.__name__
    ]
    of_socket = [socket.gaierror, socket.herror, socket.timeout, EOFError]
    return [*of_paramiko, *of_socket]


@pytest.mark.parametrize("kind", _foreign())
def test_every_foreign_error_has_a_row(kind: type[BaseException]) -> None:
    """An exception that paramiko grows is a failing test here, not a traceback for a user."""
    assert kind in FAILURES


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for _, kind in inspect.getmembers(builtins, inspect.isclass)
        if issubclass(kind, (OSError, EOFError))
    ],
)
def test_every_system_error_has_a_sentence(kind: type[Exception]) -> None:
    """Whatever the operating system says becomes one of ours, with a next step."""
    error = translate(kind("it happened"), Destination("root", "h", 22, "ssh-ed25519 AAAA"))
    assert isinstance(error, TransportError)
    assert error.message
    assert error.hint


def test_a_name_that_does_not_resolve() -> None:
    """The resolver's own error becomes a sentence that names the host."""
    with pytest.raises(socket.gaierror) as foreign:
        socket.getaddrinfo("no-such-host", 22, flags=socket.AI_NUMERICHOST)  # asks no server
    error = translate(foreign.value, Destination("root", "no-such-host", 22, "ssh-ed25519 AAAA"))
    assert isinstance(error, HostUnreachable)
    assert error.message == "The name no-such-host does not resolve."


def test_a_send_into_a_dead_network_ends_on_each_system() -> None:
    """In the units of each: milliseconds, or seconds, of which none is no bound."""
    assert patience_option(42, "linux") == (18, 42_000)
    assert patience_option(42.5, "darwin") == (0x80, 43)
    assert patience_option(0.1, "win32") == (5, 1)
    assert patience_option(42, "sunos") is None
    if sys.platform == "linux":
        assert socket.TCP_USER_TIMEOUT == 18


def test_a_key_of_a_kind_that_cannot_be_used(folder: Path) -> None:
    """The sentence names the user's file; nobody is dialled for it."""
    words = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "own").write_bytes(Ed448PrivateKey.generate().private_bytes(*words))
    there = Destination("root", "127.0.0.1", 1, "ssh-ed25519 AAAA", identity=str(folder / "own"))
    with pytest.raises(ConfigError, match="own cannot be used: it is of a kind") as caught:
        _connect(there)
    assert "--identity" in caught.value.hint


def test_a_damaged_key_of_ours() -> None:
    """However it is damaged, the sentence names the file, and nobody is dialled."""
    ensure_key()
    there = Destination("root", "127.0.0.1", 1, "ssh-ed25519 AAAA")
    whole = paths.key_file().read_bytes()
    head, *lines, tail = whole.splitlines()
    inside = base64.b64decode(b"".join(lines))
    for at in range(0, len(inside), 3):
        damaged = inside[:at] + bytes([inside[at] ^ 0x55]) + inside[at + 1 :]
        paths.key_file().write_bytes(b"\n".join([head, base64.b64encode(damaged), tail, b""]))
        with pytest.raises((ConfigError, HostUnreachable)) as caught:  # some bytes are a remark
            _connect(there)
        assert "Nothing answers" in str(caught.value) or "id_ed25519" in str(caught.value)


def test_a_command_that_ends_while_it_is_written_to_ends_nothing_else(
    address: ConnectString, swift_switches: None
) -> None:
    """Whoever is about to send when the far side closes a channel does not cost the connection."""
    with _connect(address.destination) as transport:
        for _ in range(25):
            process = transport.start(["true"])
            writers = [threading.Thread(target=_write_on, args=(process,)) for _ in range(4)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            process.close()
            assert transport.is_alive()
        assert run(transport, ["cat"], b"as ever").stdout == b"as ever"


@pytest.fixture
def swift_switches() -> Iterator[None]:
    """Let threads take turns as often as they can, so that each order comes about."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def _write_on(process: Process) -> None:
    with contextlib.suppress(RemoteFailure):
        while True:
            process.write(b"x")
