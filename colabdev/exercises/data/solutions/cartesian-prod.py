"""Every combination: one way to write it."""

import functools

import torch


def grid(*axes: torch.Tensor) -> torch.Tensor:
    """Return the table of all combinations: a row for each, a column for each of *axes*."""
    dtype = functools.reduce(torch.promote_types, (axis.dtype for axis in axes))
    table = torch.cartesian_prod(*(axis.to(dtype) for axis in axes))
    return table.reshape(-1, len(axes))


if __name__ == "__main__":
    print(grid(torch.tensor([1, 2, 3]), torch.tensor([4, 5])))
