"""Folders elsewhere to sync to, behind each transport."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.link.client import LinkTransport
from colabdev.remote.local import LocalTransport
from colabdev.remote.reach import reach
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import Transport
from colabdev.sync.engine import sync
from colabdev.sync.options import Options
from colabdev.sync.report import SyncReport
from tests.support.link import link_process, linked
from tests.support.runtime import start_runtime

_SSH = ("ssh", "link")
PEER = "0123456789abcdef" * 2


@dataclass(frozen=True)
class Far:
    """A *folder* that *transport* reaches; being on this machine, it can be looked into."""

    transport: Transport
    folder: Path

    def sync(
        self, project: Path, *, limit: int = 1_000_000, options: Options | None = None
    ) -> SyncReport:
        options = options or Options(limit=limit)
        return sync(project, self.transport, str(self.folder), peer=PEER, options=options)


@pytest.fixture
def project(folder: Path) -> Path:
    """Return an empty project whose name is not plain."""
    root = folder / "내 project's"
    root.mkdir()
    return root


@pytest.fixture
def far(folder: Path) -> Iterator[Far]:
    """Lend a folder on this machine, reached through a subprocess."""
    with LocalTransport() as transport:
        yield Far(transport, folder / "far" / "내 project's")


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.sshd)])
def any_far(request: pytest.FixtureRequest, folder: Path, home: Path) -> Iterator[Far]:
    """Lend a folder behind each transport in turn; over SSH, that of the shipped cell."""
    with _far(request, home) as far:
        yield far


@pytest.fixture(params=["local", *(pytest.param(it, marks=pytest.mark.sshd) for it in _SSH)])
def every_far(request: pytest.FixtureRequest, folder: Path, home: Path) -> Iterator[Far]:
    """Lend the same, and also over a link, where programs run in interpreters that waited."""
    with _far(request, home) as far:
        yield far


@contextlib.contextmanager
def _far(request: pytest.FixtureRequest, home: Path) -> Iterator[Far]:
    if request.param == "local":
        yield request.getfixturevalue("far")
        return
    with start_runtime(home / "vm") as machine:
        address = parse_connect_string(machine.connect_string)
        there = Path(address.root) / "내 project's"
        if request.param == "link":
            with linked(address) as runtime, reach(runtime) as transport:
                assert isinstance(transport, LinkTransport)
                yield Far(transport, there)
                link_process()  # it was there
            return
        with SSHTransport.connect(address.destination, paths.key_file()) as transport:
            yield Far(transport, there)
