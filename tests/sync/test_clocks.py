"""Wrong clocks, and disks that keep no more of a time than its seconds: no edit is missed."""

import base64
import contextlib
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from colabdev import texts
from colabdev.remote.local import LocalProcess, LocalTransport
from colabdev.remote.program import Program, bare
from colabdev.sync.engine import sync
from colabdev.sync.report import SyncReport
from tests.sync.conftest import PEER, Far
from tests.sync.test_blocks import SIZE, bytes_read
from tests.sync.trees import read, write

DAY = 86_400_000_000_000
CLOCK = "time.time_ns()"


class OtherClock(LocalTransport):
    """A machine whose programs read a clock that is *ahead* by so many nanoseconds."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead

    def start(self, argv: Sequence[str]) -> LocalProcess:
        assert isinstance(argv, Program)
        text = bare(texts.payload(argv.name))
        assert CLOCK in text
        text = text.replace(CLOCK, f"({CLOCK} + {self._ahead})")
        packed = base64.b64encode(zlib.compress(text.encode())).decode()
        return super().start(Program(argv.name, packed, argv.arguments))


@pytest.mark.parametrize("ahead", [-3 * DAY, 3 * DAY])
def test_a_clock_there_that_is_days_off(ahead: int, project: Path, far: Far) -> None:
    """Times are compared with those of the same side alone: who is later decides nothing."""

    def synced() -> SyncReport:
        with OtherClock(ahead) as transport:
            return sync(project, transport, str(far.folder), peer=PEER)

    def stamp(root: Path, path: str, data: bytes, time_ns: int) -> None:
        write(root, {path: data})
        os.utime(root / path, ns=(time_ns, time_ns))

    now = time.time_ns()
    for path in ("here", "there", "both", "gone"):
        stamp(project, path, b"old", now - DAY)
    assert synced().sent == ("both", "gone", "here", "there")
    stamp(far.folder, "there", b"new", now + ahead)
    stamp(far.folder, "both", b"one", now + ahead)
    stamp(project, "here", b"new", now - 10 * DAY)
    stamp(project, "both", b"two", now)
    (far.folder / "gone").unlink()
    report = synced()
    assert (report.sent, report.received, report.deleted_here) == (("here",), ("there",), ("gone",))
    assert [left.path for left in report.conflicts] == ["both"]
    assert read(project) == {"here": b"new", "there": b"new", "both": b"two"}
    (project / "both").unlink()
    assert synced().received == ("both",)
    again = synced()
    assert (again.sent, again.received, again.unchanged) == ((), (), 3)
    assert read(project) == read(far.folder)


@contextlib.contextmanager
def coarse_disk(folder: Path) -> Iterator[None]:
    """Mount an empty disk over *folder* that keeps whole seconds: ext2 with its small inodes."""
    image = folder.with_suffix(".disk")
    with image.open("wb") as stream:
        stream.truncate(8_000_000)
    try:
        subprocess.run(
            ["mke2fs", "-q", "-t", "ext2", "-I", "128", str(image)], check=True, capture_output=True
        )
        if subprocess.run(["mount", "-o", "loop", image, folder], check=False).returncode:
            pytest.skip("a disk in a file cannot be mounted here")
        try:
            yield
        finally:
            subprocess.run(["umount", folder], check=True)
    finally:
        image.unlink()


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mke2fs"), reason="needs the right to make a disk"
)
@pytest.mark.parametrize("side", ["here", "there"])
@pytest.mark.parametrize("was", ["edited", "carried"])
def test_an_edit_within_the_same_second_is_seen(
    was: str, side: str, project: Path, far: Far
) -> None:
    """On a disk of whole seconds an edit may leave size and times as they were; it travels.

    That holds for what was edited before the sync, and for what the sync has put there itself.
    """
    far.folder.mkdir(parents=True)
    root, other = (project, far.folder) if side == "here" else (far.folder, project)
    trapped = 0
    with coarse_disk(root):
        for turn in range(8):
            write(root if was == "edited" else other, {"a": b"one %d" % turn})
            far.sync(project)
            before = (root / "a").stat()
            write(root, {"a": b"two %d" % turn})
            after = (root / "a").stat()
            same = (before.st_mtime_ns, before.st_ctime_ns) == (
                after.st_mtime_ns,
                after.st_ctime_ns,
            )
            trapped += same
            report = far.sync(project)
            assert (report.sent or report.received) == ("a",)
            assert (other / "a").read_bytes() == (root / "a").read_bytes() == b"two %d" % turn
    assert trapped


@pytest.mark.skipif(sys.platform != "linux", reason="no other system counts what is read")
def test_what_was_written_right_before_a_sync_is_read_once_more(project: Path, far: Far) -> None:
    """Its times might come again, so that the next sync reads it; the ones after that do not."""
    write(project, {"big": os.urandom(SIZE)})
    far.sync(project, limit=SIZE)
    read_there: list[int] = []
    for _ in range(3):
        before = bytes_read()
        report = sync(project, far.transport, str(far.folder), peer=PEER, now=_later)
        assert (report.sent, report.conflicts, report.unchanged) == ((), (), 1)
        read_there.append(bytes_read() - before)
    assert SIZE <= read_there[0] < 1.3 * SIZE
    assert max(read_there[1:]) < SIZE / 4


def _later() -> int:
    return time.time_ns() + 3_000_000_000
