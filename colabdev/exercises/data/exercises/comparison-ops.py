"""Order and equality. The task: briefs/comparison-ops.en.md (한국어: comparison-ops.ko.md)."""

import torch


def rank_rows(x: torch.Tensor) -> torch.Tensor:
    """Return the column numbers of each row of *x* (m, n), the smallest value's first."""
    # TODO: equal values keep their order. Does argsort promise that?
    raise NotImplementedError


def agreement(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return where *a* and *b* agree: equal integers, and floats up to their rounding."""
    # TODO: what do 0.1 + 0.2 and 0.3 need, and what must 1000000 and 1000001 not get?
    raise NotImplementedError


def clean(x: torch.Tensor) -> torch.Tensor:
    """Return *x* with a 0 in the place of every number that is not finite."""
    # TODO: x itself stays.
    raise NotImplementedError


if __name__ == "__main__":
    print(rank_rows(torch.tensor([[1, 0, 1, 0]])))
    print(clean(torch.tensor([1.0, torch.inf, torch.nan])))
