"""The laptop's key: made once, private from its first byte, and good for the real OpenSSH."""

import stat
import subprocess
import threading

import pytest

from colabdev import paths
from colabdev.errors import ConfigError
from colabdev.remote.sshkey import ensure_key


def test_made_once_and_private() -> None:
    """The first call makes the pair, the second returns the same; nobody else can read it."""
    line = ensure_key()
    assert ensure_key() == line
    assert line.startswith("ssh-ed25519 AAAA")
    assert line.endswith(" colabdev")
    public = paths.key_file().with_name("id_ed25519.pub")
    assert public.read_text() == f"{line}\n"
    assert stat.S_IMODE(paths.key_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.ssh_dir().stat().st_mode) == 0o700


def test_ssh_keygen_reads_it() -> None:
    """OpenSSH derives the same public half from the private one."""
    line = ensure_key()
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", paths.key_file()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert derived.stdout.split()[:2] == line.split()[:2]


def test_a_lost_public_half_comes_back() -> None:
    """The private half decides: a missing or foreign .pub is written anew, a wide mode narrowed."""
    line = ensure_key()
    public = paths.key_file().with_name("id_ed25519.pub")
    public.write_text("ssh-ed25519 AAAA somebody\n")
    paths.key_file().chmod(0o644)
    assert ensure_key() == line
    assert public.read_text() == f"{line}\n"
    assert stat.S_IMODE(paths.key_file().stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["damaged", "passphrase", "rsa", "folder"])
def test_a_key_that_cannot_be_used_is_named_and_kept(kind: str) -> None:
    """A key we cannot use is never replaced: the sentence names it and says why."""
    path = paths.key_file()
    path.parent.mkdir(parents=True)
    if kind == "damaged":
        path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    elif kind == "folder":
        path.mkdir()
    else:
        options = ["-t", "rsa", "-N", ""] if kind == "rsa" else ["-t", "ed25519", "-N", "secret"]
        subprocess.run(["ssh-keygen", "-q", *options, "-f", path], check=True)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ConfigError) as caught:
        ensure_key()
    assert str(path) in caught.value.message
    assert (path.read_bytes() if path.is_file() else None) == before


def test_two_at_once_make_one_key() -> None:
    """Callers at the same time all get the same key."""
    lines: list[str] = []
    threads = [threading.Thread(target=lambda: lines.append(ensure_key())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(lines)) == 1
    assert len(lines) == 8
