"""Host keys for tests that need one and no machine behind it."""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def fresh_ed25519() -> str:
    """Return a new public key as ``<type> <base64>``."""
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def fresh_ecdsa(curve: ec.EllipticCurve) -> str:
    """Return a new public key on *curve* as ``<type> <base64>``."""
    key = ec.generate_private_key(curve).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
