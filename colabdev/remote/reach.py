"""From a runtime to an open transport."""

import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from colabdev import paths
from colabdev.errors import ConnectionLost, HostKeyMismatch, HostUnreachable
from colabdev.remote.link import place
from colabdev.remote.link.client import LinkTransport
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Transport, run
from colabdev.settings import setting

if TYPE_CHECKING:  # what a command with a link need not load
    from colabdev.remote.dial import Dialling


def reach(runtime: Runtime) -> Transport:
    """Return a transport to *runtime*: its link, or a connection of our own where that is off.

    What is wrong with the connection is told by the first process that is started, at the latest.
    A runtime whose tunnel has moved is looked for on the user's ngrok account: a stranger at its
    old address counts as moved, for ngrok hands old ports on.

    Raises:
        TransportError: it cannot be reached, or is another machine.
    """
    if runtime.destination is None:
        from colabdev.remote.local import LocalTransport

        return LocalTransport()
    if not setting("link").value:
        return direct(runtime)
    return LinkTransport(runtime, direct, _followed)


def stands(runtime: Runtime) -> bool:
    """Tell whether a process on *runtime* starts at once, without a connection being made first."""
    if runtime.destination is None:
        return True
    return bool(setting("link").value) and place.place(runtime.alias).socket.exists()


def settled(runtime: Runtime) -> Runtime:
    """Return *runtime* at the address it has by now, for programs that only read the SSH config.

    Where a moved tunnel can be found it is logged in to once, as by any command; else this is no
    more than a look at *runtime*.

    Raises:
        TransportError: it cannot be reached, or is another machine.
    """
    there = runtime.destination
    if (
        there is None
        or there.via != "ngrok"
        or runtime.stable
        or not setting("ngrok_api_key").value
    ):
        return runtime
    with reach(runtime) as transport:
        run(transport, ["true"])
    return Registry().get(runtime.alias)


class Dial:
    """A connection to *runtime* that is opened while something else is done.

    Called, it waits for it. Leaving the block ends the connection, whenever it comes.
    """

    def __init__(
        self, runtime: Runtime, dial: Callable[[Runtime], Transport] | None = None
    ) -> None:
        self.runtime = runtime
        self._transport: Transport | None = None
        self._error: BaseException | None = None
        self._left = False
        self._lock = threading.Lock()
        opened = _reaching(runtime) if dial is None else lambda: dial(runtime)
        self._thread = threading.Thread(target=self._open, args=(opened,), daemon=True)
        self._thread.start()

    def __call__(self) -> Transport:
        while self._thread.is_alive():  # a wait without end would not hear of Ctrl-C on Windows
            self._thread.join(0.5)
        if self._error:
            raise self._error
        assert self._transport, "it is open when there was no error"
        return self._transport

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._left = True
            transport = self._transport
        if transport:
            transport.close()

    def _open(self, opened: Callable[[], Transport]) -> None:
        try:
            transport = opened()
        except BaseException as error:  # raised where it is waited for
            self._error = error
            return
        with self._lock:
            self._transport = transport
            left = self._left
        if left:
            transport.close()


def _reaching(runtime: Runtime) -> Callable[[], Transport]:
    """Return what does `reach` for *runtime*; of a connection of our own TCP is under way then."""
    if runtime.destination is None or setting("link").value:
        return lambda: reach(runtime)
    from colabdev.remote.dial import Dialling

    dialled = Dialling(runtime.destination)
    # While TCP waits for the other end; in a thread it would share the processor with the caller.
    importlib.import_module("colabdev.remote.ssh")
    return lambda: direct(runtime, dialled)


def direct(runtime: Runtime, dialled: "Dialling | None" = None) -> Transport:
    """Log in to *runtime*; the answer comes with that of the first process that is started.

    *dialled* is a socket to it that is on its way already.

    Raises:
        TransportError: it cannot be reached, or is another machine.
    """
    from colabdev.remote.ssh import SSHTransport  # paramiko: a link spares it every command

    assert runtime.destination is not None, "this machine is reached without a connection"
    try:
        return SSHTransport.connect(
            runtime.destination, paths.key_file(), wait=False, dialled=dialled
        )
    except (HostUnreachable, HostKeyMismatch, ConnectionLost):
        moved = _followed(runtime)
        if moved is None or moved.destination is None:
            raise
        return SSHTransport.connect(moved.destination, paths.key_file(), wait=False)


def _followed(runtime: Runtime) -> Runtime | None:
    from colabdev.remote.discovery import follow  # urllib: only where something has moved

    return follow(runtime)
