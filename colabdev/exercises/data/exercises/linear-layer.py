"""nn.Linear. The task: briefs/linear-layer.en.md (한국어: linear-layer.ko.md)."""

import torch
from torch import nn


class Head(nn.Module):
    """A dense layer over samples of any shape that hold *n_in* numbers each."""

    def __init__(self, n_in: int, n_out: int) -> None:
        # TODO: call super().__init__(), then keep one nn.Linear as self.linear.
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a batch (N, ...) to (N, n_out), each sample by itself."""
        # TODO: flatten each sample, and not the batch.
        raise NotImplementedError


if __name__ == "__main__":
    head = Head(2, 5)
    print(head(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).shape)  # torch.Size([2, 5])
