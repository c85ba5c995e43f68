"""From a runtime to an open transport."""

from colabdev import paths
from colabdev.remote.local import LocalTransport
from colabdev.remote.runtime import Runtime
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import Transport


def reach(runtime: Runtime) -> Transport:
    """Log in to *runtime* and return the transport; this very machine needs no login.

    The answer to the login comes with that of the first process that is started.

    Raises:
        TransportError: it cannot be reached, or is another machine.
    """
    if runtime.destination is None:
        return LocalTransport()
    return SSHTransport.connect(runtime.destination, paths.key_file(), wait=False)
