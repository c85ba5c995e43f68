"""The connect string: it says what was meant, and nothing else gets through."""

import base64
import re
import string
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colabdev.errors import BadConnectString
from colabdev.remote.destination import (
    ConnectString,
    Destination,
    Relay,
    fingerprint,
    named_in,
    parse_connect_string,
)
from tests.remote.keys import fresh_ecdsa, fresh_ed25519

KEY = fresh_ed25519()
BOOT = "0123456789abcdef0123456789abcdef"
GOOD = ConnectString(Destination("root", "0.tcp.ngrok.io", 12345, KEY, "ngrok"), BOOT, "/content")
TEXT = str(GOOD)

RELAY = Relay("me", "relay.example.com", 2222, fresh_ed25519())
RELAYED = str(
    ConnectString(Destination("root", "127.0.0.1", 40001, KEY, "relay", RELAY), BOOT, "/content")
)

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
ROOTS = (
    st.text(alphabet=string.printable + "김철수é'\"%+&=#?/ ", max_size=40)
    .map(lambda text: "/" + "".join(letter for letter in text if letter.isprintable()))
    .filter(lambda text: ".." not in text.split("/"))
)
ED25519 = st.binary(min_size=32, max_size=32).map(
    lambda raw: "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + raw).decode()
)
STRINGS = st.builds(
    ConnectString,
    st.builds(
        Destination,
        user=st.from_regex(r"[a-z_][a-z0-9_.-]{0,31}", fullmatch=True),
        hostname=HOSTS,
        port=st.integers(1, 65535),
        host_key=ED25519,
        via=st.sampled_from(["none", "ngrok"]),
    ),
    boot_id=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    root=ROOTS,
)


@settings(deadline=None)
@given(STRINGS)
def test_round_trip(connect_string: ConnectString) -> None:
    """What was printed is what is read, in the bare form and in the forms people paste."""
    text = str(connect_string)
    assert parse_connect_string(text) == connect_string
    assert parse_connect_string(f"  colabdev connect '{text}'\n") == connect_string
    assert parse_connect_string(f'"{text}"') == connect_string
    line = f"colabdev connect '{text}' --name gpu-2"
    assert (parse_connect_string(line), named_in(line)) == (connect_string, "gpu-2")
    assert named_in(text) == ""


@settings(deadline=None)
@given(STRINGS)
def test_one_shell_safe_token(connect_string: ConnectString) -> None:
    """Whatever the fields hold, the text form is one word of plain characters."""
    assert re.fullmatch(r"[A-Za-z0-9:/@\[\].?&=%+_~-]+", str(connect_string))


@settings(deadline=None)
@given(STRINGS, st.data())
def test_no_mutation_reaches_a_config(connect_string: ConnectString, data: st.DataObject) -> None:
    """A string with a spoilt character is refused, or reads as one whose parts are all safe."""
    text = str(connect_string)
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.text(min_size=0, max_size=3))
    try:
        parsed = parse_connect_string(text[:at] + put + text[at + 1 :])
    except BadConnectString:
        return
    destination = parsed.destination
    for part in (destination.user, destination.hostname, destination.host_key.split(" ")[1]):
        assert re.fullmatch(r"[A-Za-z0-9_.:/+=-]+", part)
        assert not part.startswith("-")
    assert 1 <= destination.port <= 65535
    assert destination.via in ("none", "ngrok")
    assert parsed.root.startswith("/")
    assert parsed.root.isprintable()
    assert parse_connect_string(str(parsed)) == parsed


@settings(deadline=None)
@given(st.integers(0, len(TEXT) - 1))
def test_every_truncation_is_refused(length: int) -> None:
    """A string that lost its end is refused, wherever it was cut."""
    with pytest.raises(BadConnectString):
        parse_connect_string(TEXT[:length])


@settings(deadline=None)
@given(st.text(max_size=200))
@example("colabdev://")
@example("colabdev://@:?")
@example("colabdev connect")
@example("'colabdev://x")
@example("\ud800")
def test_any_text_is_answered(text: str) -> None:
    """No text whatsoever ends in anything but a value or our own sentence."""
    with pytest.raises(BadConnectString):
        parse_connect_string(text)


def _with(**changes: str) -> str:
    fields = dict(field.split("=", 1) for field in TEXT.partition("?")[2].split("&"))
    fields.update(changes)
    query = "&".join(f"{name}={value}" for name, value in fields.items() if value != "<gone>")
    return f"{TEXT.partition('?')[0]}?{query}"


ENCODED = KEY.split(" ")[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no connect string"),
        ("ssh root@host", "no connect string"),
        ("https://0.tcp.ngrok.io:12345", "no connect string"),
        (TEXT.replace("root@", ""), "cut off or damaged"),
        (TEXT.replace(":12345", ""), "cut off or damaged"),
        (TEXT.replace(":12345", ":0"), "port"),
        (TEXT.replace(":12345", ":65536"), "port"),
        (TEXT.replace(":12345", ":+22"), "port"),
        (TEXT.replace(":12345", ":٢٢"), "beyond ASCII"),
        (TEXT.replace("root@", "-oProxyCommand@"), "user name"),
        (TEXT.replace("root@", "a b@"), "no connect string"),
        (TEXT.replace("root@", "%25r@"), "user name"),
        (TEXT.replace("0.tcp.ngrok.io", "-oProxyCommand"), "host"),
        (TEXT.replace("0.tcp.ngrok.io", "%25h"), "host"),
        (TEXT.replace("0.tcp.ngrok.io", "a..b"), "host"),
        (TEXT.replace("0.tcp.ngrok.io", "x" * 64), "host"),
        (TEXT.replace("0.tcp.ngrok.io", "[fe80::1%25eth0]"), "host"),
        (TEXT.replace("0.tcp.ngrok.io", "[::1"), "cut off or damaged"),
        (_with(v="2"), "version '2'"),
        (_with(v="2", later="x", via="carrier-pigeon"), "version '2'"),
        (_with(v=""), "version ''"),
        (_with(v="<gone>"), "'v' is missing"),
        (_with(key="<gone>"), "'key' is missing"),
        (_with(command="rm"), "unknown field 'command'"),
        (TEXT + "&v=1", "twice"),
        (TEXT + "&boot=" + BOOT, "twice"),
        (_with(via="carrier-pigeon"), "tunnel"),
        (_with(via="cloudflared"), "cloudflared address"),
        (_with(via="relay"), "'relay' is missing"),
        (_with(via="colab"), "tunnel"),
        (RELAYED.replace("127.0.0.1", "10.0.0.1"), "address on the relay"),
        (RELAYED.replace("me@", "-oProxyCommand@"), "user name"),
        (RELAYED.replace("&relay=me@", "&relay="), "relay"),
        (_with(relay="me@h:22"), "unknown field 'relay'"),
        (_with(boot=BOOT.upper()), "boot id"),
        (_with(boot=BOOT[:-1]), "boot id"),
        (_with(root="content"), "workspace root"),
        (_with(root="%2Fa%2F..%2Fb"), "workspace root"),
        (_with(root="%2Fa%0Ab"), "workspace root"),
        (_with(root="%2Fa%1B[2J"), "workspace root"),
        (_with(root="%FF"), "damaged"),
        (_with(key="ssh-dss+AAAA"), "type"),
        (_with(key="ssh-ed25519"), "damaged"),
        (_with(key="ssh-ed25519+A%21AA"), "no base64"),
        (_with(key=f"ssh-ed25519+{ENCODED[:40].replace('+', '%2B')}"), "cut off or damaged"),
        (_with(key=f"ecdsa-sha2-nistp256+{ENCODED.replace('+', '%2B')}"), "no ecdsa"),
    ],
)
def test_says_what_is_wrong(text: str, says: str) -> None:
    """Each defect has a sentence that names it, and the step that mends it."""
    with pytest.raises(BadConnectString) as caught:
        parse_connect_string(text)
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_other_host_keys(curve: ec.EllipticCurve) -> None:
    """A machine whose host key is ECDSA is understood as well."""
    parsed = ConnectString(Destination("root", "h", 22, fresh_ecdsa(curve)), BOOT, "/")
    assert parse_connect_string(str(parsed)) == parsed


def test_a_relay_comes_through() -> None:
    """A connect string over a relay says where that is and which key it has."""
    parsed = parse_connect_string(RELAYED)
    assert parsed.destination.relay == RELAY
    assert str(parsed) == RELAYED


def test_cell_writes_the_blank_as_percent_20() -> None:
    """Both ways to write a blank in a query mean the blank between key type and key."""
    assert parse_connect_string(TEXT.replace("ssh-ed25519+", "ssh-ed25519%20")) == GOOD


def test_fingerprint_is_what_ssh_keygen_prints(folder: Path) -> None:
    """The fingerprint can be compared by eye with what OpenSSH shows."""
    (folder / "key.pub").write_text(f"{KEY}\n")
    printed = subprocess.run(
        ["ssh-keygen", "-l", "-f", folder / "key.pub"], capture_output=True, text=True, check=True
    )
    assert printed.stdout.split()[1] == fingerprint(KEY)
