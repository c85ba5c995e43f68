"""The user's own server between laptop and VM, as a cell is rendered for it."""

import hashlib
import subprocess

from colabdev.errors import ConfigError, HostUnreachable
from colabdev.language import tr
from colabdev.remote.destination import check_host_key


def relay_port(public_key: str, name: str) -> int:
    """Return the port of a relay's loopback that the runtime *name* of this laptop listens on.

    It stays the same, so that the line in the relay's authorized_keys does.
    """
    digest = hashlib.sha256(f"{public_key.split(' ')[1]} {name}".encode()).digest()
    return 20000 + int.from_bytes(digest[:4], "big") % 10000  # below what systems give out


def learn_relay_key(user: str, hostname: str, port: int) -> str:
    """Ask the SSH server at *hostname* for its host key, which nobody has vouched for yet.

    Raises:
        HostUnreachable: it does not answer, or has no key of a type that we pin.
    """
    words = ["ssh-keyscan", "-T", "10", "-p", str(port), "-t", "ed25519,ecdsa", "--", hostname]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise ConfigError(
            tr("ssh-keyscan cannot be started."), tr("Install OpenSSH, or give --relay-key.")
        ) from error
    found = [line.split()[1:3] for line in done.stdout.splitlines() if len(line.split()) == 3]
    for kind, key in sorted(found, reverse=True):  # ed25519 before ecdsa
        return check_host_key(f"{kind} {key}")
    raise HostUnreachable(
        tr("The relay {host}:{port} does not tell its host key.", host=hostname, port=port),
        tr(
            "See that 'ssh {user}@{host}' reaches it, or give --relay-key.",
            user=user,
            host=hostname,
        ),
    )
