"""The SSH server as whoever calls an address sees it."""

import contextlib
import socket


def _greets(address: str) -> bool:
    """Tell whether the SSH server answers at *address*, all the way (RFC 4253, 4.2)."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as line:
        return line.makefile("rb").readline(256).startswith(b"SSH-2.0-")
    return False
