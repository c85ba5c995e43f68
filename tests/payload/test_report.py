"""What a job reports arrives as it meant it, and reporting never gets in its way."""

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any  # rows hold anything

import pytest

from colabdev import texts
from colabdev.payload import report


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Name a report, and return what reads the rows in it."""
    path = tmp_path / "rows.jsonl"
    monkeypatch.setenv("COLABDEV_REPORT", str(path))
    monkeypatch.delenv("RANK", raising=False)

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()]

    return read


class Awkward:
    """A value that raises whatever is asked of it."""

    def __float__(self) -> float:
        raise RuntimeError("CUDA error: device-side assert triggered")

    def __str__(self) -> str:
        raise RuntimeError("no text either")

    def __bool__(self) -> bool:
        raise RuntimeError("nor truth")


class Scalar:
    """A number as array libraries wrap it."""

    def __float__(self) -> float:
        return 0.25

    def __int__(self) -> int:
        return 4

    def item(self) -> float:
        return 0.25


def test_a_metric_row_is_what_the_call_said(rows: Callable[[], list[dict[str, Any]]]) -> None:
    """Each argument becomes its field; what was not given takes no space."""
    before = time.time()
    report.metric(
        "tflops",
        21.5,
        case="mm-n2048",
        unit="TFLOP/s",
        better="higher",
        device="cuda",
        dtype="torch.float16",
        replicates=41,
        iqr=0.2,
        exercise="dot-mm-matmul",
        step=3,
        rank=1,
    )
    report.metric("plain", 1)
    full, plain = rows()
    assert before <= full.pop("time") <= plain.pop("time") <= time.time()
    assert full == {
        "v": 1,
        "kind": "metric",
        "metric": "tflops",
        "value": 21.5,
        "case": "mm-n2048",
        "unit": "TFLOP/s",
        "better": "higher",
        "device": "cuda",
        "dtype": "float16",
        "replicates": 41,
        "iqr": 0.2,
        "exercise": "dot-mm-matmul",
        "step": 3,
        "rank": 1,
    }
    assert plain == {"v": 1, "kind": "metric", "metric": "plain", "value": 1.0, "better": "none"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ("0.5", 0.5),
        (True, 1.0),
        (Scalar(), 0.25),
        (0, 0.0),
        ("fast", "fast"),
        (10**400, str(10**400)),
    ],
)
def test_numbers_are_told_as_json_can(
    rows: Callable[[], list[dict[str, Any]]], value: object, told: object
) -> None:
    """Whatever float() takes is a number, the others are spelled."""
    report.metric("loss", value, step=Scalar())
    (row,) = rows()
    assert row["value"] == told
    assert row["step"] == 4


def test_a_skipped_metric_has_a_reason_and_no_value(
    rows: Callable[[], list[dict[str, Any]]],
) -> None:
    """A row that is missing and a row that was skipped are different facts."""
    report.metric("tflops", skipped="no cuda")
    (row,) = rows()
    assert row["skipped"] == "no cuda"
    assert "value" not in row


def test_the_other_kinds_keep_their_fields(rows: Callable[[], list[dict[str, Any]]]) -> None:
    """env, check, note and done say what they were given, in a shape that JSON knows."""
    report.env(torch="2.13", sizes=(1, 2.5, math.nan), gpu=None, deep={"a": {"b": Scalar()}}, v=9)
    report.check("shape", [1], "ok\nso far")
    report.note("한글 \ud800")
    report.done(passed=3, kind="mine")
    env, check, note, done = rows()
    assert env == {
        "v": 1,
        "kind": "env",
        "torch": "2.13",
        "sizes": [1, 2.5, "nan"],
        "gpu": None,
        "deep": {"a": {"b": 0.25}},
    }
    assert (check["name"], check["passed"], check["message"]) == ("shape", True, "ok\nso far")
    assert note["text"] == "한글 \ud800"
    assert done == {"v": 1, "kind": "done", "passed": 3}


def test_the_rank_comes_from_torchrun(
    rows: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RANK is the default, and a RANK that is no number is none."""
    for rank in ("2", "two"):
        monkeypatch.setenv("RANK", rank)
        report.metric("loss", 1)
    assert [row.get("rank") for row in rows()] == [2, None]


def test_nothing_that_is_reported_raises(
    rows: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that raise, a cycle, a report that cannot be written, none at all: all are silent."""
    cycle: list[object] = []
    cycle.append(cycle)
    report.metric("bad", Awkward())
    report.metric(Awkward(), 1)  # type: ignore[arg-type]  # what a user may do
    report.env(value=Awkward(), cycle=cycle)
    report.check("truth", Awkward())
    report.metric("good", 1)
    assert [row["metric"] for row in rows() if row["kind"] == "metric"] == ["good"]
    for place in ("/no/such/folder/rows", "/proc/version", ""):
        monkeypatch.setenv("COLABDEV_REPORT", place)
        report.metric("loss", 1)
    monkeypatch.delenv("COLABDEV_REPORT")
    report.note("nobody listens")


def test_rows_of_threads_and_forks_stay_whole(rows: Callable[[], list[dict[str, Any]]]) -> None:
    """Long rows written at once are each one line."""

    def work(rank: int) -> None:
        for step in range(50):
            report.metric("loss", step, rank=rank, case="x" * 5000)

    code = (
        "import os, sys, threading; import colabdev_report as r\n"
        "os.fork()\n"
        "for step in range(50): r.metric('loss', step, rank=os.getpid(), case='x' * 5000)\n"
    )
    module = Path(os.environ["COLABDEV_REPORT"]).with_name("colabdev_report.py")
    module.write_text(texts.payload("report"), encoding="utf-8")
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(module.parent)},
        stdout=subprocess.PIPE,
    )
    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    child.communicate()  # both of its processes hold the pipe
    by_rank: dict[int, list[float]] = {}
    for row in rows():
        by_rank.setdefault(row["rank"], []).append(row["value"])
    assert list(by_rank.values()) == [[float(step) for step in range(50)]] * 5


@pytest.mark.torch
def test_scalars_of_torch_and_numpy_are_numbers(rows: Callable[[], list[dict[str, Any]]]) -> None:
    """A loss may be handed over as it is."""
    torch = pytest.importorskip("torch")
    report.metric("loss", torch.tensor(0.5, requires_grad=True), step=torch.tensor(3))
    report.metric("loss", torch.tensor([1.0, 2.0]), dtype=torch.float32)
    report.env(loss=torch.tensor(1.5))
    first, second, env = rows()
    assert (first["value"], first["step"]) == (0.5, 3)
    assert second["value"].startswith("tensor")
    assert second["dtype"] == "float32"
    assert env["loss"] == 1.5
