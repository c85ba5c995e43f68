"""No tunnel at all: logins come from this machine.

What a tunnel is to `core` is these names. *VIA* is what the connect string calls it, *PORTS* those
that sshd takes besides its own, and after *PATIENCE* seconds it has to be up; `_prepare` runs in
the notebook and `_hold` in the keeper, and both get the *settings* that the user chose.
"""

import time
from collections.abc import Generator
from typing import Any

VIA, PORTS, PATIENCE = "none", tuple[int, ...](), 120


def _prepare(settings: list[Any]) -> None:
    """Need nothing."""


def _hold(facts: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
    """Yield where the SSH server is to be found, again and again while it is: on loopback."""
    while True:
        yield {"address": f"127.0.0.1:{facts['port']}"}
        time.sleep(1)
