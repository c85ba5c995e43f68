"""nn.Linear: one way to write it."""

import torch
from torch import nn


class Head(nn.Module):
    """A dense layer over samples of any shape that hold *n_in* numbers each."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a batch (N, ...) to (N, n_out), each sample by itself."""
        return self.linear(x.flatten(1))


if __name__ == "__main__":
    head = Head(2, 5)
    print(head(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).shape)  # torch.Size([2, 5])
