"""What a runtime's machine is: asked once in its life, and remembered on this computer."""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any  # facts are JSON: a mapping of anything

from colabdev import paths
from colabdev.errors import ConfigError
from colabdev.remote.host import HostFacts
from colabdev.remote.runtime import Runtime
from colabdev.store import Document

_MOST = 20  # machines come and go


def known_hardware(runtime: Runtime) -> Mapping[str, Any] | None:
    """Return what the machine of *runtime* said of itself in this life, None when it did not."""
    if runtime.destination is None:
        return None  # this machine: nothing is saved by not asking
    with contextlib.suppress(ConfigError):
        found = _document().read().get("machines")
        facts = found.get(runtime.boot_id) if isinstance(found, dict) else None
        return facts if isinstance(facts, dict) else None
    return None


def remember_hardware(facts: HostFacts) -> None:
    """Keep what a machine said; a file that cannot be written costs a question next time."""
    with contextlib.suppress(ConfigError), _document().edit() as contents:
        machines = contents.get("machines")
        machines = machines if isinstance(machines, dict) else {}
        machines.pop(facts.boot_id, None)
        machines[facts.boot_id] = asdict(facts)
        contents["machines"] = dict(list(machines.items())[-_MOST:])


def _document() -> Document:
    return Document(paths.machines_file(), version=1)
