"""view and reshape: one way to use them."""

import torch


def pairs(x: torch.Tensor) -> torch.Tensor:
    """Return the numbers of *x*, in reading order, as rows of two, in the memory of *x*."""
    return x.view(-1, 2)


def flat_rows(x: torch.Tensor, k: int) -> torch.Tensor:
    """Return the numbers of *x*, in reading order, as rows of *k*."""
    return x.reshape(-1, k)


if __name__ == "__main__":
    x = torch.arange(12).reshape(2, 3, 2)
    print(pairs(x))
    print(flat_rows(x.transpose(0, 2), 6))
