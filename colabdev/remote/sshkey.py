"""The laptop's own SSH key, one for all runtimes."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from colabdev import paths
from colabdev.errors import ConfigError, system_says
from colabdev.language import tr
from colabdev.remote.acl import keep_private
from colabdev.store import locked, private_dir, write_atomic


def ensure_key() -> str:
    """Make the laptop's ed25519 key pair unless it is there, and return its public line.

    The private half is `paths.key_file` (OpenSSH format, 0600), the public half stands beside it.

    Raises:
        ConfigError: the key that is there cannot be used, or none can be written.
    """
    path = paths.key_file()
    keep_private(private_dir(path.parent))
    with locked(path):
        if path.exists():
            key = _load(path)
        else:
            key = Ed25519PrivateKey.generate()
            write_atomic(
                path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
            )
        encoded = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        line = f"{encoded.decode()} colabdev"
        public = path.with_name(f"{path.name}.pub")
        if not public.exists() or public.read_bytes() != line.encode() + b"\n":
            write_atomic(public, line.encode() + b"\n")
    return line


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        path.chmod(0o600)
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise _unusable(path, system_says(error)) from error
    except TypeError as error:
        raise _unusable(path, tr("it has a passphrase")) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(path, tr("it is damaged")) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(path, tr("it is no ed25519 key"))
    return key


def _unusable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        tr("The key {path} cannot be used: {reason}.", path=path, reason=reason),
        tr("Move it aside, render the cell anew with 'colabdev cell', and run that one."),
    )
