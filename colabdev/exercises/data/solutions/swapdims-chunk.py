"""Swapping and cutting: one way to write it."""

import torch


def swap(x: torch.Tensor) -> torch.Tensor:
    """Return *x* with its first two dimensions swapped, as a view."""
    return x.swapdims(0, 1)


def exactly_n(x: torch.Tensor, n: int) -> tuple[torch.Tensor, ...]:
    """Cut *x* along its first dimension into exactly *n* views, as equal as can be."""
    return x.tensor_split(n)


if __name__ == "__main__":
    sample = torch.arange(0, 10).view(2, 5)
    print(swap(sample))
    print(exactly_n(torch.arange(6), 4))
