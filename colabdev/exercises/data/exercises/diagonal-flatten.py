"""Diagonals. The task: briefs/diagonal-flatten.en.md (한국어: diagonal-flatten.ko.md)."""

import torch


def batch_trace(x: torch.Tensor, offset: int = 0) -> torch.Tensor:
    """Return the sum of the diagonal of each matrix of *x* (..., m, n)."""
    # TODO: which two dims are the matrices'? By default diagonal takes the first two.
    raise NotImplementedError


def keep_batch_flat(x: torch.Tensor) -> torch.Tensor:
    """Return *x* (n, ...) as (n, k), with a row of numbers for each sample."""
    # TODO: (n) becomes (n, 1), and a single number (1, 1). Copy nothing that need not be copied.
    raise NotImplementedError


if __name__ == "__main__":
    x = torch.arange(24).reshape(2, 3, 4)
    print(batch_trace(x))
    print(keep_batch_flat(x))
