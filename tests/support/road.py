"""A machine behind a relay, which is cut, stalled and moved, and a reporter that keeps all."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from colabdev.commands.connect import connect
from colabdev.commands.reporter import Progress, Silent
from colabdev.jobs.client import cancel, jobs
from colabdev.jobs.job import Event
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime
from tests.remote.relay import Relay, relay_to
from tests.support.far import until
from tests.support.runtime import StartedRuntime


@dataclass
class Noting(Silent):
    """A reporter that keeps what it hears, and lets the test act on each event."""

    act: Callable[[Event], None] | None = None
    events: list[Event] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)
        if self.act:
            self.act(event)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Progress]:
        self.steps.append(text)
        yield self

    def done(self, text: str) -> None:
        self.told.append(text)

    def warn(self, text: str, hint: str = "") -> None:
        self.told.append(f"{text} {hint}")


@dataclass(frozen=True, slots=True)
class Road:
    """A machine behind a relay, known to the registry as ``colab``."""

    machine: StartedRuntime
    relay: Relay

    @property
    def runtime(self) -> Runtime:
        return Registry().get("colab")

    def tell(self) -> None:
        """Connect in another terminal: the registry learns where the machine is by now."""
        runtime = self.runtime
        assert runtime.destination
        destination = replace(runtime.destination, port=self.relay.port)
        Registry().put(replace(runtime, destination=destination))


@contextlib.contextmanager
def road_to(machine: StartedRuntime) -> Iterator[Road]:
    """Lend *machine*, reached through a relay, and end the jobs that are left on it."""
    runtime = connect(machine.connect_string, "colab", Silent()).runtime
    assert runtime.destination
    with relay_to(runtime.destination.port) as relay:
        road = Road(machine, relay)
        road.tell()
        yield road
        _end_jobs(machine)


def _end_jobs(machine: StartedRuntime) -> None:
    runtime = connect(machine.connect_string, "colab", Silent()).runtime
    with reach(runtime) as transport:
        for job in jobs(transport):
            if not job.state.ended:
                cancel(transport, job.id, "KILL")
        until(lambda: all(job.state.ended for job in jobs(transport)))
