"""Inverse, pseudo-inverse. The task: briefs/pinv-inverse.en.md (한국어: pinv-inverse.ko.md)."""

import torch


def solve_or_lstsq(A: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return x (..., n, k) with A x = b, or the smallest x that comes nearest to it.

    *A* is (..., m, n), *b* is (..., m, k).
    """
    # TODO: when may torch.linalg.solve be trusted? What is left for torch.linalg.pinv?
    raise NotImplementedError


if __name__ == "__main__":
    b = torch.tensor([[1.0], [2.0]])
    print(solve_or_lstsq(torch.tensor([[1.0, 2.0], [4.0, 5.0]]), b))
    print(solve_or_lstsq(torch.tensor([[1.0, 2.0], [2.0, 4.0]]), b))
