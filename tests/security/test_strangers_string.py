"""A connect string from a stranger: whatever it holds, the laptop runs and writes nothing."""

import os
import random
import re
import string
import subprocess
from pathlib import Path

from colabdev import paths
from colabdev.errors import BadConnectString
from colabdev.remote import sshconfig
from colabdev.remote.destination import ConnectString, Destination, Relay, parse_connect_string
from colabdev.remote.runtime import Runtime
from tests.remote.keys import fresh_ed25519

FULL = bool(os.environ.get("COLABDEV_TEST_FULL"))
COUNT = 100_000 if FULL else 3_000
SAMPLE = 500 if FULL else 40  # of the accepted, shown to the real ssh

BOOT = "0123456789abcdef0123456789abcdef"
BITS = (
    "%0A", "%00", "%25h", "%20", "\n", "'", '"', "\\", "`id`", "$(id)", ";id", "|id", "&id",
    "-oProxyCommand=id", "ProxyCommand", "%0AProxyCommand id", "..", "%2e%2e", "//", "@", ":", "[",
    "]", "::1", "%1b[2J", "v=2", "&v=1", "via=colab", "via=relay", "&relay=a@b:1", "%", "#", "?",
    "\u202e", "\x1b", "é", "A" * 300, "0", "65536", "-", "_", "=", "+", "%2B", "*", "!",
)  # fmt: skip


def _originals() -> list[str]:
    relay = Relay("me", "relay.example.com", 22, fresh_ed25519())
    key = fresh_ed25519()
    roads = (
        Destination("root", "0.tcp.ngrok.io", 12345, key, "ngrok"),
        Destination("root", "::1", 22, key, "none"),
        Destination("root", "a-b.trycloudflare.com", 443, key, "cloudflared"),
        Destination("root", "127.0.0.1", 40001, key, "relay", relay),
    )
    return [str(ConnectString(there, BOOT, "/content")) for there in roads]


def _mutant(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice((0, 0, 1, 1, 2, 20)))
        put = chance.choice((chance.choice(BITS), chance.choice(string.printable), ""))
        text = text[:at] + put + text[end:]
    return text


def _effective(block: str, folder: Path) -> dict[str, str]:
    config = folder / "config"
    config.write_text(block)
    asked = subprocess.run(
        ["ssh", "-G", "-F", config, "colab"], capture_output=True, text=True, check=True
    )
    return dict(line.partition(" ")[::2] for line in asked.stdout.splitlines())


def test_mutants(folder: Path) -> None:
    """Each mutant is refused in a sentence, or is a block whose every line is one of ours.

    The real ssh reads a sample of the blocks: the pinned options hold, and no command is there but
    that of the road.
    """
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    originals = _originals()
    keywords = {
        line.split()[0] for text in originals for line in _block(parse_connect_string(text))
    }
    accepted: list[ConnectString] = []
    refusals: list[BadConnectString] = []
    for _ in range(COUNT):
        text = _mutant(chance.choice(originals), chance)
        try:
            parsed = parse_connect_string(text)
        except BadConnectString as error:
            refusals.append(error)
            continue
        assert parse_connect_string(str(parsed)) == parsed, ascii(text)
        for line in _block(parsed):
            assert line.split()[0] in keywords, ascii(text)
            assert line.isprintable(), ascii(text)
            if line.startswith("ProxyCommand"):
                assert re.fullmatch(
                    r"ProxyCommand (none|\S*cloudflared access tcp --hostname %h)", line
                )
        accepted.append(parsed)
    assert all(error.message.isprintable() and error.hint for error in refusals)
    assert accepted, "no mutant survived: this proves nothing"
    for parsed in chance.sample(accepted, min(SAMPLE, len(accepted))):
        found = _effective("\n".join(_block(parsed)), folder)
        assert found["stricthostkeychecking"] == "true"
        assert found["userknownhostsfile"] == str(paths.known_hosts_file())
        assert found["hostname"] == parsed.destination.hostname.lower()
        assert "localcommand" not in found
        assert "remotecommand" not in found


def _block(parsed: ConnectString) -> list[str]:
    runtime = Runtime("colab", parsed.destination, parsed.boot_id, parsed.root, "")
    lines = sshconfig.render_block(runtime, platform="linux").splitlines()
    return [line.strip() for line in lines if line.strip()]
