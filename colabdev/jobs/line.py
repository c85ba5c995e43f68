"""The line to a runtime, dialled anew whenever it breaks."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self, TypeVar

from colabdev.errors import (
    ConnectionLost,
    HostUnreachable,
    InputError,
    LoginRefused,
    RuntimeForgotten,
    RuntimeGone,
    TransportError,
)
from colabdev.jobs.client import boot_id
from colabdev.jobs.job import RECONNECT_FOR
from colabdev.language import tr
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Transport

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
_GLANCE = 0.5  # seconds between looks at the registry while it waits
_LONGEST_ROUND = 120.0  # what one round can take while the laptop is awake

_Value = TypeVar("_Value")


class Line:
    """The connection to *runtime* that begins as *transport*.

    Each time it breaks the registry is asked where the runtime is by now, for a ``connect`` in
    another terminal may have moved it. A stranger at an old address counts as moved: nothing is
    sent there. Several threads may use a line; the first that finds it broken mends it for all.

    *patience* is how many seconds awake it is dialled in vain, by *clock*, which may leap while the
    laptop sleeps; 0 never dials again.
    """

    def __init__(
        self,
        runtime: Runtime,
        transport: Transport,
        *,
        patience: float = RECONNECT_FOR,
        dial: Callable[[Runtime], Transport] = reach,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runtime = runtime
        self.broken_since: float | None = None  # seconds since 1970, None while it holds
        self._first = self._transport = transport
        self._patience = patience
        self._dial = dial
        self._clock = clock
        self._over: Exception | None = None
        self._left = threading.Event()
        self._mending = threading.Lock()
        self._swapping = threading.Lock()

    def persist(self, call: Callable[[Transport], _Value]) -> _Value:
        """Return what *call* does with the connection, called anew each time that breaks.

        Raises:
            ConnectionLost: it could not be mended in time, or the line was closed.
            LoginRefused: the machine is there and does not take the key any more.
            RuntimeGone: another machine has the runtime's name by now, or none has.
            ColabdevError: whatever *call* raises besides.
        """
        while True:
            transport = self._transport
            try:
                return call(transport)
            except TransportError as error:
                self._mend(transport, error)

    def close(self) -> None:
        """Wait for nothing more, and end what was dialled; the first transport is not ours."""
        self._left.set()
        with self._swapping:
            transport = self._transport
        if transport is not self._first:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _mend(self, broken: Transport, error: TransportError) -> None:
        with self._mending:
            if self._transport is not broken:
                return  # another thread has mended it meanwhile
            if self._over:
                raise self._over
            if self.runtime.destination is None or not self._patience or self._left.is_set():
                raise error
            self.broken_since = time.time()
            broken.close()
            try:
                self._redial()
            except Exception as final:
                self._over = final
                raise
            self.broken_since = None

    def _redial(self) -> None:
        """Dial until it answers or patience ends.

        Each round counts for no longer than one can last: while a laptop sleeps it does not try.
        """
        spent = 0.0
        error: TransportError | None = None
        for pause in _pauses():
            begun = self._clock()
            self._wait(pause)
            if self._left.is_set():
                raise ConnectionLost(
                    tr("The connection to {alias} was given up.", alias=self.runtime.alias)
                )
            try:
                self._take(self._dialled())
            except LoginRefused:
                raise
            except TransportError as failed:
                error = failed
            else:
                return
            spent += min(self._clock() - begun, _LONGEST_ROUND)
            if spent > self._patience:
                break
        alias, minutes = self.runtime.alias, _minutes(self._patience)
        raise ConnectionLost(
            tr(
                "{alias} did not come back within {minutes}: {message}",
                alias=alias,
                minutes=minutes,
                message=error.message,
            )
            if error
            else tr("{alias} did not come back within {minutes}.", alias=alias, minutes=minutes)
        ) from error

    def _wait(self, pause: float) -> None:
        """Wait for *pause* seconds, or until the runtime has another address."""
        deadline = time.monotonic() + pause
        while (left := deadline - time.monotonic()) > 0:
            if self._left.wait(min(left, _GLANCE)):
                return
            if self._looked_up().destination != self.runtime.destination:
                return

    def _looked_up(self) -> Runtime:
        alias = self.runtime.alias
        try:
            known = Registry().get(alias)
        except InputError as error:
            raise RuntimeForgotten(
                tr("The runtime {alias} was forgotten while its job was listened to.", alias=alias),
                tr("The job goes on. Connect again with the string that the cell prints."),
            ) from error
        if known.boot_id != self.runtime.boot_id:
            raise _gone(alias)
        return known

    def _dialled(self) -> Transport:
        self.runtime = self._looked_up()
        if self.runtime.destination is None:
            raise HostUnreachable(tr("{alias} has no address any more.", alias=self.runtime.alias))
        transport = self._dial(self.runtime)
        try:
            told = boot_id(transport)
        except BaseException:
            transport.close()
            raise
        if told in ("", self.runtime.boot_id):
            return transport
        transport.close()
        raise _gone(self.runtime.alias)

    def _take(self, transport: Transport) -> None:
        with self._swapping:
            if not self._left.is_set():
                self._transport = transport
                return
        transport.close()
        raise ConnectionLost(
            tr("The connection to {alias} was given up.", alias=self.runtime.alias)
        )


def _pauses() -> Iterator[float]:
    """Yield how long to wait before each attempt: longer and longer, and never in step."""
    import random  # for a broken line alone

    for attempt in itertools.count():
        longest = min(_FIRST_PAUSE * 2 ** min(attempt, 10), _LONGEST_PAUSE)
        yield random.uniform(longest / 2, longest)  # noqa: S311 - jitter, no secret


def _gone(alias: str) -> RuntimeGone:
    return RuntimeGone(
        tr(
            "{alias} is another machine by now: the one that ran the job is gone, "
            "and so is the job.",
            alias=alias,
        ),
        tr("What had come back is kept: colabdev results show last"),
    )


def _minutes(seconds: float) -> str:
    if seconds >= 120:
        return tr("{number} minutes", number=round(seconds / 60))
    return tr("{number} seconds", number=round(seconds))
