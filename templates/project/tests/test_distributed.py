"""Several processes, started by torchrun as users start them."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch

from project_name import checkpoint
from tests.conftest import Train, start, wait_for, words

TORCHRUN = ("--standalone", "--nproc-per-node=2", "-m", "project_name.train")
# Without BatchNorm and dropout, which each process computes for itself.
SETTINGS = ("model.kind=mlp", "model.dropout=0.0")


def _losses(run: Path) -> list[float]:
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row["value"] for row in rows if row.get("metric") == "loss"]


def test_two_processes_equal_one_with_the_summed_batch(train: Train, tmp_path: Path) -> None:
    """Losses and weights agree within the error of floats, and one process alone writes."""
    one = train(*SETTINGS, "data.batch_size=16", runs=tmp_path / "one")
    process = start(*TORCHRUN, *words(tmp_path / "two", *SETTINGS), module="torch.distributed.run")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    (two,) = (tmp_path / "two").glob("debug/*")
    assert len(_losses(one)) == 14
    assert _losses(two) == pytest.approx(_losses(one), rel=1e-4)
    weights = [checkpoint.load(run / "checkpoints" / "last.pt")["model"] for run in (one, two)]
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-3, atol=1e-5)
    assert said.count("finished") == 1


def test_two_processes_stop_and_go_on_together(tmp_path: Path) -> None:
    """A signal stops both after the same step; resumed, they are as if nothing had been."""
    long = ("train.epochs=30", "model.dropout=0.2", "model.kind=mlp")

    def run(where: Path, *more: str) -> tuple[str, Path]:
        arguments = [*TORCHRUN, *words(where, *long), *more]
        process = start(*arguments, module="torch.distributed.run")
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said, max(where.glob("debug/*")) / "checkpoints" / "last.pt"

    process = start(*TORCHRUN, *words(tmp_path / "cut", *long), module="torch.distributed.run")

    def rows() -> list[Path]:
        return list((tmp_path / "cut").glob("debug/*/metrics.jsonl"))

    wait_for(lambda: rows() and rows()[0].read_text().count("\n") > 20, process)
    os.kill(process.pid, signal.SIGTERM)  # to torchrun alone, which passes it on
    process.communicate(timeout=120)
    halfway = checkpoint.load(rows()[0].parent / "checkpoints" / "last.pt")
    assert 0 < halfway["step"] < 180
    said, resumed = run(tmp_path / "cut", "--resume", "auto")
    assert f"from step {halfway['step']}" in said
    _, whole = run(tmp_path / "whole")
    left, right = (checkpoint.load(path)["model"] for path in (resumed, whole))
    assert all(torch.equal(left[name], right[name]) for name in left)
