"""``colabdev proxy``: the bytes of an ssh of the user's own, carried to a runtime's SSH server."""

import contextlib
import os
from typing import Any

from colabdev.errors import HostUnreachable, InputError, system_says
from colabdev.language import tr
from colabdev.remote.runtime import Registry
from colabdev.remote.tunnel import SSHD, beside, carry, open_tunnel


def proxy(alias: str, source: int = 0, sink: int = 1) -> None:
    """Join the descriptors *source* and *sink* to the SSH server of *alias*, until it hangs up.

    The login and the check of the host key stay those of the ssh at our end.

    Raises:
        InputError: there is no such runtime elsewhere.
        TransportError: it cannot be reached.
    """
    runtime = Registry().get(alias)
    if runtime.destination is None:
        raise InputError(
            tr("{alias} is this very machine: it has no SSH server of ours.", alias=alias),
            tr("Name a runtime: colabdev status"),
        )
    try:
        tunnel = open_tunnel(runtime, SSHD)
    except OSError as error:
        raise HostUnreachable(
            tr("{alias} cannot be reached: {reason}.", alias=alias, reason=system_says(error)),
            tr("Run the cell again and connect with the string it prints."),
        ) from error

    def forth() -> None:
        carry(lambda size: os.read(source, size), tunnel.pipe.sendall)
        with contextlib.suppress(Exception):
            tunnel.pipe.shutdown(1)

    beside(forth)
    try:
        carry(tunnel.pipe.recv, lambda data: _write(sink, data), tunnel.first)
    finally:
        tunnel.close()


def _write(sink: int, data: bytes) -> Any:
    view = memoryview(data)
    while view:
        view = view[os.write(sink, view) :]
