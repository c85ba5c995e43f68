"""Finding the runtime that the user's cell has just opened."""

import contextlib
import time
from collections.abc import Callable

from colabdev.commands.reporter import Reporter
from colabdev.errors import HostUnreachable, InputError
from colabdev.language import tr
from colabdev.remote.destination import fingerprint
from colabdev.remote.discovery import Found, check_forged, greets, search
from colabdev.remote.runtime import Registry, check_alias

WAIT_FOR = 600.0  # seconds
_PAUSE = 5.0


def find(
    key: str,
    name: str | None,
    reporter: Reporter,
    *,
    choose: Callable[[list[str]], str] | None = None,
    patience: float = WAIT_FOR,
    pause: float = _PAUSE,
) -> Found:
    """Return the newest runtime called *name* that answers; wait *patience* seconds for one.

    With several names and none asked for, *choose* is asked for one of them.

    Raises:
        InputError: there are several, and nobody to ask.
        HostUnreachable: there was none in time.
        HostKeyMismatch: one pretends to be a machine that is known.
    """
    deadline = time.monotonic() + patience
    with reporter.step(tr("Looking for the runtime on your ngrok account")) as step:
        living = _living(key, name)
        while not living:
            if time.monotonic() >= deadline:
                raise HostUnreachable(
                    tr("No runtime of yours is on your ngrok account."),
                    tr("Run the cell in Colab ('colabdev cell --copy'), then connect again."),
                )
            step.say(tr("Waiting for the cell to run in Colab"))
            time.sleep(pause)
            with contextlib.suppress(HostUnreachable):  # a moment's trouble ends no wait
                living = _living(key, name)
    chosen = _one(living, choose)
    _announce(chosen, reporter)
    return chosen


def _living(key: str, name: str | None) -> dict[str, Found]:
    """Return the newest endpoint of each name that an SSH server answers behind."""
    living: dict[str, Found] = {}
    known = Registry().all()
    for found in search(key):
        if name not in (None, found.name) or found.name in living:
            continue
        check_forged(found, known)
        if greets(found.where.destination):
            living[found.name] = found
    return living


def _one(living: dict[str, Found], choose: Callable[[list[str]], str] | None) -> Found:
    if len(living) == 1:
        return next(iter(living.values()))
    names = sorted(living)
    if choose is None:
        raise InputError(
            tr("Several runtimes are up: {names}.", names=", ".join(names)),
            tr("Name one: colabdev connect --name {name}", name=names[0]),
        )
    return living[choose(names)]


def _announce(found: Found, reporter: Reporter) -> None:
    check_alias(found.name)
    if any(runtime.boot_id == found.where.boot_id for runtime in Registry().all()):
        return
    reporter.done(
        tr(
            "Found {name}, a machine not seen before. Its host key is {fingerprint}.",
            name=found.name,
            fingerprint=fingerprint(found.where.destination.host_key),
        )
    )
