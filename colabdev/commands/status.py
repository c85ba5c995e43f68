"""``colabdev status``: which runtimes there are, and whether each one answers."""

import concurrent.futures
import enum
from dataclasses import dataclass

from colabdev.errors import ColabdevError
from colabdev.remote.host import HostFacts, host_facts
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime

_AT_ONCE = 8


class State(enum.StrEnum):
    """How a runtime was found; GONE means that a machine answers in another life than ours."""

    UP = "up"
    GONE = "gone"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Status:
    """A *runtime* as it was found; *problem* and *hint* say what is wrong when it is not up."""

    runtime: Runtime
    state: State
    facts: HostFacts | None = None
    problem: str = ""
    hint: str = ""

    def row(self) -> dict[str, str]:
        """Return the status as a line of a table, ``-`` for what is not known."""
        facts = self.facts
        gpu = facts.gpu if facts else None
        row = {
            "alias": self.runtime.alias,
            "state": self.state.value,
            "address": str(self.runtime.destination or "this machine"),
            "root": self.runtime.root,
            "python": facts.python if facts else "",
            "torch": facts.torch if facts else "",
            "gpu": f"{gpu.name} {_gib(gpu.memory)}" if gpu else "none" if facts else "",
            "disk_free": _gib(facts.disk_free) if facts else "",
            "problem": self.problem,
        }
        return {name: value or "-" for name, value in row.items()}


def status(alias: str | None = None, *, torch: bool = True) -> list[Status]:
    """Look at the runtime *alias*, or at all for None, the one connected last first.

    A runtime that does not answer is a finding, not an error. All are asked at the same time.

    Raises:
        InputError: *alias* is not known.
    """
    registry = Registry()
    runtimes = registry.all() if alias is None else [registry.get(alias)]
    if not runtimes:
        return []
    with concurrent.futures.ThreadPoolExecutor(min(_AT_ONCE, len(runtimes))) as pool:
        return list(pool.map(lambda runtime: _look(runtime, torch=torch), runtimes))


def _look(runtime: Runtime, *, torch: bool) -> Status:
    try:
        with reach(runtime) as transport:
            facts = host_facts(transport, runtime.root, torch=torch)
    except ColabdevError as error:
        return Status(runtime, State.UNREACHABLE, None, error.message, error.hint)
    if runtime.destination is not None and facts.boot_id != runtime.boot_id:
        return Status(
            runtime,
            State.GONE,
            facts,
            "The machine has been started anew: what was on it is gone.",
            "Run the cell again and connect with the string it prints.",
        )
    return Status(runtime, State.UP, facts)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
