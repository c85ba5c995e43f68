"""What one step does: batches add up, gradients are clipped, and precision follows the device."""

from pathlib import Path

import torch

from project_name.checkpoint import load
from project_name.hardware import Compute, best_dtype
from tests.conftest import Train


def _weights(run: Path) -> torch.Tensor:
    return torch.cat([t.flatten() for t in load(run / "checkpoints" / "last.pt")["model"].values()])


def test_accumulated_batches_make_one_step(train: Train, tmp_path: Path) -> None:
    """Two batches of 8 per step take the steps of one batch of 16, within float error."""
    plain = ("model.kind=mlp", "model.dropout=0.0")
    one = train(*plain, "data.batch_size=16", runs=tmp_path / "one")
    two = train(*plain, "data.batch_size=8", "optim.accumulate=2", runs=tmp_path / "two")
    torch.testing.assert_close(_weights(one), _weights(two), rtol=1e-4, atol=1e-5)


def test_gradients_are_clipped(train: Train, tmp_path: Path) -> None:
    """Cut to nothing they move nothing; that is how one sees that they are cut."""
    still = ("model.kind=mlp", "optim.weight_decay=0.0", "train.limit_steps=1", "train.epochs=1")
    clipped = train(*still, "optim.clip_norm=1e-20", runs=tmp_path / "clipped")
    moved = train(*still, "optim.clip_norm=0.0", runs=tmp_path / "moved")
    start = train(*still, "optim.lr=0.0", runs=tmp_path / "start")
    torch.testing.assert_close(_weights(clipped), _weights(start), rtol=0, atol=1e-9)
    assert (_weights(moved) - _weights(start)).abs().max() > 1e-6


def test_precision_follows_the_gpu() -> None:
    """A T4 computes in fp16, with its loss scaled; an A100 or an L4 in bf16, without."""
    assert best_dtype((7, 5)) is torch.float16
    assert best_dtype((8, 0)) is best_dtype((8, 9)) is torch.bfloat16
    assert Compute(torch.device("cpu"), torch.float16).scaler().is_enabled()
    assert not Compute(torch.device("cpu"), torch.bfloat16).scaler().is_enabled()
