"""What the far side says is read strictly, and nothing it says can do harm."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any  # JSON

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabdev.errors import ProtocolError, RemoteError
from colabdev.jobs.client import cancel, follow, jobs, start
from colabdev.jobs.job import (
    Artifact,
    DiskFull,
    Dropped,
    Exited,
    GpuSample,
    JobSpec,
    JobState,
    Metric,
    Output,
    Record,
)
from colabdev.jobs.wire import Place, read_event, read_job, read_place
from colabdev.remote.frames import pack
from colabdev.remote.local import LocalProcess, LocalTransport

WORDS = {
    "id": "a1",
    "name": "train.py",
    "command": ["python", "train.py"],
    "state": "failed",
    "created": 1.5,
    "started": 2,
    "ended": None,
    "exit_code": 7,
}
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_a_job_is_read_as_it_is_told() -> None:
    """Every word finds its place."""
    job = read_job(json.dumps(WORDS).encode())
    assert (job.id, job.command, job.state) == ("a1", ("python", "train.py"), JobState.FAILED)
    assert (job.created, job.started, job.ended, job.exit_code) == (1.5, 2.0, None, 7)


@given(st.sampled_from(sorted(WORDS)), VALUES)
def test_other_words_are_refused_or_harmless(field: str, value: Any) -> None:
    """Whatever stands in a field, the answer is a job of the right types or a ProtocolError."""
    try:
        job = read_job(json.dumps(WORDS | {field: value}).encode())
    except ProtocolError:
        return
    assert all(isinstance(word, str) for word in (job.id, job.name, *job.command))
    assert job.exit_code is None or 0 <= job.exit_code <= 255
    assert 0 <= job.created < 1e12
    "".join((job.id, job.name, *job.command)).encode()


@pytest.mark.parametrize("job_id", ["", "../../x", "a/b", "a\nb", "-a", "a" * 65, "é", 7, None])
def test_an_id_that_could_name_a_file_elsewhere_is_refused(job_id: object) -> None:
    """Locks and folders are named after ids: one with a path in it goes no further."""
    with pytest.raises(ProtocolError):
        read_job(json.dumps(WORDS | {"id": job_id}).encode())


@given(st.binary(max_size=1), st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_frame_is_an_event_or_an_error(kind: bytes, body: bytes) -> None:
    """No frame makes the reader fail in any other way."""
    try:
        event = read_event(kind, body, 0)
    except ProtocolError:
        return
    kinds = Output | Metric | Record | Artifact | Dropped | DiskFull | GpuSample | Exited
    assert isinstance(event, kinds)


METRIC = {"v": 1, "kind": "metric", "metric": "loss", "value": 0.5}


@given(
    st.dictionaries(
        st.sampled_from([*Metric.__dataclass_fields__, "kind", "other"]), VALUES, max_size=6
    )
)
def test_a_row_is_kept_whatever_is_in_it(fields: dict[str, Any]) -> None:
    """A row is a metric that any database takes, or a record that still holds what it said."""
    event = read_event(b"m", json.dumps(METRIC | fields).encode(), 0)
    if isinstance(event, Metric):
        numbers = [event.value, event.step, event.rank, event.replicates, event.iqr, event.time]
        for number in numbers:
            assert (
                number is None or number in ("nan", "inf", "-inf") or abs(float(number)) < 2**63 + 1
            )
        event.metric.encode()
    else:
        assert isinstance(event, Record)
        assert event.fields
        json.dumps(dict(event.fields), allow_nan=False).encode()


def test_a_row_that_nests_too_deep_is_kept_as_text() -> None:
    """What another reader could choke on is quoted instead."""
    row = json.dumps(METRIC)[:-1] + ', "x": ' + "[" * 500 + "]" * 500 + "}"
    assert read_event(b"m", row.encode(), 0) == Record("note", {"text": row})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"value": "nan"}, Metric("loss", "nan")),
        ({"value": None, "skipped": "no cuda"}, Metric("loss", None, skipped="no cuda")),
        ({"value": "fast"}, Record("note", {"metric": "loss", "value": "fast"})),
        ({"step": 10**30}, Record("note", {"metric": "loss", "value": 0.5, "step": 10**30})),
        ({"kind": "env"}, Record("env", {"metric": "loss", "value": 0.5})),
        ({"kind": "other"}, Record("note", {"metric": "loss", "value": 0.5})),
    ],
)
def test_rows_are_told_apart(change: dict[str, Any], expected: Metric | Record) -> None:
    """Only a proper measurement is a metric."""
    assert read_event(b"m", json.dumps(METRIC | change).encode(), 0) == expected


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"code": 256}', b'{"code": "0"}', b"[" * 9999]
)
def test_an_unknown_end_is_refused(body: bytes) -> None:
    """An exit that names no exit code ends in one sentence."""
    with pytest.raises(ProtocolError):
        read_event(b"x", body, 0)


ARTIFACT = {"path": "out/한글.pt", "digest": "0" * 64, "size": 5}


def test_a_file_is_read_as_it_is_told() -> None:
    """Its path, digest and size; another event may say how much was dropped."""
    event = read_event(b"a", json.dumps(ARTIFACT).encode(), 0)
    assert event == Artifact("out/한글.pt", "0" * 64, 5)
    assert read_event(b"d", b'{"dropped": 7}', 0) == Dropped(7)
    assert read_place(b'{"offset": 1, "skip": 2, "end": 3}') == Place(1, 2, 3)


@given(st.sampled_from(sorted(ARTIFACT)), VALUES)
def test_a_file_told_otherwise_is_refused_or_harmless(field: str, value: Any) -> None:
    """A digest is one, and a size is no negative number, whatever was said."""
    try:
        event = read_event(b"a", json.dumps(ARTIFACT | {field: value}).encode(), 0)
    except ProtocolError:
        return
    assert isinstance(event, Artifact)
    event.path.encode()
    assert len(bytes.fromhex(event.digest)) == 32
    assert 0 <= event.size < 2**63


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_place_is_one_or_an_error(body: bytes) -> None:
    """No answer makes the reader fail in any other way."""
    with contextlib.suppress(ProtocolError):
        place = read_place(body)
        assert min(place.offset, place.skip, place.end) >= 0


class Liar(LocalTransport):
    """A far side that answers every request with the contents of one file."""

    def __init__(self, answer: Path) -> None:
        self._answer = answer

    def start(self, argv: Sequence[str]) -> LocalProcess:  # noqa: ARG002 - whatever was asked
        return LocalProcess(["cat", str(self._answer)])


HELLO = b"\0colabdev jobs 1\n"


ANSWERS = {
    "nothing": b"",
    "greeting": b"Welcome!\n",
    "cut": HELLO,
    "words": HELLO + pack(b"j", b"no json") + pack(b".", b""),
    "length": HELLO + b"j\xff\xff\xff\xff",
    "half": HELLO + pack(b"j", json.dumps(WORDS).encode())[:-4],
    "error": HELLO + pack(b"E", b"no record"),
    "endless": HELLO + 20_000 * pack(b"j", json.dumps(WORDS).encode()),
}


def test_an_answer_about_another_job_is_refused(tmp_path: Path) -> None:
    """Who asked for one job does not take another."""
    (tmp_path / "answer").write_bytes(
        HELLO + pack(b"j", json.dumps(WORDS).encode()) + pack(b".", b"")
    )
    with Liar(tmp_path / "answer") as transport:
        assert [job.id for job in jobs(transport)] == ["a1"]
        with pytest.raises(ProtocolError):
            start(transport, JobSpec("b2", ("true",), "~", "x"))
        with pytest.raises(ProtocolError):
            cancel(transport, "b2")


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_lying_far_side_ends_in_one_sentence(answer: bytes, tmp_path: Path) -> None:
    """Whatever comes instead of an answer, the asker gets an error of ours and no job."""
    (tmp_path / "answer").write_bytes(answer)
    with Liar(tmp_path / "answer") as transport:
        with pytest.raises(RemoteError):
            jobs(transport)
        with pytest.raises(RemoteError):
            list(follow(transport, "a1"))
