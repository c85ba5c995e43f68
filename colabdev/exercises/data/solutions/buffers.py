"""Buffers and the state_dict: one way to write it."""

import torch
from torch import nn


class RunningMean(nn.Module):
    """Subtract the mean of all rows seen in training."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("last", torch.zeros(n), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take in the rows *x* (N, n) when training, and return them minus the mean."""
        if self.training and len(x):
            self._take_in(x.detach())
        return x - self.mean

    def _take_in(self, x: torch.Tensor) -> None:
        self.last.copy_(x.mean(dim=0))
        self.count += len(x)
        # The new rows weigh as much as their share of all rows.
        self.mean += (self.last - self.mean) * (len(x) / self.count)


if __name__ == "__main__":
    running = RunningMean(2)
    running(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    print(running.state_dict())  # mean [2, 3], count 2
    for name, buffer in running.named_buffers():
        print(name, buffer)
