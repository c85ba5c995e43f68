"""``colabdev connect --direct``: any machine with an SSH server, without a cell."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from colabdev import paths
from colabdev.commands.connect import Connection, connect_to
from colabdev.commands.reporter import Reporter
from colabdev.errors import BadConnectString, InputError, LoginRefused, ProtocolError
from colabdev.language import tr
from colabdev.remote.destination import ConnectString, Destination, fingerprint
from colabdev.remote.frames import Conversation
from colabdev.remote.program import program
from colabdev.remote.runtime import check_alias
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.ssh.scan import scan
from colabdev.remote.sshkey import ensure_key
from colabdev.remote.transport import Transport

_PLACE = re.compile(r"(?P<user>[^@]+)@(?P<host>\[[^]]+\]|[^:]+)(?::(?P<port>[0-9]{1,5}))?")
_NO_LIFE = "0" * 32


def connect_direct(
    place: str,
    alias: str,
    reporter: Reporter,
    *,
    trust: Callable[[str], bool],
    host_key: str = "",
    identity: str = "",
    stable: bool = False,
) -> Connection:
    """Log in to *place* (``user@host[:port]``) and record the machine as *alias*.

    Its host key is *host_key* (a fingerprint, or ``<type> <base64>``); without one *trust* is asked
    whether the fingerprint that it is given is the machine's. *identity* is a key file to log in
    with, ours without one.

    Raises:
        InputError: *place* is none, or nobody vouches for the host key.
        TransportError: the machine cannot be reached, is another one, or refuses the key.
    """
    check_alias(alias)
    there = _destination(place, "ssh-ed25519 ")
    with reporter.step(tr("Asking {place} for its host key", place=place)):
        key = scan(there)
    _vouch(key, host_key, trust)
    own = str(Path(identity).expanduser().absolute()) if identity else ""
    there = Destination(there.user, there.hostname, there.port, key, identity=own)
    line = ensure_key()
    try:
        with (
            reporter.step(tr("Logging in to {place}", place=there)),
            SSHTransport.connect(there, paths.key_file(), wait=False) as transport,
        ):
            boot_id, root = settle(transport)
    except LoginRefused as error:
        raise LoginRefused(
            tr("{place} refuses the key.", place=there),
            tr(
                "Name a key that it knows with --identity; or put this computer's own into "
                "~/.ssh/authorized_keys there: {line}",
                line=line,
            ),
        ) from error
    where = checked(ConnectString(there, boot_id, root))
    return connect_to(where, own, alias, reporter, stable=stable)


def _destination(place: str, key: str) -> Destination:
    match = _PLACE.fullmatch(place)
    user, host = (match["user"], match["host"].strip("[]")) if match else ("", "")
    there = Destination(user, host, int((match and match["port"]) or 22), key)
    # The gate of connect strings decides what may stand in an ssh config.
    probe = Destination(user, host, there.port, _ANY_KEY)
    try:
        ConnectString.parse(str(ConnectString(probe, _NO_LIFE, "/")))
    except BadConnectString as error:
        raise InputError(
            tr("{place} is no USER@HOST or USER@HOST:PORT.", place=ascii(place)),
            tr("As in: colabdev connect --direct me@lab.example.com:22"),
        ) from error
    return there


# A key of the right shape, for reading a place before its real key is known.
_ANY_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43


def _vouch(key: str, given: str, trust: Callable[[str], bool]) -> None:
    shown = fingerprint(key)
    if given:
        known = given.split()[:2]
        if given.strip() != shown and " ".join(known) != key:
            raise InputError(
                tr("The machine's host key is {found}, not the one given.", found=shown),
                tr(
                    "Nothing was sent to it. Compare it on the machine itself: ssh-keygen -l -f ..."
                ),
            )
    elif not trust(shown):
        raise InputError(
            tr("The host key {found} was not confirmed; nothing was sent.", found=shown),
            tr(
                "If it is the machine's: colabdev connect --direct ... --host-key {found}",
                found=shown,
            ),
        )


def settle(transport: Transport) -> tuple[str, str]:
    """Return boot id and workspace of a machine that ran no cell; it remembers both from then on.

    Raises:
        ProtocolError: it answers something else.
    """
    process = transport.start(program("settle"))
    try:
        conversation = Conversation(process, "settle")
        conversation.greet()
        _, body = conversation.receive()
        answer = json.loads(body)
        return str(answer["boot_id"]), str(answer["root"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProtocolError(tr("The machine's answer cannot be read."), tr("Try again.")) from error
    finally:
        process.close()


def checked(where: ConnectString) -> ConnectString:
    """Return *where* if a record of ours may hold what the machine says; else ProtocolError."""
    try:
        ConnectString.parse(str(where), own=True)
    except BadConnectString as error:
        raise ProtocolError(
            tr("The machine names a workspace or a life that cannot be."),
            tr("Remove ~/.colabdev/runtime.json there and connect again."),
        ) from error
    return where
