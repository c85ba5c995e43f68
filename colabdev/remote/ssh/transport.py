"""A connection over SSH with its processes, behind the seam of `colabdev.remote.transport`."""

import collections
import contextlib
import shlex
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self  # paramiko comes without types

import paramiko  # type: ignore[import-untyped]  # it ships no types
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.pkey import UnknownKeyType  # type: ignore[import-untyped]  # as above

from colabdev.errors import ColabdevError, ConfigError, HostKeyMismatch, RemoteFailure
from colabdev.language import tr
from colabdev.remote.destination import Destination, fingerprint
from colabdev.remote.dial import KEEPALIVE, KEEPALIVES_UNANSWERED, TIMEOUT, dial, explained
from colabdev.remote.ssh.client import Client
from colabdev.remote.ssh.failures import FOREIGN, NEW_ADDRESS, lost, refused, translated
from colabdev.remote.ssh.pipeline import (
    AVAILABLE,
    Login,
    open_and_run,
    request_run,
    wait_until_open,
    was_missed,
)

_ERRORS_KEPT = 64 * 1024
_PACKET = 32 * 1024  # what sshd takes in one message
# What reading a private key may raise; paramiko asserts and counts on what stands in it.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    AssertionError,
    IndexError,
    paramiko.SSHException,
)
# Waits wake up this often (seconds), because on Windows Ctrl-C does not end a wait for a lock.
_TICK = 0.5


@dataclass(frozen=True, slots=True)
class _Way:
    """How to log in to *destination*; *timeout* and *keepalive* in seconds."""

    destination: Destination
    key: paramiko.PKey
    timeout: float
    keepalive: float

    def go(
        self, *, wait: bool, dialled: Callable[[], socket.socket] | None = None
    ) -> tuple[Client, Login | None]:
        """Return a connection, logged in, or with a login whose answer nobody waited for."""
        with translated(self.destination):
            link = dialled() if dialled else self._dial()
        client = Client(link, self.destination.via)
        login = None
        try:
            with explained(link, self.destination), translated(self.destination, client):
                found = client.negotiate(self.destination.host_key, self.timeout)
                _check_host_key(self.destination, found)
                if wait:
                    client.login(self.destination.user, self.key, self.timeout)
                else:
                    client.auth_timeout = self.timeout
                    login = Login(client, self.destination.user, self.key)
        except BaseException:
            client.shut()
            raise
        client.watch(self.keepalive)
        return client, login

    def _dial(self) -> socket.socket:
        return dial(self.destination, self.timeout, self.keepalive * KEEPALIVES_UNANSWERED)


class SSHTransport:
    """One SSH connection; each process has a channel of its own on it."""

    def __init__(self, way: _Way, client: Client, login: Login | None) -> None:
        self._way = way
        self._client = client
        self._login = login  # until its answer has come
        self._beginning = threading.Lock()
        self._spares: collections.deque[Any] = collections.deque()

    @classmethod
    def connect(
        cls,
        destination: Destination,
        key_file: Path,
        *,
        timeout: float = TIMEOUT,
        keepalive: float = KEEPALIVE,
        wait: bool = True,
        dialled: Callable[[], socket.socket] | None = None,
    ) -> Self:
        """Log in to *destination* with the key in *key_file*; *timeout* seconds for each step.

        The host key is compared with the pinned one before anything is said about who we are.
        When nothing was sent for *keepalive* seconds, the far side is asked for a sign of life;
        after three without an answer the connection counts as lost. Without *wait* the answer to
        the login is left to the first `start`, whose command travels along with it. *dialled*
        waits for a socket to *destination* that is on its way already.

        Raises:
            HostUnreachable: nothing answers there, or something that is no SSH server.
            HostKeyMismatch: another machine answers.
            LoginRefused: the machine does not know the key.
            ConnectionLost: the connection broke before the login was through.
            ConfigError: *key_file* cannot be read.
        """
        way = _Way(destination, _key(destination, key_file), timeout, keepalive)
        return cls(way, *way.go(wait=wait or not AVAILABLE, dialled=dialled))

    def start(self, argv: Sequence[str]) -> "SSHProcess":
        channel = self.channel(argv)
        return SSHProcess(channel, self._client, self._way.destination)

    def channel(self, argv: Sequence[str]) -> Any:
        """Start *argv* as `start` does and return paramiko's channel."""
        command = shlex.join(argv)
        with self._beginning, translated(self._way.destination, self._client):
            channel = self._start_with_login(command) if self._login else None
        if channel is None:
            with translated(self._way.destination, self._client):
                channel = self._spare() or self._client.open_session(timeout=self._way.timeout)
                request_run(self._client, channel.remote_chanid, command)
        return channel

    def stock(self, count: int) -> None:
        """Open channels ahead until *count* are there: a process then need not wait for its own.

        A far side that opens no more is left in peace: the next `start` will hear of it.
        """
        with contextlib.suppress(*FOREIGN):
            while self.is_alive() and not self._login and len(self._spares) < count:
                self._spares.append(self._client.open_session(timeout=self._way.timeout))

    def _spare(self) -> Any:
        """Return a channel that was opened ahead and is open still, None when there is none."""
        with contextlib.suppress(IndexError):
            while True:
                channel = self._spares.popleft()
                if not channel.closed and not channel.eof_received:
                    return channel
        return None

    def tunnel(self, port: int) -> Any:
        """Return a channel to *port* of the far side's own loopback.

        Raises:
            TransportError: nothing listens there, or the far side does not allow it.
        """
        if self._login:
            self.channel(["true"]).close()  # the login's answer comes with a first command
        place, here = ("127.0.0.1", port), ("127.0.0.1", 0)
        with translated(self._way.destination, self._client):
            try:
                return self._client.open_channel(
                    "direct-tcpip", place, here, timeout=self._way.timeout
                )
            except paramiko.ChannelException as error:
                raise refused(self._way.destination, port, error) from error

    def is_alive(self) -> bool:
        """Tell whether the connection stands, as far as anybody knows."""
        return bool(self._client.is_active())

    def is_well(self, silence: float, limit: float) -> bool:
        """Tell whether the connection stands; after a long *silence* the far side is asked.

        *limit* is how many seconds it has for a sign of life. All beats of the keep-alive pass
        while a laptop sleeps, and none of them is missed before it has been awake for long.
        """
        meter = self._client.meter
        if time.time() - meter.heard < silence:
            return self.is_alive()
        before = meter.carried.received
        with contextlib.suppress(*FOREIGN):
            self._client.ask()
        deadline = time.monotonic() + limit
        while self.is_alive() and time.monotonic() < deadline:
            if meter.carried.received != before:
                return True
            time.sleep(0.01)
        return False

    def is_full(self, error: BaseException) -> bool:
        """Tell whether *error* came because the far side opens no further session."""
        cause = error.__cause__
        prohibited, short = 1, 4  # RFC 4254 section 5.1; sshd says "connect failed" (2)
        if isinstance(cause, paramiko.ChannelException):
            return cause.code in (prohibited, 2, short)
        # Of two that are refused at once paramiko gives the reason to one, and this to the other.
        return self.is_alive() and str(cause) == "Unable to open channel."

    def note(self) -> None:
        """Write what went through so far into the month's account."""
        self._client.meter.note()

    def _start_with_login(self, command: str) -> Any:
        """Send *command* along with the login and return its channel.

        None: the server counts its channels otherwise and has run nothing. There is a new
        connection then, as the old one ended over it.
        """
        assert self._login, "the caller looked"
        channel = open_and_run(self._client, command)
        try:
            self._login.wait()
            wait_until_open(self._client, channel, self._way.timeout)
        except FOREIGN:
            if not was_missed(channel):
                raise
        self._login = None
        if not was_missed(channel):
            return channel
        self._client.shut()
        self._client, _ = self._way.go(wait=True)
        return None

    def close(self) -> None:
        self._client.shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class SSHProcess:
    """A command on the far side behind the `Process` seam."""

    def __init__(self, channel: Any, client: Client, destination: Destination) -> None:
        self._channel = channel
        self._client = client
        self._destination = destination
        self._closed = False
        self._errors = bytearray()
        channel.settimeout(_TICK)
        # stdout and stderr share the channel's window: unread stderr would stop stdout.
        self._drain = threading.Thread(target=self._drain_errors, daemon=True)
        self._drain.start()

    def write(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            try:
                sent = self._channel.send(data[at : at + _PACKET])
            except TimeoutError:
                continue
            except FOREIGN as error:  # an OSError when the channel is closed
                raise self._unwritten() from error
            if not sent:
                raise self._unwritten()
            at += sent
        if not self._client.is_active():  # paramiko drops silently what is sent over a dead one
            raise self._unwritten()

    def close_stdin(self) -> None:
        with contextlib.suppress(*FOREIGN):
            self._channel.shutdown_write()

    def read(self, size: int = 65536) -> bytes:
        while True:
            try:
                chunk: bytes = self._channel.recv(size)
            except TimeoutError:
                continue
            except FOREIGN as error:
                raise lost(self._destination) from error
            # An end without the far side's word for it is a broken connection.
            if not (chunk or self._channel.eof_received or self._closed):
                raise lost(self._destination)
            return chunk

    def errors(self) -> bytes:
        if self._channel.closed or self._channel.eof_received:
            self._drain.join(timeout=1)
        return bytes(self._errors)

    def wait(self) -> int:
        while not self._channel.status_event.wait(_TICK):
            pass
        code: int = self._channel.exit_status
        if code < 0:  # the channel is closed and no exit status came
            raise lost(self._destination)
        return code

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(*FOREIGN):
            self._channel.close()
        self._drain.join(timeout=1)

    def _drain_errors(self) -> None:
        with contextlib.suppress(*FOREIGN):  # the reader of stdout meets the same end and tells
            while True:
                try:
                    chunk = self._channel.recv_stderr(65536)
                except TimeoutError:
                    continue
                if not chunk:
                    return
                self._errors += chunk
                del self._errors[:-_ERRORS_KEPT]

    def _unwritten(self) -> ColabdevError:
        if self._client.is_active():
            return RemoteFailure("stdin", tr("The command ended before it read its input."))
        return lost(self._destination)


def _key(destination: Destination, ours: Path) -> paramiko.PKey:
    """Return the key to log in with: the user's own for a machine that they named it for."""
    if destination.identity and destination.relay is None:
        return _load_own(Path(destination.identity))
    try:
        return paramiko.Ed25519Key.from_private_key_file(str(ours))
    except _UNREADABLE as error:
        raise ConfigError(
            tr("The key {ours} cannot be read: {error}.", ours=ours, error=_reason(error)),
            tr("Render the cell again with 'colabdev cell', which makes a key, and run it."),
        ) from error


def _load_own(path: Path) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except (*_UNREADABLE, UnsupportedAlgorithm, UnknownKeyType) as error:
        raise ConfigError(
            tr("The key {path} cannot be used: {reason}.", path=path, reason=_reason(error)),
            tr("Name a private key without a passphrase with --identity, or leave that out."),
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnsupportedAlgorithm | UnknownKeyType):
        return tr("it is of a kind that colabdev cannot log in with")
    return getattr(error, "strerror", None) or str(error) or tr("it is damaged")


def _check_host_key(destination: Destination, found: str) -> None:
    if found != destination.host_key:
        raise HostKeyMismatch(
            tr(
                "Another machine answers at {destination}: its key is {found}, and "
                "{host_key} was expected. Nothing was sent to it.",
                destination=destination,
                found=fingerprint(found),
                host_key=fingerprint(destination.host_key),
            ),
            NEW_ADDRESS,
        )
