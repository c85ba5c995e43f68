"""From a runtime to an open transport."""

from colabdev import paths
from colabdev.errors import ConnectionLost, HostKeyMismatch, HostUnreachable
from colabdev.remote.discovery import follow
from colabdev.remote.local import LocalTransport
from colabdev.remote.runtime import Runtime
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import Transport


def reach(runtime: Runtime) -> Transport:
    """Log in to *runtime* and return the transport; this very machine needs no login.

    The answer to the login comes with that of the first process that is started. One whose tunnel
    has moved is looked for on the user's ngrok account: a stranger at its old address counts as
    moved, for ngrok hands old ports on.

    Raises:
        TransportError: it cannot be reached, or is another machine.
    """
    if runtime.destination is None:
        return LocalTransport()
    try:
        return SSHTransport.connect(runtime.destination, paths.key_file(), wait=False)
    except (HostUnreachable, HostKeyMismatch, ConnectionLost):
        moved = follow(runtime)
        if moved is None or moved.destination is None:
            raise
        return SSHTransport.connect(moved.destination, paths.key_file(), wait=False)
