"""The user's ssh config: what is not ours survives byte for byte, whatever it is."""

import os
import random
import subprocess

import pytest

from colabdev import paths
from colabdev.remote import sshconfig

COUNT = 2_000 if os.environ.get("COLABDEV_TEST_FULL") else 40
LINES = (
    "Host work", "Host *.example.com !x", "Match host foo", "Host *", "  User me", "\tPort 2222",
    "  ProxyJump bastion", "# a comment", "", "   ", "IdentityFile ~/.ssh/id rsa", "  HostName=h",
    "  ServerAliveInterval 7", "Include other.d/*", "# Include nothing", "Host 김철수",
    "AddressFamily any", '  SetEnv A="b c"', "Compression yes", "  SendEnv LANG LC_*",
)  # fmt: skip


def _config(chance: random.Random) -> bytes:
    newline = chance.choice(("\n", "\n", "\r\n"))
    lines = [chance.choice(LINES) for _ in range(chance.randint(0, 14))]
    text = newline.join(lines) + chance.choice(("", newline, newline * 2))
    noise = bytes(chance.randrange(128, 256) for _ in range(chance.choice((0, 0, 5))))
    return text.encode() + (b"\n# " + noise if noise else b"")


@pytest.mark.parametrize("host", ["work", "a.example.com"])
def test_generated_configs_survive(host: str) -> None:
    """In, and out again: every byte is as it was; meanwhile ssh does for others as before."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    config = paths.user_ssh_config()
    config.parent.mkdir(mode=0o700)
    for _ in range(COUNT // 2):
        before = _config(chance)
        config.write_bytes(before)
        config.chmod(0o600)
        meant = _read_by_ssh(host)
        assert sshconfig.ensure_include()
        assert config.read_bytes().split(b"\n", 1)[1] == before
        assert _read_by_ssh(host) == meant
        assert sshconfig.remove_include()
        after = config.read_bytes() if config.exists() else b""
        assert after == before


def _read_by_ssh(host: str) -> tuple[int, str]:
    asked = subprocess.run(
        ["ssh", "-G", "-F", paths.user_ssh_config(), host],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.returncode, asked.stdout
