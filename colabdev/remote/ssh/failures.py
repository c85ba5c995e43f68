"""What each error of paramiko and the socket module means to a user."""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import paramiko  # type: ignore[import-untyped]  # it ships no types
from paramiko import ssh_exception

from colabdev.errors import (
    ConnectionLost,
    HostUnreachable,
    LoginRefused,
    TransportError,
)
from colabdev.language import mark, tr
from colabdev.remote.destination import Destination
from colabdev.remote.ssh.client import Client

# All that paramiko and a socket raise.
FOREIGN = (paramiko.SSHException, EOFError, OSError)

NEW_ADDRESS = mark("Run the cell again and connect with the string it prints.")
_AGAIN = mark(
    "Try again. If it stays so, run the cell again and connect with the string it prints."
)


@contextlib.contextmanager
def translated(destination: Destination, client: Client | None = None) -> Iterator[None]:
    """Turn a foreign error inside the block into ours; *client* is there once a socket is."""
    try:
        yield
    except FOREIGN as error:
        raise translate(error, destination, client) from error


def translate(
    error: Exception, destination: Destination, client: Client | None = None
) -> TransportError:
    """Return ours for the foreign *error*, with the sentence and the next step."""
    if client is not None and not client.remote_version:
        return _no_server(error, destination)
    if client is not None and client.initial_kex_done and not client.is_active():
        return lost(destination)  # whatever paramiko calls it in that place
    kind = next(kind for kind in type(error).__mro__ if kind in FAILURES)
    return FAILURES[kind].error(destination, error)


def lost(destination: Destination) -> ConnectionLost:
    """Return the error of a connection that broke under us."""
    return ConnectionLost(
        tr("The connection to {destination} broke.", destination=_place(destination)),
        _step(_AGAIN, destination),
    )


def refused(
    destination: Destination, port: int, error: ssh_exception.ChannelException
) -> TransportError:
    """Return the error of a *port* over there that the server gave no channel to."""
    prohibited, unanswered = 1, 2  # RFC 4254 section 5.1
    if error.code == prohibited:
        return TransportError(
            tr("The SSH server at {place} forwards nothing.", place=_place(destination)),
            tr("Plain ssh and editors need that: set 'AllowTcpForwarding yes' in its sshd_config."),
        )
    if error.code == unanswered:
        return TransportError(
            tr("Nothing listens on port {port} over there.", port=port),
            tr("Start there what shall, on 127.0.0.1."),
        )
    return FAILURES[type(error)].error(destination, error)


def _no_server(error: BaseException | None, destination: Destination) -> HostUnreachable:
    while error is not None and not isinstance(error, TimeoutError):
        error = error.__context__
    if error is None:
        sentence = tr(
            "What answers at {place} is no SSH server: the tunnel is up, but the "
            "server behind it is not, or the address is somebody else's by now.",
            place=_place(destination),
        )
    else:
        sentence = tr(
            "{place} takes the connection and says nothing: "
            "the tunnel is up, but the SSH server behind it does not answer.",
            place=_place(destination),
        )
    return HostUnreachable(sentence, _step(NEW_ADDRESS, destination))


def _step(hint: str, destination: Destination) -> str:
    """Return *hint*, or what to do on a road that no cell has a part in."""
    if destination.via != "colab":
        return tr(hint)
    return tr("Try again. If it stays so, see: colab status -s {place}", place=destination.hostname)


def _place(destination: Destination) -> str:
    return str(destination).partition("@")[2]


@dataclass(frozen=True, slots=True)
class Failure:
    """What to say of a foreign error; *sentence* may name host, place and reason."""

    kind: type[TransportError]
    sentence: str
    hint: str

    def error(self, destination: Destination, foreign: BaseException) -> TransportError:
        reason = getattr(foreign, "strerror", None) or str(foreign) or type(foreign).__name__
        place = _place(destination)
        sentence = tr(self.sentence, host=destination.hostname, place=place, reason=reason)
        return self.kind(sentence, _step(self.hint, destination))


_UNRESOLVED = Failure(
    HostUnreachable,
    mark("The name {host} does not resolve."),
    mark(
        "Check this computer's network. If it is fine, the tunnel is gone: run the cell again and "
        "connect with the string it prints."
    ),
)
_BROKE = Failure(ConnectionLost, mark("The connection to {place} broke."), _AGAIN)
_REFUSED = Failure(
    LoginRefused,
    mark("{place} is the right machine, but refuses this computer's key."),
    mark(
        "The cell there was rendered with another key: run 'colabdev cell --copy' on this computer "
        "and run that cell; or on the other computer, with '--key' and this one's .pub file."
    ),
)
_NO_COMMON_GROUND = Failure(
    TransportError,
    mark("The SSH server at {place} and colabdev find no common ground: {reason}."),
    NEW_ADDRESS,
)
_FAILED = Failure(TransportError, mark("The SSH connection to {place} failed: {reason}."), _AGAIN)

# A row for each exception of paramiko and of the socket module; an OSError without a row of its
# own has that of its base.
FAILURES: Mapping[type[BaseException], Failure] = {
    socket.gaierror: _UNRESOLVED,
    socket.herror: _UNRESOLVED,
    ConnectionRefusedError: Failure(
        HostUnreachable,
        mark("Nothing answers at {place}: the connection was refused."),
        mark(
            "The tunnel or the machine is gone. Run the cell again and connect with the string it "
            "prints."
        ),
    ),
    TimeoutError: Failure(
        HostUnreachable,
        mark("{place} does not answer in time."),
        mark(
            "Check this computer's network. If it is fine, the machine is gone: run the cell again "
            "and connect with the string it prints."
        ),
    ),
    OSError: Failure(
        HostUnreachable,
        mark("{place} cannot be reached: {reason}."),
        mark("Check this computer's network and try again."),
    ),
    ConnectionError: _BROKE,
    EOFError: _BROKE,
    ssh_exception.AuthenticationException: _REFUSED,
    ssh_exception.BadAuthenticationType: _REFUSED,
    ssh_exception.PartialAuthentication: _REFUSED,
    ssh_exception.PasswordRequiredException: _REFUSED,
    ssh_exception.UnableToAuthenticate: _REFUSED,
    ssh_exception.BadHostKeyException: _NO_COMMON_GROUND,
    ssh_exception.IncompatiblePeer: _NO_COMMON_GROUND,
    ssh_exception.MessageOrderError: _NO_COMMON_GROUND,
    ssh_exception.ChannelException: Failure(
        TransportError,
        mark("{place} opens no further session."),
        mark("Close a shell or an editor window that is connected to it, and try again."),
    ),
    ssh_exception.ConfigParseError: _FAILED,
    ssh_exception.CouldNotCanonicalize: _FAILED,
    ssh_exception.NoValidConnectionsError: _FAILED,
    ssh_exception.ProxyCommandFailure: _FAILED,
    ssh_exception.SSHException: _FAILED,
}
