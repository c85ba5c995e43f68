"""The month's account of what the tunnels carried."""

import datetime
import subprocess
import sys
from dataclasses import replace

import pytest

from colabdev import paths
from colabdev.errors import ConfigError
from colabdev.remote import usage
from colabdev.remote.destination import ConnectString
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import run
from colabdev.remote.usage import Left, Usage

NOVEMBER = datetime.datetime(2026, 11, 30, 23, 59, 59, tzinfo=datetime.UTC)
DECEMBER = datetime.datetime(2026, 12, 1, tzinfo=datetime.UTC)


def test_it_adds_up_by_the_month() -> None:
    """Each month has an account of its own, and a new one begins at nothing."""
    assert usage.this_month(now=NOVEMBER) == Usage()
    usage.add("ngrok", sent=5, received=7, connections=1, now=NOVEMBER)
    usage.add("ngrok", received=1, now=NOVEMBER)
    assert usage.this_month(now=NOVEMBER) == Usage(5, 8, 1)
    assert usage.this_month(now=DECEMBER) == Usage()
    usage.add("ngrok", sent=1, now=DECEMBER)
    assert usage.this_month(now=NOVEMBER) == Usage(5, 8, 1)


def test_roads_without_a_meter_are_left_out() -> None:
    """A direct connection costs nobody's allowance, and not even a file."""
    usage.add("none", sent=5, connections=1)
    usage.add("ngrok")
    assert usage.this_month() == Usage()
    assert not paths.usage_file().exists()


def test_what_is_left_ends_at_nothing() -> None:
    """Both directions count against the free plan, and more than all of it leaves zero."""
    assert Usage(400_000_000, 100_000_000, 4_999).left() == Left(500_000_000, 1)
    assert Usage(2**40, 0, 10_000).left() == Left(0, 0)


def test_several_processes_at_once_lose_nothing() -> None:
    """What four processes write at the same time is all there."""
    code = (
        "from colabdev.remote import usage\n"
        "for _ in range(25): usage.add('ngrok', sent=1, received=2, connections=1)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert usage.this_month() == Usage(100, 200, 100)


@pytest.mark.parametrize("text", ["{", '{"version": 1, "months": {"2026-11": {"sent": 1}}}', "[]"])
def test_a_damaged_account_ends_no_connection(text: str) -> None:
    """Adding keeps quiet and keeps the file; reading says which file it is."""
    paths.usage_file().parent.mkdir(parents=True)
    paths.usage_file().write_text(text)
    usage.add("ngrok", sent=1)
    assert paths.usage_file().read_text() == text
    with pytest.raises(ConfigError) as caught:
        usage.this_month()
    assert str(paths.usage_file()) in caught.value.message


@pytest.mark.sshd
def test_a_connection_counts_what_is_on_the_wire(address: ConnectString) -> None:
    """Both directions are counted with all that SSH adds, and written once, at the end."""
    through_ngrok = replace(address.destination, via="ngrok")
    with SSHTransport.connect(through_ngrok, paths.key_file()) as transport:
        assert len(run(transport, ["head", "-c", "300000", "/dev/urandom"]).stdout) == 300_000
        run(transport, ["wc", "-c"], b"x" * 50_000)
        assert usage.this_month() == Usage()
        transport.close()
    used = usage.this_month()
    assert used.connections == 1
    assert 300_000 < used.received < 330_000
    assert 50_000 < used.sent < 70_000


@pytest.mark.sshd
def test_a_refused_login_has_cost_a_connection(address: ConnectString) -> None:
    """The road counts every connection, also one on which nobody logged in."""
    destination = replace(address.destination, via="ngrok", user="nobody-of-that-name")
    with pytest.raises(Exception, match="refuses"):
        SSHTransport.connect(destination, paths.key_file())
    assert usage.this_month().connections == 1
