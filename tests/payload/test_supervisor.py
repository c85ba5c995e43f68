"""The supervisor's parts that need no process: the report it reads, and the log it writes."""

import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabdev.payload.joblog import Log as Reader
from colabdev.payload.joblog import whole_frames
from colabdev.payload.jobs import claim
from colabdev.payload.records import frame
from colabdev.payload.supervisor import MAX_BODY, Log, Report, proper_row
from colabdev.payload.telling import Failure

ROW = b'{"v": 1, "kind": "metric", "metric": "loss", "value": 1}'


@pytest.fixture
def report_file(tmp_path: Path) -> Path:
    path = tmp_path / "report"
    path.touch()
    return path


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), st.data())
def test_rows_do_not_depend_on_how_they_came(lines: list[bytes], data: st.DataObject) -> None:
    """However a report grows, its lines are told once, in order, and only when they are whole."""
    text = b"".join(line + b"\n" for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        path.touch()
        frames = []
        with (
            contextlib.closing(Report(str(path))) as report,
            path.open("ab", buffering=0) as stream,
        ):
            while text:
                size = data.draw(st.integers(1, len(text)))
                stream.write(text[:size])
                text = text[size:]
                frames += report.rows()
            frames += report.rest()
    assert frames == [frame(b"m", proper_row(line)) for line in lines if line.strip()]


@pytest.mark.parametrize(
    "line",
    [
        b"[1]",
        b"{}",
        b'{"kind": 3}',
        b'{"kind": "metric", "value": NaN}',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"kind": "note", "text": "' + b"x" * MAX_BODY + b'"}',
    ],
)
def test_what_is_no_row_becomes_a_note(line: bytes) -> None:
    """Damaged, foreign or too long: what was written is quoted, within the bounds of a frame."""
    assert proper_row(ROW) == ROW
    note = proper_row(line)
    assert len(note) <= MAX_BODY
    told = json.loads(note)
    assert told["kind"] == "note"
    assert line.decode(errors="replace").startswith(told["text"])


def test_an_endless_line_takes_no_memory(report_file: Path) -> None:
    """A line that never ends is told in pieces instead of being kept."""
    report = Report(str(report_file))
    report_file.write_bytes(b"x" * 3_000_000)
    notes = [json.loads(row[5:]) for row in report.rest()]
    report.close()
    assert notes
    assert {note["kind"] for note in notes} == {"note"}


@given(st.lists(st.tuples(st.sampled_from(b"oem"), st.binary(max_size=30))), st.binary(max_size=4))
def test_only_whole_frames_are_sent(told: list[tuple[int, bytes]], half: bytes) -> None:
    """The cut is at the last whole frame, and the exit is noticed wherever it stands."""
    frames = b"".join(frame(bytes([kind]), body) for kind, body in told)
    assert whole_frames(frames + half) == (len(frames), False)
    end = frame(b"x", b"{}")
    assert whole_frames(frames + end) == (len(frames + end), True)
    assert whole_frames(frames + end[:-1]) == (len(frames), False)


def test_a_damaged_log_is_said_to_be_damaged() -> None:
    """A frame that cannot be one is not passed on."""
    for damaged in (b"?\0\0\0\1x", struct.pack(">cI", b"o", MAX_BODY + 1)):
        with pytest.raises(Failure):
            whole_frames(damaged)


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1), st.integers(64, 600))
def test_the_log_drops_the_oldest_beyond_its_limit(bodies: list[bytes], limit: int) -> None:
    """What is kept is the end of what was told, in whole frames, and not much more than allowed."""
    told = [frame(b"o", body) for body in bodies]
    with tempfile.TemporaryDirectory() as folder:
        log = Log(folder, limit)
        for one in told:
            log.add(one)
        log.close()
        with contextlib.closing(Reader(folder)) as reader:
            kept = list(reader.frames(reader.end()))
            begin, end = reader.begin(), reader.end()
    bodies_kept = [body for _, kind, body in kept if kind == b"o"]
    assert bodies_kept == bodies[len(bodies) - len(bodies_kept) :]
    assert bodies_kept
    assert end - begin <= limit + 2 * len(max(told, key=len)) + 40
    assert begin == 0 or end - begin >= limit // 2


def test_whoever_asked_for_the_job_is_gone_before_it_runs(tmp_path: Path) -> None:
    """Nobody hears that it does: it is seen through to its end, and its end is noted."""
    request = {
        "id": "job",
        "name": "job",
        "command": ["sh", "-c", "exit 3"],
        "cwd": str(tmp_path),
        "code_digest": "",
        "pull": [],
        "env": {},
        "log_limit": 1_000_000,
        "modules": "",
    }
    control = claim(str(tmp_path / "job"), request)
    assert control is not None
    heard, told = os.pipe()
    os.close(heard)
    words = [sys.executable, "-m", "colabdev.payload.supervisor", str(tmp_path / "job")]
    subprocess.run(
        [*words, str(control)],
        input=json.dumps(request).encode(),
        stdout=told,
        pass_fds=[control],
        check=False,
    )
    os.close(told)
    os.close(control)
    assert json.loads((tmp_path / "job" / "state.json").read_text())["code"] == 3
