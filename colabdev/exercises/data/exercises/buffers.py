"""Buffers and the state_dict. The task: briefs/buffers.en.md (한국어: buffers.ko.md)."""

import torch
from torch import nn


class RunningMean(nn.Module):
    """Subtract the mean of all rows seen in training."""

    def __init__(self, n: int) -> None:
        # TODO: call super().__init__(), then register mean, count and last.
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take in the rows *x* (N, n) when training, and return them minus the mean."""
        raise NotImplementedError  # TODO: no graph through the buffers


if __name__ == "__main__":
    running = RunningMean(2)
    running(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    print(running.state_dict())  # mean [2, 3], count 2
    for name, buffer in running.named_buffers():
        print(name, buffer)
