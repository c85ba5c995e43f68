"""The login, the first channel and its command sent in one go, without waiting in between.

SSH lets a client speak on: what follows the login is read once the login is granted. paramiko waits
for four answers on that way, each a round trip through the tunnel; here the same messages leave at
once, and one round trip brings all the answers: TCP lets ten packets go before it waits for the
first acknowledgement, so that small ones are gathered. That takes names of paramiko that are not
documented: `AVAILABLE` tells whether all of them are there. Without them nothing here is used.
"""

import threading
from typing import Any  # paramiko comes without types

import paramiko  # type: ignore[import-untyped]  # it ships no types
from paramiko import common as wire
from paramiko.auth_handler import AuthHandler  # type: ignore[import-untyped]  # as above

from colabdev.remote.ssh.client import Client

# OpenSSH numbers a connection's channels from 0 on; its confirmation tells when a server does not.
_FIRST_THERE = 0

_NAMES = {
    AuthHandler: ("auth_publickey", "wait_for_response", "_request_auth", "_parse_service_accept"),
    paramiko.Channel: ("_set_transport", "_set_window"),
    paramiko.Transport: ("_next_channel", "_send_user_message"),
}
AVAILABLE = all(hasattr(owner, name) for owner, names in _NAMES.items() for name in names)


class Login(AuthHandler):  # type: ignore[misc]  # untyped, see the import
    """A login with *key* whose signed request goes right behind the request for the service."""

    def __init__(self, client: Client, user: str, key: paramiko.PKey) -> None:
        super().__init__(client)
        client.auth_handler = self
        self._answered = threading.Event()
        with client.meter.gathered():
            self.auth_publickey(user, key, self._answered)

    def wait(self) -> None:
        """Wait for the answer.

        Raises:
            AuthenticationException: the key is refused; SSHException: the connection broke.
        """
        self.wait_for_response(self._answered)

    def _request_auth(self) -> None:
        super()._request_auth()
        granted = paramiko.Message()
        granted.add_string("ssh-userauth")
        granted.rewind()
        super()._parse_service_accept(granted)  # as if the service were granted already

    def _parse_service_accept(self, message: Any) -> None:
        message.get_text()  # the request that waits for it is on its way


def open_and_run(client: Client, command: str) -> paramiko.Channel:
    """Open the first channel of *client* and run *command* in it; return before any answer."""
    number = client._next_channel()
    channel = paramiko.Channel(number)
    window, packet = client.default_window_size, client.default_max_packet_size
    client._channels.put(number, channel)
    client.channel_events[number] = threading.Event()
    client.channels_seen[number] = True
    channel._set_transport(client)
    channel._set_window(window, packet)
    opening = paramiko.Message()
    opening.add_byte(wire.cMSG_CHANNEL_OPEN)
    opening.add_string("session")
    for value in (number, window, packet):
        opening.add_int(value)
    with client.meter.gathered():
        client._send_user_message(opening)
        request_run(client, _FIRST_THERE, command)
    return channel


def request_run(client: paramiko.Transport, number: int, command: str) -> None:
    """Ask to run *command* in the server's channel *number*, and do not wait for the answer.

    A refusal ends the channel without an exit code.
    """
    request = paramiko.Message()
    request.add_byte(wire.cMSG_CHANNEL_REQUEST)
    request.add_int(number)
    request.add_string("exec")
    request.add_boolean(True)
    request.add_string(command)
    client._send_user_message(request)


def wait_until_open(client: paramiko.Transport, channel: paramiko.Channel, timeout: float) -> None:
    """Wait for the server's answer to the opening of *channel*.

    Raises:
        SSHException, EOFError: the server refuses it, or the connection broke.
    """
    number = channel.get_id()
    opened = client.channel_events.get(number)
    if opened is not None and not _wait(client, opened, timeout):
        raise client.get_exception() or EOFError()
    if client._channels.get(number) is None and not channel.active:
        raise client.get_exception() or paramiko.SSHException("The server opens no session.")


def was_missed(channel: paramiko.Channel) -> bool:
    """Return whether *channel* has another number there: the command went astray, unrun."""
    return bool(channel.remote_chanid != _FIRST_THERE)


def _wait(client: paramiko.Transport, event: threading.Event, timeout: float) -> bool:
    """Wait for *event* as long as the connection lives; False when that ended, or time is up."""
    tick = 0.1
    for _ in range(max(1, round(timeout / tick))):
        if event.wait(tick):
            return True
        if not client.is_active():
            return event.is_set()
    return False
