"""The transport over SSH; paramiko stays behind it."""

import sys

# paramiko wants `invoke` for the "Match exec" of ssh configs alone, which we do not read, and does
# without it where it is missing. Loading it takes as long as loading all the rest.
_SPARED = "invoke"
_hidden = _SPARED not in sys.modules
if _hidden:
    sys.modules[_SPARED] = None  # type: ignore[assignment]  # this makes an import of it fail
try:
    from colabdev.remote.ssh.transport import SSHTransport
finally:
    if _hidden:
        del sys.modules[_SPARED]

__all__ = ["SSHTransport"]
