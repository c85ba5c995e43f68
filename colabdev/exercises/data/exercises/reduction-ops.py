"""Largest values and truth. The task: briefs/reduction-ops.en.md (한국어: reduction-ops.ko.md)."""

import torch


def row_winners(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest number of each row of *x* (m, n), and the column it stands in."""
    # TODO: two tensors of shape (m); the first column counts.
    raise NotImplementedError


def coords_of_max(x: torch.Tensor) -> tuple[int, ...]:
    """Return where the largest number of *x* is: an index for each dimension."""
    # TODO: argmax() without dim counts through the whole tensor. Make coordinates of that.
    raise NotImplementedError


def any_row(x: torch.Tensor) -> torch.Tensor:
    """Return whether any row of the bool table *x* (m, n) is all True, as a 0-d bool tensor."""
    # TODO: which of the two, all or any, comes first?
    raise NotImplementedError


if __name__ == "__main__":
    x = torch.tensor([[1, 9], [8, 2]])
    print(x.argmax())
    print(row_winners(x))
    print(coords_of_max(x))
