"""Machines to log in to, and the two transports side by side."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.remote.destination import ConnectString, parse_connect_string
from colabdev.remote.link.client import LinkTransport
from colabdev.remote.local import LocalTransport
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Runtime
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import Transport
from tests.support.link import linked
from tests.support.runtime import StartedRuntime, start_runtime


@pytest.fixture
def machine(home: Path) -> Iterator[StartedRuntime]:
    """Lend a machine: the real sshd, started by the shipped cell, with a home of its own."""
    with start_runtime(home / "vm") as runtime:
        yield runtime


@pytest.fixture
def address(machine: StartedRuntime) -> ConnectString:
    """Return what the machine's cell printed, parsed."""
    return parse_connect_string(machine.connect_string)


@pytest.fixture(
    params=[
        "local",
        pytest.param("ssh", marks=pytest.mark.sshd),
        pytest.param("ssh pipelined", marks=pytest.mark.sshd),
        pytest.param("link", marks=pytest.mark.sshd),
    ]
)
def host(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Lend a machine behind each transport in turn."""
    if request.param == "local":
        with LocalTransport() as transport:
            yield transport
    elif request.param == "link":
        with linked(request.getfixturevalue("address")) as runtime, reach(runtime) as transport:
            assert isinstance(transport, LinkTransport)
            yield transport
            assert transport._own is None, "it went without the link"
    else:
        address: ConnectString = request.getfixturevalue("address")
        wait = request.param == "ssh"
        with SSHTransport.connect(address.destination, paths.key_file(), wait=wait) as transport:
            yield transport


@pytest.fixture
def runtime(address: ConnectString) -> Iterator[Runtime]:
    """Register the machine, with links in use."""
    with linked(address) as found:
        yield found
