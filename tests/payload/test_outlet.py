"""A command's stream is taken whole, though another process may hold it open for ever."""

import contextlib
import os
import queue
import signal
import subprocess
from collections.abc import Iterator

import pytest

from colabdev.payload.outlet import POKE, Outlet

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def poked() -> Iterator[None]:
    """Do as the supervisor does: the signal that ends a wait does nothing else."""
    before = signal.signal(POKE, lambda *_: None)
    yield
    signal.signal(POKE, before)


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            with contextlib.suppress(OSError):  # closed by the test
                os.close(end)


def test_a_lone_line_is_taken_at_once() -> None:
    """Each is there before the next one is written."""
    came: queue.Queue[bytes] = queue.Queue()
    with _pipe() as (read, write):
        outlet = Outlet(read, came.put)
        for number in range(20):
            os.write(write, b"line %d\n" % number)
            assert came.get(timeout=PATIENCE) == b"line %d\n" % number
        os.close(write)
        outlet.wait(PATIENCE)
        assert not outlet.is_open()


def test_a_flood_is_taken_whole_in_few_pieces() -> None:
    """Of a hundred thousand writes few are taken alone, and none twice."""
    came: list[bytes] = []
    script = "import os\nfor n in range(100000): os.write(1, b'%d\\n' % n)"
    with subprocess.Popen(["python3", "-c", script], stdout=subprocess.PIPE) as command:
        assert command.stdout
        outlet = Outlet(command.stdout.fileno(), came.append)
        command.wait()
        outlet.wait(PATIENCE)
    assert b"".join(came) == b"".join(b"%d\n" % n for n in range(100000))
    assert len(came) < 5000


def test_what_is_there_is_taken_when_it_is_cut() -> None:
    """The other end stays open: all that was written before is taken, and the wait ends."""
    came: list[bytes] = []
    with _pipe() as (read, write):
        outlet = Outlet(read, came.append)
        os.write(write, b"x" * 60_000)
        outlet.cut()
        outlet.wait(PATIENCE)
        assert not outlet.is_open()
        assert b"".join(came) == b"x" * 60_000
        outlet.cut()  # nobody is there any more


def test_one_that_waits_is_cut() -> None:
    """It has read all there is and waits for more, which never comes."""
    came: queue.Queue[bytes] = queue.Queue()
    with _pipe() as (read, write):
        outlet = Outlet(read, came.put)
        os.write(write, b"x")
        assert came.get(timeout=PATIENCE) == b"x"
        outlet.wait(0)
        assert outlet.is_open()
        outlet.cut()
        outlet.wait(PATIENCE)
        assert not outlet.is_open()


def test_one_that_writes_for_ever_is_not_heard_for_ever() -> None:
    """After the command's end no more is taken than may have been on its way."""
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as chatty:
        assert chatty.stdout
        outlet = Outlet(chatty.stdout.fileno(), lambda _: None)
        outlet.wait(PATIENCE)
        assert not outlet.is_open()
        chatty.kill()


def test_what_cannot_be_recorded_is_no_silence() -> None:
    """An error of the one who takes is raised where it is asked for."""

    def refuse(_data: bytes) -> None:
        raise FileNotFoundError("the log")

    with _pipe() as (read, write):
        outlet = Outlet(read, refuse)
        outlet.check()
        os.write(write, b"x")
        outlet.wait(PATIENCE)
        with pytest.raises(FileNotFoundError):
            outlet.check()
