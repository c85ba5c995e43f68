"""Where a machine is and how to know it: the connect string and what it says."""

import base64
import binascii
import hashlib
import ipaddress
import re
import urllib.parse
from dataclasses import dataclass
from typing import Self

from colabdev.errors import BadConnectString
from colabdev.language import mark, tr

# The roads a connect string may name; how each one is taken is in `tunnels`.
ROADS = ("none", "ngrok", "cloudflared", "relay")
# What a record of ours may name besides: no cell prints it, and no stranger's string brings it.
_OWN_ROAD = "colab"


_HINT = mark("Copy the whole line the cell printed.")
_VERSION = "1"
_FIELDS = ("key", "boot", "root", "via", "v")
_RELAY_FIELDS = ("relay", "relaykey")
_MAX_LENGTH = 8192

# What `colabdev connect '...'` may look like when the whole printed line was copied.
_LINE = re.compile(
    r"(?:colabdev\s+connect\s+)?(?P<quote>['\"]?)(?P<token>\S+)(?P=quote)"
    r"(?:\s+--name\s+(?P<name>[A-Za-z0-9._-]+))?"
)
_SHAPE = re.compile(
    r"colabdev://(?P<user>[^@/?#]*)@(?P<host>\[[^]@/?#]*\]|[^:@/?#\[\]]*):(?P<port>[^@/?#:]*)"
    r"\?(?P<query>[^?#]*)"
)
_PLACE = re.compile(r"(?P<user>[^@/?#]*)@(?P<host>\[[^]@/?#]*\]|[^:@/?#\[\]]*):(?P<port>[^@/?#:]*)")
_QUICK_TUNNEL = re.compile(r"[a-z0-9-]+\.trycloudflare\.com")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_BOOT = re.compile(r"[0-9a-f]{32}")

# Bytes of a whole public key of each type (RFC 8709 section 4, RFC 5656 section 3.1).
_KEY_LENGTHS = {
    "ssh-ed25519": 51,
    "ecdsa-sha2-nistp256": 104,
    "ecdsa-sha2-nistp384": 136,
    "ecdsa-sha2-nistp521": 172,
}


@dataclass(frozen=True, slots=True)
class Relay:
    """The user's own SSH server on the way to a machine; *host_key* is ``<type> <base64>``."""

    user: str
    hostname: str
    port: int
    host_key: str

    def __str__(self) -> str:
        return _place(self.user, self.hostname, self.port)


@dataclass(frozen=True, slots=True)
class Destination:
    """An SSH endpoint: *host_key* is ``<type> <base64>``, *via* the road the tunnel takes.

    On the road ``relay`` host and port are as the *relay* sees them; on the road ``colab`` the
    hostname is the name that Google's CLI knows the runtime by. *identity* is a key file of the
    user: for the relay where there is one, else for the machine. Ours, when it is empty. No
    connect string holds it.
    """

    user: str
    hostname: str
    port: int
    host_key: str
    via: str = "none"
    relay: Relay | None = None
    identity: str = ""

    def __str__(self) -> str:
        """Return ``user@host:port``, an IPv6 address in brackets."""
        return _place(self.user, self.hostname, self.port)


@dataclass(frozen=True, slots=True)
class ConnectString:
    """All that a laptop needs to know of a machine, and nothing secret.

    *boot_id* is 32 lower-case hex characters, *root* an absolute path on that machine.
    """

    destination: Destination
    boot_id: str
    root: str

    def __str__(self) -> str:
        """Return the text form, one token that is safe inside single quotes."""
        key_type, blob = self.destination.host_key.split(" ")
        fields = {
            "key": f"{_quote(key_type)}+{_quote(blob)}",
            "boot": self.boot_id,
            "root": _quote(self.root),
            "via": self.destination.via,
        }
        if relay := self.destination.relay:
            key_type, blob = relay.host_key.split(" ")
            fields["relay"] = str(relay)
            fields["relaykey"] = f"{_quote(key_type)}+{_quote(blob)}"
        fields["v"] = _VERSION
        query = "&".join(f"{name}={value}" for name, value in fields.items())
        return f"colabdev://{self.destination}?{query}"

    @classmethod
    def parse(cls, text: str, *, own: bool = False) -> Self:
        """Read *text*: a connect string, or the whole ``colabdev connect '...'`` line.

        With *own* it is one that this computer wrote down, which may name the road ``colab``.

        Raises:
            BadConnectString: it is malformed, cut off, or of a version or road unknown here.
        """
        match = _SHAPE.fullmatch(_token(text))
        if match is None:
            raise BadConnectString(
                tr(
                    "This connect string is cut off or damaged: it does not read "
                    "colabdev://USER@HOST:PORT?key=...&boot=...&root=...&via=...&v=1."
                ),
                tr(_HINT),
            )
        fields = _fields(match["query"])
        user, host, port = _endpoint(match)
        if not _BOOT.fullmatch(fields["boot"]):
            raise _bad(tr("boot id"), fields["boot"])
        via = _OWN_ROAD if own and fields["via"] == _OWN_ROAD else _via(fields["via"])
        relay = _relay(fields) if via == "relay" else None
        _check_end(via, host, port)
        destination = Destination(user, host, port, _host_key(fields["key"]), via, relay)
        return cls(destination, fields["boot"], _root(fields["root"]))


def parse_connect_string(text: str) -> ConnectString:
    """Read *text* as `ConnectString.parse` does."""
    return ConnectString.parse(text)


def check_host_key(text: str) -> str:
    """Return *text* if it is a whole public key ``<type> <base64>`` of a type that we pin.

    Raises:
        BadConnectString: it is not.
    """
    return _host_key(text)


def named_in(text: str) -> str:
    """Return the name after ``--name`` in a whole line that a cell printed, ``""`` for none."""
    line = _LINE.fullmatch(text.strip())
    return (line["name"] or "") if line else ""


def parse_place(text: str) -> tuple[str, str, int]:
    """Return user, host and port of ``user@host[:port]``.

    Raises:
        BadConnectString: it is something else.
    """
    match = _PLACE.fullmatch(text) or _PLACE.fullmatch(f"{text}:22")
    if match is None:
        raise _bad(tr("relay"), text)
    return _endpoint(match)


def fingerprint(host_key: str) -> str:
    """Return the fingerprint of the public key ``<type> <base64>`` as OpenSSH prints it."""
    digest = hashlib.sha256(base64.b64decode(host_key.split(" ")[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _token(text: str) -> str:
    line = _LINE.fullmatch(text.strip())
    token = line["token"] if line else ""
    if not token.startswith("colabdev://"):
        raise BadConnectString(
            tr("This is no connect string: it is not one word that begins with colabdev://."),
            tr(_HINT),
        )
    if len(token) > _MAX_LENGTH:
        raise BadConnectString(
            tr(
                "This connect string is longer than {MAX_LENGTH} characters.",
                MAX_LENGTH=_MAX_LENGTH,
            ),
            tr(_HINT),
        )
    if not token.isascii() or not token.isprintable() or "'" in token or '"' in token:
        raise BadConnectString(
            tr(
                "This connect string holds a character that none of ours has: a quote, a "
                "control character or a letter beyond ASCII."
            ),
            tr(_HINT),
        )
    return token


def _fields(query: str) -> dict[str, str]:
    try:
        pairs = urllib.parse.parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except ValueError as error:
        raise BadConnectString(
            tr("The fields of this connect string are cut off or damaged."), tr(_HINT)
        ) from error
    fields = dict(pairs)
    # The version comes first: what else is strange may be right in another one.
    if fields.get("v", _VERSION) != _VERSION:
        raise BadConnectString(
            tr(
                "This connect string is of version {fields}, and this colabdev knows "
                "version {VERSION}.",
                fields=_shown(fields["v"]),
                VERSION=_VERSION,
            ),
            tr("Update colabdev, or render the cell anew with 'colabdev cell'."),
        )
    if len(fields) < len(pairs):
        raise BadConnectString(tr("A field of this connect string stands there twice."), tr(_HINT))
    wanted = (*_FIELDS, *_RELAY_FIELDS) if fields.get("via") == "relay" else _FIELDS
    if unknown := [name for name in fields if name not in wanted]:
        raise BadConnectString(
            tr("This connect string has an unknown field {unknown}.", unknown=_shown(unknown[0])),
            tr(_HINT),
        )
    if missing := [name for name in wanted if name not in fields]:
        raise BadConnectString(
            tr(
                "This connect string is cut off: the field '{missing}' is missing.",
                missing=missing[0],
            ),
            tr(_HINT),
        )
    return fields


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            # A zone (fe80::1%eth0) is a place on somebody else's machine, and '%' a token of ssh.
            return str(ipaddress.IPv6Address(text[1:-1] if "%" not in text else ""))
        except ValueError as error:
            raise _bad(tr("host"), text) from error
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in text.split(".")):
        raise _bad(tr("host"), text)
    return text


def _host_key(text: str) -> str:
    key_type, _, encoded = text.partition(" ")
    expected = _KEY_LENGTHS.get(key_type)
    if expected is None:
        raise _bad(tr("host key's type"), key_type)
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadConnectString(
            tr("The host key in this connect string is no base64."), tr(_HINT)
        ) from error
    name = len(key_type).to_bytes(4, "big") + key_type.encode()
    if not blob.startswith(name):
        raise BadConnectString(
            tr(
                "The host key in this connect string is damaged: it is no {key_type} key inside.",
                key_type=key_type,
            ),
            tr(_HINT),
        )
    if len(blob) != expected or base64.b64encode(blob).decode() != encoded:
        raise BadConnectString(
            tr(
                "The host key in this connect string is cut off or damaged: it has "
                "{blob} bytes, and a {key_type} key has {expected}.",
                blob=len(blob),
                key_type=key_type,
                expected=expected,
            ),
            tr(_HINT),
        )
    return f"{key_type} {encoded}"


def _root(text: str) -> str:
    parts = text.split("/")
    if not text.startswith("/") or not text.isprintable() or len(text) > 1024 or ".." in parts:
        raise _bad(tr("workspace root"), text)
    return text


def _endpoint(match: re.Match[str]) -> tuple[str, str, int]:
    user, port = match["user"], match["port"]
    if not _USER.fullmatch(user):
        raise _bad(tr("user name"), user)
    if not _PORT.fullmatch(port) or int(port) > 65535:
        raise _bad(tr("port"), port)
    return user, _host(match["host"]), int(port)


def _via(text: str) -> str:
    if text not in ROADS:
        raise _bad(tr("tunnel"), text)
    return text


def _relay(fields: dict[str, str]) -> Relay:
    match = _PLACE.fullmatch(fields["relay"])
    if match is None:
        raise _bad(tr("relay"), fields["relay"])
    return Relay(*_endpoint(match), _host_key(fields["relaykey"]))


def _check_end(via: str, host: str, port: int) -> None:
    """Hold each road to where it can lead: neither to another site nor into a relay's network."""
    if via == "cloudflared" and not (_QUICK_TUNNEL.fullmatch(host) and port == 443):
        raise _bad(tr("cloudflared address"), f"{host}:{port}")
    if via == _OWN_ROAD and not _LABEL.fullmatch(host):
        raise _bad(tr("runtime's name"), host)
    if via == "relay" and host not in ("127.0.0.1", "::1"):
        raise _bad(tr("address on the relay"), host)


def _bad(what: str, value: str) -> BadConnectString:
    return BadConnectString(
        tr(
            "The {what} in this connect string is not a valid one: {value}.",
            what=what,
            value=_shown(value),
        ),
        tr(_HINT),
    )


def _place(user: str, hostname: str, port: int) -> str:
    host = f"[{hostname}]" if ":" in hostname else hostname
    return f"{user}@{host}:{port}"


def _quote(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")
