"""From a runtime to an open transport."""

from colabdev import paths
from colabdev.errors import ConnectionLost, HostKeyMismatch, HostUnreachable
from colabdev.remote.link.client import LinkTransport
from colabdev.remote.local import LocalTransport
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport
from colabdev.settings import setting


def reach(runtime: Runtime) -> Transport:
    """Return a transport to *runtime*: its link, or a connection of our own where that is off.

    What is wrong with the connection is told by the first process that is started, at the latest.
    A runtime whose tunnel has moved is looked for on the user's ngrok account: a stranger at its
    old address counts as moved, for ngrok hands old ports on.

    Raises:
        TransportError: it cannot be reached, or is another machine.
    """
    if runtime.destination is None:
        return LocalTransport()
    if not setting("link").value:
        return direct(runtime)
    return LinkTransport(runtime, direct, _followed)


def direct(runtime: Runtime) -> Transport:
    """Log in to *runtime*; the answer comes with that of the first process that is started.

    Raises:
        TransportError: it cannot be reached, or is another machine.
    """
    from colabdev.remote.ssh import SSHTransport  # paramiko: a link spares it every command

    assert runtime.destination is not None, "this machine is reached without a connection"
    try:
        return SSHTransport.connect(runtime.destination, paths.key_file(), wait=False)
    except (HostUnreachable, HostKeyMismatch, ConnectionLost):
        moved = _followed(runtime)
        if moved is None or moved.destination is None:
            raise
        return SSHTransport.connect(moved.destination, paths.key_file(), wait=False)


def _followed(runtime: Runtime) -> Runtime | None:
    from colabdev.remote.discovery import follow  # urllib: only where something has moved

    return follow(runtime)
