"""The host key of an SSH server that nobody pinned yet, asked for without logging in."""

from colabdev.errors import HostUnreachable
from colabdev.language import tr
from colabdev.remote.destination import Destination
from colabdev.remote.dial import dial, explained
from colabdev.remote.ssh.client import Client
from colabdev.remote.ssh.failures import translated

_TIMEOUT = 20.0
_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


def scan(place: Destination) -> str:
    """Return the host key, as ``<type> <base64>``, that the server at *place* proves to have.

    It may be anybody's: show its fingerprint to the user before it is trusted.

    Raises:
        TransportError: no SSH server answers there, or none with a key of a type we take.
    """
    with translated(place):
        link = dial(place, _TIMEOUT, _TIMEOUT)
    client = Client(link)
    try:
        with explained(link, place), translated(place, client):
            found = client.negotiate(_TYPES[0], _TIMEOUT)
    finally:
        client.shut()
    if found.split(" ")[0] not in _TYPES:
        raise HostUnreachable(
            tr("The SSH server at {place} has an RSA host key alone.", place=place),
            tr("Have its administrator make another one: ssh-keygen -A"),
        )
    return found
