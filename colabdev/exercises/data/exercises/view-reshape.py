"""view and reshape. The task: briefs/view-reshape.en.md (한국어: view-reshape.ko.md)."""

import torch


def pairs(x: torch.Tensor) -> torch.Tensor:
    """Return the numbers of *x*, in reading order, as rows of two, in the memory of *x*."""
    # TODO: never copy; where that is impossible, raise an error.
    raise NotImplementedError


def flat_rows(x: torch.Tensor, k: int) -> torch.Tensor:
    """Return the numbers of *x*, in reading order, as rows of *k*."""
    # TODO: any x will do, a transposed one, too; copy only if you must.
    raise NotImplementedError


if __name__ == "__main__":
    x = torch.arange(12).reshape(2, 3, 2)
    print(pairs(x))
    print(flat_rows(x.transpose(0, 2), 6))
