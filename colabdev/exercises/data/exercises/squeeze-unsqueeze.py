"""Size one. The task: briefs/squeeze-unsqueeze.en.md (한국어: squeeze-unsqueeze.ko.md)."""

import torch


def drop_channel(x: torch.Tensor) -> torch.Tensor:
    """Return *x* of shape (N, 1, ...) as a view of shape (N, ...)."""
    # TODO: only dimension 1 goes, and only if its size is 1; anything else is an error.
    raise NotImplementedError


def add_batch(x: torch.Tensor) -> torch.Tensor:
    """Return *x* of shape (...) as a view of shape (1, ...)."""
    # TODO: a batch of one sample.
    raise NotImplementedError


if __name__ == "__main__":
    print(drop_channel(torch.rand(1, 1, 28, 28)).shape)  # (1, 28, 28)
    print(add_batch(torch.rand(28, 28)).shape)  # (1, 28, 28)
