"""Diagonals and flattening: one way to write it."""

import torch


def batch_trace(x: torch.Tensor, offset: int = 0) -> torch.Tensor:
    """Return the sum of the diagonal of each matrix of *x* (..., m, n)."""
    return x.diagonal(offset, dim1=-2, dim2=-1).sum(dim=-1)


def keep_batch_flat(x: torch.Tensor) -> torch.Tensor:
    """Return *x* (n, ...) as (n, k), with a row of numbers for each sample."""
    # A last dimension of size 1 adds no numbers, and gives flatten(1) something to flatten.
    return torch.atleast_1d(x).unsqueeze(-1).flatten(1)


if __name__ == "__main__":
    x = torch.arange(24).reshape(2, 3, 4)
    print(batch_trace(x))
    print(keep_batch_flat(x))
