"""Samples, their order, and means over them."""

import json
from itertools import chain
from pathlib import Path

import pytest
import torch

from project_name.config import Config, ConfigError, Data
from project_name.data import BatchOrder, datasets
from project_name.distributed import Group
from project_name.metrics import Meter
from project_name.models import build_model
from tests.conftest import Train


def test_an_epoch_takes_each_sample_once() -> None:
    """Whole batches in another order each epoch, no sample twice; the rest comes another time."""
    first, second = (list(BatchOrder(50, 8, epoch, Group())) for epoch in (0, 1))
    assert [len(batch) for batch in first] == [8] * 6
    assert len(set(chain(*first))) == 48
    assert [i for _, i in chain(*first)] != [i for _, i in chain(*second)]


@pytest.mark.parametrize("start", [0, 16, 48])
def test_processes_share_what_one_would_take(start: int) -> None:
    """Batch by batch, two processes take what one with a batch twice as large takes."""
    one = list(BatchOrder(50, 16, 3, Group(), start=start))
    rank0, rank1 = (list(BatchOrder(50, 8, 3, Group(r, 2), start=start)) for r in (0, 1))
    assert [sorted(batch) for batch in one] == [
        sorted(a + b) for a, b in zip(rank0, rank1, strict=True)
    ]


def test_validation_takes_all() -> None:
    """Without shuffle the short last batch counts too, over all processes."""
    shares = [BatchOrder(11, 4, 0, Group(rank, 2), shuffle=False) for rank in (0, 1)]
    assert sorted(i for _, i in chain(*chain(*shares))) == list(range(11))
    assert len(shares[0]) == len(list(shares[0])) == 2


def test_a_sample_is_drawn_anew_in_each_epoch_and_the_same_each_time() -> None:
    """Augmentation depends on epoch and index alone."""
    train, val = datasets(Data(train_size=8, val_size=8), seed=1)
    torch.testing.assert_close(train[0, 3][0], train[0, 3][0], rtol=0, atol=0)
    assert not torch.equal(train[0, 3][0], train[1, 3][0])
    assert torch.equal(val[0, 3][0], val[1, 3][0])


def test_data_of_your_own_is_read(tmp_path: Path, train: Train) -> None:
    """``data.path`` trains on tensors from files; what is wrong with them is said."""
    with pytest.raises(ConfigError, match=r"train\.pt"):
        datasets(Data(path=str(tmp_path)), 0)
    for split in ("train", "val"):
        held = {"images": torch.randn(24, 1, 16, 16), "labels": torch.arange(24) % 10}
        torch.save(held, tmp_path / f"{split}.pt")
    run = train(f"data.path={tmp_path}")
    assert (run / "checkpoints" / "best.pt").exists()
    torch.save({"x": 1}, tmp_path / "val.pt")
    with pytest.raises(ConfigError, match="must hold"):
        datasets(Data(path=str(tmp_path)), 0)


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_shapes(kind: str) -> None:
    """Each network turns (N, 1, H, W) into (N, classes)."""
    config = Config(data=Data(classes=7), model=Config().model.__class__(kind=kind))  # type: ignore[arg-type]  # the parameter is one of the two
    assert build_model(config)(torch.randn(3, 1, 16, 16)).shape == (3, 7)


def test_means_are_over_samples() -> None:
    """A batch of one counts a third of a batch of three."""
    meter = Meter(torch.device("cpu"))
    right = torch.tensor([[0.0, 1.0]])
    meter.add(torch.tensor(1.0), right.repeat(3, 1), torch.ones(3, dtype=torch.long))
    meter.add(torch.tensor(5.0), right, torch.zeros(1, dtype=torch.long))
    assert meter.compute(Group()) == {"loss": 2.0, "accuracy": 0.75, "samples": 4.0}


def test_rows_are_one_number_each_after_the_machine(train: Train) -> None:
    """The first row says what was measured on; each other one has what a table needs."""
    run = train()
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["kind"] == "env"
    assert rows[0]["torch"] == torch.__version__
    numbers = [row for row in rows if row["kind"] == "metric"]
    assert len(numbers) == len(rows) - 1
    needed = {"case", "metric", "value", "unit", "better", "device", "dtype", "step", "epoch"}
    assert all(needed <= row.keys() for row in numbers)
    steps = [row["step"] for row in numbers if row["metric"] == "loss" and "train" in row["case"]]
    assert steps == list(range(1, 25))
    assert {row["metric"] for row in numbers} >= {"loss", "accuracy", "lr", "samples_per_s"}
    env = json.loads((run / "env.json").read_text())
    assert {"python", "cpus", "git", "processes", "resumed_from"} <= env.keys()
    assert "lr = 0.003  # base.toml" in (run / "config.toml").read_text()
