"""The link's one SSH connection: dialled, kept, dialled anew after a cut, and lent out."""

import contextlib
import random
import threading
from typing import TYPE_CHECKING, Any  # channels are paramiko's, which comes without types

from colabdev import paths
from colabdev.errors import ColabdevError, ConnectionLost, InputError, LoginRefused
from colabdev.language import tr
from colabdev.remote.destination import ConnectString
from colabdev.remote.link.lend import LentProcess, LentTunnel
from colabdev.remote.link.spares import Spares
from colabdev.remote.program import Program
from colabdev.remote.runtime import Registry, Runtime

if TYPE_CHECKING:  # paramiko takes a while to load, and the link listens before that
    from colabdev.remote.ssh import SSHTransport

_FIRST_PAUSE = 0.5  # seconds
_LONGEST_PAUSE = 30.0
_SILENCE = 30.0  # seconds, in which keep-alives were answered twice
_SIGN = 5.0  # seconds for a sign of life


class Forgotten(Exception):
    """The registry has no such runtime any more, or the command means another one."""


class NoRoom(Exception):
    """The machine opens no further channel on this connection."""


class Trunk:
    """The connection to the runtime *alias*, wherever the registry says that it is."""

    def __init__(self, alias: str) -> None:
        self.forgotten = False
        self._alias = alias
        self._runtime: Runtime | None = None
        self._transport: SSHTransport | None = None
        self._spares: Spares | None = None
        self._sshd_port = 0
        self._stamp = -1
        self._dialling = threading.RLock()
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def wake(self) -> None:
        """Begin to dial, and from then on dial again whenever the connection breaks."""
        self._keeper.start()

    def lend(self, request: dict[str, Any]) -> LentProcess | LentTunnel:
        """Return what *request* asks for, on a channel of its own.

        Raises:
            Forgotten: the command means a machine that the registry does not name.
            NoRoom: the machine opens no further channel.
            TransportError: it cannot be reached.
        """
        with self._dialling:
            if request["connect"] != self._connect():
                self.look(anew=True)
                if request["connect"] != self._connect():
                    raise Forgotten
            transport = self._line(wanted=True)
            spares = self._spares
        assert spares is not None
        try:
            if request["do"] == "start":
                return self._started(request, transport, spares)
            port = int(request["port"]) or self._port_of_sshd(transport)
            return LentTunnel(transport.tunnel(port))
        except LoginRefused:
            with self._dialling:
                if self._transport is transport:
                    self._drop()
            raise
        except ColabdevError as error:
            if request["do"] == "start" and transport.is_full(error):
                spares.give_up()
                raise NoRoom from error
            raise

    def _started(
        self, request: dict[str, Any], transport: "SSHTransport", spares: Spares
    ) -> LentProcess:
        argv: list[str] = [str(word) for word in request.get("argv", ())]
        if "program" in request:
            name, packed, arguments = request["program"]
            argv = program = Program(str(name), str(packed), [str(word) for word in arguments])
            if (channel := spares.handed(program)) is not None:
                spares.touch()

                def again() -> Any:
                    spares.forget(program)
                    return transport.channel(program)

                return LentProcess(channel, self, again)
        channel = transport.channel(argv)
        spares.touch()
        return LentProcess(channel, self)

    def look(self, *, anew: bool = False) -> None:
        """Let go of a connection that the registry does not name any more; raise Forgotten."""
        with contextlib.suppress(OSError):
            stamp = paths.runtimes_file().stat().st_mtime_ns
            if stamp == self._stamp and not anew:
                return
            self._stamp = stamp
        before = self._connect()
        with self._dialling:
            try:
                self._runtime = Registry().get(self._alias)
            except InputError as error:
                self.forgotten = True
                raise Forgotten from error
            if before and self._connect() != before:
                self._drop()

    def lost(self) -> ConnectionLost:
        """Return the error of those whose channel the connection took with it."""
        return ConnectionLost(
            tr("The connection to {alias} broke.", alias=self._alias),
            tr("Try again. If it stays so, run the cell again and connect with what it prints."),
        )

    def account(self) -> None:
        """Note in the month's account what went through."""
        if self._transport is not None:
            self._transport.note()

    def close(self) -> None:
        """End the connection, and with it every channel."""
        self._closed.set()
        with self._dialling:
            self._drop()

    def _connect(self) -> str:
        runtime = self._runtime
        if runtime is None or runtime.destination is None:
            return ""
        return str(ConnectString(runtime.destination, runtime.boot_id, runtime.root))

    def _line(self, *, wanted: bool = False) -> "SSHTransport":
        """Return the connection, dialled when there is none; the caller holds the lock.

        One that is *wanted* now and was silent for long, as after the laptop's sleep, has to give
        a sign of life first.
        """
        silence = _SILENCE if wanted else float("inf")
        if self._transport is not None and not self._transport.is_well(silence, _SIGN):
            self._drop()
        if self._transport is None:
            from colabdev.remote.ssh import SSHTransport

            runtime = self._runtime = Registry().get(self._alias)
            assert runtime.destination is not None, "this machine needs no link"
            if self._closed.is_set():
                raise self.lost()
            self._transport = SSHTransport.connect(
                runtime.destination, paths.key_file(), wait=False
            )
            self._spares = Spares(self._transport)
        return self._transport

    def _drop(self) -> None:
        transport, self._transport = self._transport, None
        spares, self._spares = self._spares, None
        self._sshd_port = 0
        if spares is not None:
            spares.close()
        if transport is not None:
            transport.close()
        if spares is not None:
            spares.join()

    def _keep(self) -> None:
        """Dial, and dial anew after a cut: at first soon, then ever more seldom, never in step."""
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            try:
                with self._dialling:
                    self._line()
                pause = _FIRST_PAUSE
                self._closed.wait(_FIRST_PAUSE)
            except ColabdevError:
                # A stranger at the old address counts as moved: the registry tells where to.
                self._closed.wait(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, no secret
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _port_of_sshd(self, transport: "SSHTransport") -> int:
        """Return the port on which sshd listens over there, as it tells every session."""
        if not self._sshd_port:
            from colabdev.remote.transport import run

            told = run(transport, ["sh", "-c", 'printf %s "$SSH_CONNECTION"']).stdout.split()
            if len(told) != 4 or not told[3].isdigit():
                raise self.lost()
            self._sshd_port = int(told[3])
        return self._sshd_port
