"""What the far side says of its jobs, turned into our words; nothing it says is trusted."""

import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar  # what the far side says is JSON: a mapping of anything

from colabdev.errors import ProtocolError
from colabdev.jobs.job import (
    Artifact,
    DiskFull,
    Dropped,
    Event,
    Exited,
    GpuSample,
    Job,
    JobState,
    Metric,
    Output,
    Record,
)
from colabdev.language import tr


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a log: *skip* bytes into the frame at *offset*; the log's *end* by then."""

    offset: int
    skip: int
    end: int


_Value = TypeVar("_Value")
_STREAMS: Mapping[bytes, Literal["stdout", "stderr"]] = {b"o": "stdout", b"e": "stderr"}
_IDENTIFIER = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RECORDS = ("env", "check", "note", "done")
_DEEPEST = 32
_LARGEST_BURST = 1024 * 1024
_HEADER = struct.Struct(">cI")
_SPELLED = ("nan", "inf", "-inf")
_LARGEST = 2**63 - 1
_LONGEST = 1e11  # seconds: some three thousand years

# What a damaged, deep or absurd JSON text may raise while it is read.
_BAD_WORDS = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


def read_job(body: bytes) -> Job:
    """Read how a job stands.

    Raises:
        ProtocolError: *body* does not describe a job.
    """
    try:
        told = json.loads(body)
        return Job(
            id=_identifier(told["id"]),
            name=_text(told["name"]),
            command=tuple(_text(word) for word in _list(told["command"])),
            state=JobState(told["state"]),
            created=_time(told["created"]),
            started=_if_told(_time, told.get("started")),
            ended=_if_told(_time, told.get("ended")),
            exit_code=_if_told(_byte, told.get("exit_code")),
            cwd=_text(told.get("cwd", "")),
            orphaned=told.get("orphaned") is True,
        )
    except _BAD_WORDS as error:
        raise ProtocolError(tr("The far side describes a job in words we do not know.")) from error


def read_place(body: bytes) -> Place:
    """Read where in a log something stands.

    Raises:
        ProtocolError: *body* names no place.
    """
    try:
        told = json.loads(body)
        return Place(*(_size(told[name]) for name in ("offset", "skip", "end")))
    except _BAD_WORDS as error:
        raise ProtocolError(tr("The far side names a place that is none.")) from error


def unpacked_burst(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and body of the frames that were compressed into *body*.

    Raises:
        ProtocolError: it is damaged, or larger than any burst.
    """
    stream = zlib.decompressobj()
    frames: list[tuple[bytes, bytes]] = []
    at = 0
    try:
        text = stream.decompress(body, _LARGEST_BURST)
        while at < len(text):
            kind, length = _HEADER.unpack_from(text, at)
            at += _HEADER.size + length
            frames.append((kind, text[at - length : at]))
    except (zlib.error, struct.error) as error:
        raise ProtocolError(tr("A burst of output arrives damaged from the far side.")) from error
    if not stream.eof or at != len(text):
        raise ProtocolError(tr("A burst of output is larger than agreed, or cut short."))
    return frames


def read_event(kind: bytes, body: bytes, offset: int) -> Event:
    """Read one frame of a job's log, which stands there at *offset*.

    Raises:
        ProtocolError: the frame is none of a log.
    """
    if stream := _STREAMS.get(kind):
        return Output(offset, stream, body)
    if kind == b"m":
        return _row(body)
    if kind == b"a":
        return _artifact(body)
    if kind == b"g":
        return _gpu_sample(body)
    if kind == b"d":
        return _dropped(body)
    if kind == b"w":
        return DiskFull()
    if kind == b"x":
        return _exited(body)
    raise ProtocolError(tr("The far side sent an event of the unknown kind {kind!r}.", kind=kind))


def _row(body: bytes) -> Metric | Record:
    """Return a report row; the user's program may have written anything, and nothing is dropped."""
    try:
        row = json.loads(body)
        _check_depth(row, _DEEPEST)
        # Strict JSON has no 1e999 and UTF-8 no half character: every later reader can take it.
        json.dumps(row, allow_nan=False, ensure_ascii=False).encode()
        if row["kind"] == "metric" and _fits(metric := Metric.from_row(row)):
            return metric
        kind = row["kind"] if row["kind"] in _RECORDS else "note"
        return Record(kind, {name: row[name] for name in row if name not in ("v", "kind")})
    except _BAD_WORDS:
        return Record("note", {"text": body.decode(errors="replace")})


def _check_depth(value: Any, left: int) -> None:
    """Raise ValueError for what is nested deeper than every later reader can be trusted with."""
    if isinstance(value, dict | list):
        if not left:
            raise ValueError("nested too deep")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


def _fits(metric: Metric) -> bool:
    numbers = (metric.value, metric.replicates, metric.iqr, metric.step, metric.time, metric.rank)
    return all(
        number in _SPELLED if isinstance(number, str) else abs(number) <= _LARGEST
        for number in numbers
        if number is not None
    )


def _exited(body: bytes) -> Exited:
    try:
        told = json.loads(body)
        return Exited(
            code=_byte(told["code"]),
            signal=_if_told(_byte, told.get("signal")),
            cancelled=told.get("cancelled") is True,
            seconds=_if_told(_time, told.get("seconds")),
        )
    except _BAD_WORDS as error:
        raise ProtocolError(tr("The far side tells of the job's end in unknown words.")) from error


def _artifact(body: bytes) -> Artifact:
    try:
        told = json.loads(body)
        if not _DIGEST.fullmatch(told["digest"]):
            raise ValueError("no digest")
        return Artifact(_text(told["path"]), told["digest"], _size(told["size"]))
    except _BAD_WORDS as error:
        raise ProtocolError(tr("The far side tells of a file in words we do not know.")) from error


def _gpu_sample(body: bytes) -> GpuSample:
    try:
        told = json.loads(body)
        return GpuSample(
            gpu=_size(told["gpu"]),
            time=_time(told["time"]),
            use=_if_told(_time, told["use"]),
            memory=_if_told(_size, told["memory"]),
            power=_if_told(_time, told["power"]),
        )
    except _BAD_WORDS as error:
        raise ProtocolError(tr("The far side tells of a GPU in words we do not know.")) from error


def _dropped(body: bytes) -> Dropped:
    try:
        return Dropped(_size(json.loads(body)["dropped"]))
    except _BAD_WORDS as error:
        raise ProtocolError(tr("The far side dropped something that it cannot count.")) from error


def _size(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError("no size")
    if not 0 <= value <= _LARGEST:
        raise ValueError("no size")
    return value


def _if_told(read: Callable[[Any], _Value], value: Any) -> _Value | None:
    return None if value is None else read(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value.encode(errors="replace").decode()  # a file's name may hold half characters


def _identifier(value: Any) -> str:
    """Return a job's id, of which file names are made."""
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError("no id")
    return str(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _byte(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError("no exit code")
    if not 0 <= value <= 255:
        raise ValueError("no exit code")
    return value


def _time(value: Any) -> float:
    if not 0 <= value <= _LONGEST:
        raise ValueError("no time")
    return float(value)
