"""Swapping and cutting. The task: briefs/swapdims-chunk.en.md (한국어: swapdims-chunk.ko.md)."""

import torch


def swap(x: torch.Tensor) -> torch.Tensor:
    """Return *x* with its first two dimensions swapped, as a view."""
    # TODO: (2, 5) becomes (5, 2), and (2, 5, 3) becomes (5, 2, 3).
    raise NotImplementedError


def exactly_n(x: torch.Tensor, n: int) -> tuple[torch.Tensor, ...]:
    """Cut *x* along its first dimension into exactly *n* views, as equal as can be."""
    # TODO: 6 rows in 4 parts are 2, 2, 1 and 1 rows; torch.chunk makes 3 parts of it.
    raise NotImplementedError


if __name__ == "__main__":
    sample = torch.arange(0, 10).view(2, 5)
    print(swap(sample))
    print(exactly_n(torch.arange(6), 4))
