"""Transfer learning. The task: briefs/transfer-train-step.en.md (한국어: ...-step.ko.md)."""

from pathlib import Path

import torch
from torch import nn

LR = 0.1
MOMENTUM = 0.9

Batch = tuple[torch.Tensor, torch.Tensor]


def freeze(net: nn.Module) -> nn.Module:
    """Keep every weight and every statistic of *net* as it is; return *net*."""
    raise NotImplementedError  # TODO


def feature_size(net: nn.Module, inputs: torch.Tensor) -> int:
    """Return how many features of each sample reach the head of the frozen *net*."""
    # TODO: a forward pre-hook on net.head sees them.
    raise NotImplementedError


def finetune(
    net: nn.Module, data: list[Batch], steps: int, path: str | Path | None = None
) -> list[float]:
    """Train a new head on *net* until *steps* are done, resuming at *path*; return the losses."""
    # TODO: freeze, new head, optimizer; then the checkpoint, if there is one; train; save.
    raise NotImplementedError


if __name__ == "__main__":
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("backbone", nn.Sequential(nn.Linear(4, 8), nn.ReLU()))
    net.add_module("head", nn.Linear(8, 10))
    inputs = torch.randn(32, 4)
    print(finetune(net, [(inputs, (inputs[:, 0] > 0).long())], 20))
