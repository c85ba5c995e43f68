"""paramiko's connection with what it lacks: exit signals, and keep-alives that want an answer."""

import contextlib
import logging
import socket
from collections.abc import Sequence
from typing import Any  # paramiko comes without types

import paramiko  # type: ignore[import-untyped]  # it ships no types
from paramiko import common as wire

from colabdev.remote.dial import KEEPALIVES_UNANSWERED
from colabdev.remote.ssh.meter import Meter

# paramiko logs the traceback of every broken connection; without a handler that ends on stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

# The signals that SSH has names for (RFC 4254 section 6.10), with Linux's numbers.
_SIGNALS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ILL": 4,
    "ABRT": 6,
    "FPE": 8,
    "KILL": 9,
    "USR1": 10,
    "SEGV": 11,
    "USR2": 12,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
}


class Client(paramiko.Transport):  # type: ignore[misc]  # untyped, see the import
    """An SSH connection over *link*, whose bytes are counted as those of the road *via*.

    It leans on names of paramiko that are not documented (its two tables of message handlers, the
    packetizer's keep-alive, `_send_message`); the tests of the transport fail when one goes.
    """

    def __init__(self, link: socket.socket, via: str = "none") -> None:
        self.meter = Meter(link, via)
        super().__init__(self.meter)
        self._closed_there: set[int] = set()  # the server's numbers of channels that we closed
        self._unanswered = 0
        self._received = 0  # bytes, when the last sign of life was asked for
        for reply in (wire.MSG_REQUEST_SUCCESS, wire.MSG_REQUEST_FAILURE):
            self._handler_table[reply] = self._answered

    def negotiate(self, host_key: str, timeout: float) -> str:
        """Agree on keys and return the machine's host key, proved; nobody is logged in yet.

        A machine that has several keys shows one of the type of *host_key*.
        """
        options = self.get_security_options()
        # The fastest at both ends (it needs no separate MAC); paramiko lists it last.
        options.ciphers = _first("aes128-gcm@openssh.com", options.ciphers)
        options.key_types = _first(host_key.split(" ")[0], options.key_types)
        self.banner_timeout = self.handshake_timeout = timeout
        self.start_client(timeout=2 * timeout)
        if not self.initial_kex_done:  # start_client returns as if all were well
            raise TimeoutError
        key = self.get_remote_server_key()
        return f"{key.get_name()} {key.get_base64()}"

    def login(self, user: str, key: paramiko.PKey, timeout: float) -> None:
        """Log in as *user* with *key* and nothing else: no agent, no other file, no password."""
        self.auth_timeout = timeout
        self.channel_timeout = timeout
        self.auth_publickey(user, key)

    def watch(self, interval: float) -> None:
        """Ask for a sign of life every *interval* seconds; end when there is none."""
        self.packetizer.set_keepalive(interval, self._beat)

    def ask(self) -> None:
        """Ask for a sign of life now; whatever arrives is one."""
        self._send_user_message(_sign_of_life())

    def shut(self) -> None:
        """Close the connection, wait for its thread, and account for what it carried."""
        with contextlib.suppress(OSError):  # the thread waits in a read, for a tenth of a second
            self.sock.shutdown(socket.SHUT_RDWR)
        self.close()
        self.sock.close()
        if self.is_alive():
            self.join(timeout=2)
        self.meter.note()

    def _send_message(self, data: Any) -> None:
        """Send *data*, but nothing for a channel whose CLOSE has been sent (RFC 4254, 5.3).

        paramiko lets a writer slip by that was just about to send when the far side closed, and
        sshd ends the whole connection for that. Messages of channels come one at a time.
        """
        text = data.asbytes()
        if wire.MSG_CHANNEL_WINDOW_ADJUST <= text[0] <= wire.MSG_CHANNEL_REQUEST:
            number = int.from_bytes(text[1:5], "big")
            if number in self._closed_there:
                if all(
                    one.closed or one.remote_chanid != number for one in self._channels.values()
                ):
                    return
                self._closed_there.discard(number)  # a new channel has it by now
            if text[0] == wire.MSG_CHANNEL_CLOSE:
                self._closed_there.add(number)
        super()._send_message(data)

    def _beat(self) -> None:
        # Whatever arrives is a sign of life: on a slow link the answer waits behind other data.
        if (received := self.meter.carried.received) != self._received:
            self._received, self._unanswered = received, 0
        if self._unanswered >= KEEPALIVES_UNANSWERED:
            raise EOFError  # ends the connection's thread, in which this runs
        if not self.clear_to_send.is_set():  # keys are being changed: nothing else may pass now
            return
        self._unanswered += 1
        self._send_message(_sign_of_life())

    def _answered(self, _message: Any) -> None:
        self._unanswered = 0


def _sign_of_life() -> paramiko.Message:
    message = paramiko.Message()
    message.add_byte(wire.cMSG_GLOBAL_REQUEST)
    message.add_string("keepalive@openssh.com")
    message.add_boolean(True)
    return message


def _channel_request(channel: Any, message: Any) -> None:
    """Note an exit by signal, which paramiko leaves out, and hand every other request to it."""
    if message.get_text() == "exit-signal":
        message.get_boolean()
        channel.exit_status = 128 + _SIGNALS.get(message.get_text(), 0)
        channel.status_event.set()
        return
    message.rewind()
    message.get_int()  # the channel's number, which paramiko had read
    channel._handle_request(message)


Client._channel_handler_table = {
    **paramiko.Transport._channel_handler_table,
    wire.MSG_CHANNEL_REQUEST: _channel_request,
}


def _first(wanted: str, offered: Sequence[str]) -> Sequence[str]:
    return (wanted, *(name for name in offered if name != wanted))
