"""Machines to log in to, and a reporter that remembers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colabdev.commands.reporter import Silent
from tests.support.link import end_link
from tests.support.road import Road, road_to
from tests.support.runtime import StartedRuntime, start_runtime


@dataclass
class Heard(Silent):
    """A reporter that keeps what it is told."""

    told: list[str] = field(default_factory=list)
    warned: list[tuple[str, str]] = field(default_factory=list)

    def done(self, text: str) -> None:
        self.told.append(text)

    def warn(self, text: str, hint: str = "") -> None:
        self.warned.append((text, hint))


@pytest.fixture
def heard() -> Heard:
    """Return a reporter that remembers what it was told."""
    return Heard()


@pytest.fixture
def machine(home: Path) -> Iterator[StartedRuntime]:
    """Lend a machine: the real sshd, started by the shipped cell, with a home of its own."""
    with start_runtime(home / "vm") as runtime:
        yield runtime


@pytest.fixture
def road(machine: StartedRuntime) -> Iterator[Road]:
    """Lend a machine that is reached through a relay."""
    with road_to(machine) as road:
        yield road


@pytest.fixture
def link(road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the road be gone by a link."""
    monkeypatch.delenv("COLABDEV_LINK")
    yield
    end_link()
    monkeypatch.setenv("COLABDEV_LINK", "0")
