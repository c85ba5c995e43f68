"""What a runtime's machine is: asked once in its life, and remembered on this computer."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any  # facts are JSON: a mapping of anything

from colabdev import paths
from colabdev.commands.reporter import Reporter
from colabdev.errors import ConfigError
from colabdev.language import tr
from colabdev.remote.runtime import Runtime
from colabdev.store import Document

if TYPE_CHECKING:
    from colabdev.remote.host import HostFacts

_MOST = 20  # machines come and go
_SOON = 3600.0  # seconds


def known_hardware(runtime: Runtime) -> Mapping[str, Any] | None:
    """Return what the machine of *runtime* said of itself in this life, None when it did not."""
    if runtime.destination is None:
        return None  # this machine: nothing is saved by not asking
    with contextlib.suppress(ConfigError):
        found = _document().read().get("machines")
        facts = found.get(runtime.boot_id) if isinstance(found, dict) else None
        return facts if isinstance(facts, dict) else None
    return None


def warn_of_the_end(
    runtime: Runtime, reporter: Reporter, now: Callable[[], float] = time.time
) -> None:
    """Say so when Colab is about to end the machine of *runtime*, as far as it was seen to live.

    Nobody is asked for it: what the machine said last is on this computer.
    """
    with contextlib.suppress(ConfigError):
        ends = _document().read().get("ends")
        end = ends.get(runtime.boot_id) if isinstance(ends, dict) else None
        left = end - now() if isinstance(end, int | float) else _SOON
        if 0 < left < _SOON:  # one that lives on beyond its time has another
            minutes = int(left // 60)
            reporter.warn(
                tr(
                    "Colab ends a machine after about 12 hours: {alias} has some {minutes} minutes "
                    "left (an estimate).",
                    alias=runtime.alias,
                    minutes=minutes,
                ),
                tr("Bring back while a job runs what must not be lost: --pull 'checkpoints/*'"),
            )


def remember_hardware(facts: "HostFacts", now: Callable[[], float] = time.time) -> None:
    """Keep what a machine said; a file that cannot be written costs a question next time."""
    with contextlib.suppress(ConfigError), _document().edit() as contents:
        machines = contents.get("machines")
        machines = machines if isinstance(machines, dict) else {}
        machines.pop(facts.boot_id, None)
        machines[facts.boot_id] = asdict(facts)
        contents["machines"] = machines = dict(list(machines.items())[-_MOST:])
        ends = contents.get("ends")
        ends = dict(ends) if isinstance(ends, dict) else {}
        if facts.left_estimate is not None:
            ends[facts.boot_id] = round(now() + facts.left_estimate)
        contents["ends"] = {life: end for life, end in ends.items() if life in machines}


def _document() -> Document:
    return Document(paths.machines_file(), version=1)
