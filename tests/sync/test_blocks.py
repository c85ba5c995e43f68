"""Large files: only the blocks that changed travel, whichever way, and no half is ever placed."""

import hashlib
import os
import random
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabdev.payload.replica import BLOCK, MARK, Known, Row, Sending, Wanted, make_row, mark
from colabdev.remote.transport import Transport
from colabdev.sync.blocks import Marking
from colabdev.sync.engine import sync
from tests.support.counting import CountingTransport
from tests.sync.conftest import PEER, Far
from tests.sync.trees import read, stages, write

SIZE = 3_000_000
LIMIT = 50 * 64 * 1024


def carried(project: Path, far: Far) -> int:
    """Sync and return how many bytes travelled."""
    with CountingTransport() as transport:
        _sync(project, transport, far)
        return transport.count.total()


def _sync(project: Path, transport: Transport, far: Far) -> None:
    report = sync(project, transport, str(far.folder), peer=PEER)
    assert (report.conflicts, report.skipped) == ((), ())


def edit(file: Path, how: str) -> None:
    """Change *file* in the middle, at its end, at its start, or make it shorter."""
    with file.open("r+b") as stream:
        if how == "shorter":
            stream.truncate(SIZE - 100_000)
            return
        stream.seek({"middle": SIZE // 2, "end": SIZE, "start": 0}[how])
        stream.write(random.Random(how).randbytes(50_000))


@pytest.fixture
def large(project: Path, far: Far) -> Path:
    """Return a project with a large file that both sides hold."""
    write(project, {"big": random.Random(1).randbytes(SIZE), "small": b"s"})
    assert carried(project, far) > SIZE
    return project


@pytest.mark.parametrize("how", ["middle", "end", "start", "shorter"])
@pytest.mark.parametrize("side", ["here", "there"])
def test_only_changed_blocks_travel(side: str, how: str, large: Path, far: Far) -> None:
    """An edit of either side costs its blocks and no more, and so does the next one."""
    for turn in ("first", "second"):
        edit((large if side == "here" else far.folder) / "big", how)
        if turn == "second":
            write(large if side == "here" else far.folder, {"new": b"n"})
            edit((large if side == "here" else far.folder) / "big", "middle")
        assert carried(large, far) < 300_000
        assert read(large) == read(far.folder)
    assert (stages(large), stages(far.folder)) == ([], [])


def test_edits_go_to_and_fro(large: Path, far: Far) -> None:
    """What came from there is edited here, and the other way round, at the price of the edit."""
    for side in (far.folder, large, far.folder, large):
        edit(side / "big", random.choice(("middle", "start")))
        (side / "big").touch()
        with (side / "big").open("r+b") as stream:
            stream.write(os.urandom(1000))
        assert carried(large, far) < 300_000
        assert read(large) == read(far.folder)


def test_files_that_were_the_same_already_are_known_by_their_blocks(
    project: Path, far: Far
) -> None:
    """Where both sides held a file before they met, the first edit costs its blocks too."""
    data = random.Random(2).randbytes(SIZE)
    write(project, {"big": data})
    far.folder.mkdir(parents=True)
    write(far.folder, {"big": data})
    assert carried(project, far) < 10_000
    edit(project / "big", "middle")
    assert carried(project, far) < 300_000
    assert read(project) == read(far.folder)


@pytest.mark.parametrize("first", ["made there", "held by both"])
def test_a_file_written_right_before_a_sync_is_known_by_its_blocks(
    first: str, project: Path, far: Far
) -> None:
    """Times that may come again tell nothing: the digest does, and an edit costs its blocks."""
    data = random.Random(3).randbytes(SIZE)
    far.folder.mkdir(parents=True)
    for side in (far.folder, project) if first == "held by both" else (far.folder,):
        write(side, {"big": data})
        _just_now(side / "big")
    carried(project, far)
    for side in (project, far.folder, project, far.folder):
        edit(side / "big", random.choice(("middle", "start", "end")))
        with (side / "big").open("r+b") as stream:
            stream.write(os.urandom(1000))
        _just_now(side / "big")
        assert carried(project, far) < 300_000
        assert read(project) == read(far.folder)


def _just_now(file: Path) -> None:
    """Let *file* be written as late as can be: by a clock that is ahead of everybody's."""
    later = time.time_ns() + 3_600_000_000_000
    os.utime(file, ns=(later, later))


@pytest.mark.skipif(sys.platform != "linux", reason="no other system counts what is read")
def test_a_large_file_is_read_once(large: Path, far: Far) -> None:
    """Whether a file of the same size is another one is not found out by a reading of its own."""
    edit(large / "big", "middle")
    before = bytes_read()
    carried(large, far)
    assert bytes_read() - before < 1.3 * SIZE
    assert read(large) == read(far.folder)


def bytes_read() -> int:
    counts = Path("/proc/thread-self/io").read_text()  # without those of the far side
    return int(counts.split()[1])


@pytest.mark.parametrize("is_right", [True, False])
def test_what_is_known_of_a_file_is_not_believed(is_right: bool, folder: Path) -> None:
    """Blocks that differ are held to what was known of them, else the file is read anew."""
    data, other = (random.Random(seed).randbytes(SIZE) for seed in (1, 2))
    there = data[: 3 * BLOCK] + other[3 * BLOCK : 4 * BLOCK] + data[4 * BLOCK :]
    (folder / "big").write_bytes(data)
    row = make_row("big", (folder / "big").stat())
    held = data if is_right else other
    known = Known(row, hashlib.sha256(held).hexdigest(), _marks(held))
    wanted = Wanted("big", SIZE, row, base=_marks(there), known=known)
    sent: list[tuple[Row, str, bytes]] = []
    sending = Sending(str(folder), lambda *what: sent.append(what), lambda *_: None)
    frames = list(sending.frames([wanted]))
    assert sent == [(row, hashlib.sha256(data).hexdigest(), _marks(data))]
    assert [body for kind, body in frames if kind == b"f"][-1].hex() == sent[0][1]
    assert [not body for kind, body in frames if kind == b"f"] == ([] if is_right else [True]) + [
        False
    ]
    whole = b"".join(body for kind, body in frames if kind == b"c")
    assert whole == data[3 * BLOCK : 4 * BLOCK]


def _marks(data: bytes) -> bytes:
    return b"".join(mark(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK))


def test_wrong_memory_of_blocks_is_found_out(large: Path, far: Far) -> None:
    """Marks that lie cost an attempt: the digest of the whole file decides what is placed."""
    (memory,) = (large / ".colabdev" / "sync" / "blocks").iterdir()
    before = (far.folder / "big").read_bytes()
    edit(large / "big", "middle")
    now = (large / "big").read_bytes()
    marks = memory.read_bytes()
    # Block 23 holds the edit; the memory claims that it is there already.
    lies = _marks(now)
    assert len(lies) == len(marks)
    assert len(marks) == MARK * (SIZE // BLOCK + 1)
    memory.write_bytes(lies)
    report = far.sync(large, limit=LIMIT)
    assert [left.path for left in report.conflicts] == ["big"]
    assert (far.folder / "big").read_bytes() == before
    assert far.sync(large, limit=LIMIT).sent == ("big",)
    assert read(large) == read(far.folder)


def test_an_edit_there_while_its_blocks_are_taken_is_kept(large: Path, far: Far) -> None:
    """A base that changes under way is nobody's base: the edit there stays, as a conflict."""
    edit(large / "big", "middle")

    def disturb(done: int, total: int) -> None:
        (far.folder / "big").write_bytes(b"by a job")

    report = sync(large, far.transport, str(far.folder), peer=PEER, progress=disturb)
    assert [left.path for left in report.conflicts] == ["big"]
    assert (far.folder / "big").read_bytes() == b"by a job"


@given(st.binary(max_size=3), st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=6))
def test_marks_made_on_the_way_are_those_of_the_file(
    tail: bytes, spans: list[tuple[bool, int]]
) -> None:
    """It comes in pieces, and as blocks of what it replaces: its marks are those of the whole."""
    chance = random.Random(len(spans))
    data = b"".join(chance.randbytes(count * BLOCK) for _, count in spans) + tail
    marking = Marking(_marks(data))
    at = 0
    for is_known, count in spans:
        size = count * BLOCK
        if is_known:
            marking.skip(at, size)
        else:
            cut = chance.randrange(size)
            for piece in (data[at : at + cut], data[at + cut : at + size]):
                marking.take(piece)
        at += size
    marking.take(tail)
    assert marking.done() == _marks(data)
