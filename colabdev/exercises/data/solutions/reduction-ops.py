"""Largest values and truth: one way to write it."""

import torch


def row_winners(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest number of each row of *x* (m, n), and the column it stands in."""
    values, columns = x.max(dim=1)
    return values, columns


def coords_of_max(x: torch.Tensor) -> tuple[int, ...]:
    """Return where the largest number of *x* is: an index for each dimension."""
    return tuple(at.item() for at in torch.unravel_index(x.argmax(), x.shape))


def any_row(x: torch.Tensor) -> torch.Tensor:
    """Return whether any row of the bool table *x* (m, n) is all True, as a 0-d bool tensor."""
    return x.all(dim=1).any()


if __name__ == "__main__":
    x = torch.tensor([[1, 9], [8, 2]])
    print(x.argmax())
    print(row_winners(x))
    print(coords_of_max(x))
