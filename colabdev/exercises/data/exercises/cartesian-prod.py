"""Every combination. The task: briefs/cartesian-prod.en.md (한국어: cartesian-prod.ko.md)."""

import torch


def grid(*axes: torch.Tensor) -> torch.Tensor:
    """Return the table of all combinations: a row for each, a column for each of *axes*."""
    # TODO: a single axis makes a table, too, and the dtypes may differ.
    raise NotImplementedError


if __name__ == "__main__":
    print(grid(torch.tensor([1, 2, 3]), torch.tensor([4, 5])))
