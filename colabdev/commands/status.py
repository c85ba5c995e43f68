"""``colabdev status``: which runtimes there are, and whether each one answers."""

import collections
import concurrent.futures
import contextlib
import enum
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from colabdev.commands.words import word
from colabdev.errors import ColabdevError, RuntimeGone
from colabdev.language import tr
from colabdev.remote.host import HostFacts, host_facts, watch_host
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime

_AT_ONCE = 8
_DIAL_AGAIN = 30.0  # seconds


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
            "state": word(self.state.value),
            "address": str(self.runtime.destination or tr("this machine")),
            "root": self.runtime.root,
            "python": facts.python if facts else "",
            "torch": facts.torch if facts else "",
            "gpu": f"{gpu.name} {_gib(gpu.memory)}" if gpu else tr("none") if facts else "",
            "disk_free": _gib(facts.disk_free) if facts else "",
            "problem": self.problem,
        }
        return {name: value or "-" for name, value in row.items()}

    def activity(self) -> dict[str, str]:
        """Return what goes on there as a line of a table, ``-`` for what is not known."""
        facts = self.facts
        gpu = facts.gpu if facts else None
        row = {
            "alias": self.runtime.alias,
            "up": _span(facts.uptime if facts else None),
            "left": _span(facts.left_estimate if facts else None),
            "idle": _span(facts.idle_left if facts else None),
            "logins": "" if facts is None or facts.logins is None else str(facts.logins),
            "who": _who(facts) if facts else "",
            "jobs": str(len(facts.jobs)) if facts else "",
            "gpu_use": "" if gpu is None or gpu.use is None else f"{gpu.use} %",
            "gpu_power": "" if gpu is None or gpu.power is None else f"{gpu.power:.0f} W",
            "gpu_memory": _part(gpu.memory_used, gpu.memory) if gpu else "",
            "disk": _part(facts.disk_free, facts.disk_total) if facts else "",
        }
        return {name: value or "-" for name, value in row.items()}


def status(alias: str | None = None) -> list[Status]:
    """Look at the runtime *alias*, or at all for None, the one connected last first.

    A runtime that does not answer is a finding, not an error. All are asked at the same time.

    Raises:
        InputError: *alias* is not known.
    """
    runtimes = _chosen(alias)
    if not runtimes:
        return []
    with concurrent.futures.ThreadPoolExecutor(min(_AT_ONCE, len(runtimes))) as pool:
        return list(pool.map(_look, runtimes))


def watch(alias: str | None, every: float) -> Generator[list[Status], None, None]:
    """Yield what `status` returns, *every* so many seconds, until it is closed.

    Each runtime is asked once and tells on its own from then on; one that does not answer is
    dialled again after half a minute, for ngrok counts connections.

    Raises:
        InputError: *alias* is not known.
    """
    with contextlib.ExitStack() as open_lines:
        lines = [_Line(runtime, every) for runtime in _chosen(alias)]
        for line in lines:
            open_lines.callback(line.close)
        pool = open_lines.enter_context(concurrent.futures.ThreadPoolExecutor(len(lines) or 1))
        while True:
            found = list(pool.map(_Line.look, lines))
            yield found
            if all(one.facts is None for one in found):
                time.sleep(every)  # else the machines set the pace


def _chosen(alias: str | None) -> list[Runtime]:
    registry = Registry()
    return registry.all() if alias is None else [registry.get(alias)]


def _look(runtime: Runtime) -> Status:
    try:
        with reach(runtime) as transport:
            return _judged(runtime, host_facts(transport, runtime.root, torch=False))
    except ColabdevError as error:
        return _failed(runtime, error)


class _Line:
    """What *runtime* tells of itself *every* so many seconds, asked anew after it failed."""

    def __init__(self, runtime: Runtime, every: float) -> None:
        self._runtime = runtime
        self._every = every
        self._open = contextlib.ExitStack()
        self._told: Iterator[HostFacts] | None = None
        self._failed: tuple[float, Status] | None = None

    def look(self) -> Status:
        if self._failed and time.monotonic() < self._failed[0] + _DIAL_AGAIN:
            return self._failed[1]
        try:
            if self._told is None:
                transport = self._open.enter_context(reach(self._runtime))
                facts = watch_host(transport, self._runtime.root, self._every)
                self._told = self._open.enter_context(contextlib.closing(facts))
            return _judged(self._runtime, next(self._told))
        except ColabdevError as error:
            self.close()
            found = _failed(self._runtime, error)
            self._failed = (time.monotonic(), found)
            return found

    def close(self) -> None:
        self._told = None
        self._open.close()


def _failed(runtime: Runtime, error: ColabdevError) -> Status:
    state = State.GONE if isinstance(error, RuntimeGone) else State.UNREACHABLE
    return Status(runtime, state, None, error.message, error.hint)


def _judged(runtime: Runtime, facts: HostFacts) -> Status:
    if runtime.destination is not None and facts.boot_id != runtime.boot_id:
        return Status(
            runtime,
            State.GONE,
            facts,
            tr("The machine has been started anew: what was on it is gone."),
            tr("Run the cell again and connect with the string it prints."),
        )
    return Status(runtime, State.UP, facts)


def _who(facts: HostFacts) -> str:
    """Say how many are connected, and as what: ``3: colabdev, 2 terminal``."""
    counts = collections.Counter(facts.visitors)
    named = ((word(use), n) for use, n in sorted(counts.items()))
    uses = ", ".join(f"{n} {use}" if n > 1 else use for use, n in named)
    number = facts.logins if facts.logins is not None else len(facts.visitors)
    return f"{number}: {uses}" if uses else str(number) if number else ""


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _part(used: int | None, total: int) -> str:
    return (
        _gib(total)
        if used is None
        else tr("{used} of {total}", used=f"{used / 2**30:.1f}", total=_gib(total))
    )


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    days, hours = divmod(minutes // 60, 24)
    return (
        tr("{days} d {hours} h", days=days, hours=hours)
        if days
        else tr("{hours}:{minutes} h", hours=hours, minutes=f"{minutes % 60:02d}")
    )
