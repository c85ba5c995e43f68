"""Filling in place. The task: briefs/inplace-fill.en.md (한국어: inplace-fill.ko.md)."""

import torch


def set_all(t: torch.Tensor, v: float) -> torch.Tensor:
    """Set every element of *t* to *v*, in place, and return *t* itself."""
    # TODO: a parameter, a leaf that requires gradients, must work as well.
    raise NotImplementedError


if __name__ == "__main__":
    print(set_all(torch.rand(3, 2), 1))
    print(set_all(torch.nn.Parameter(torch.rand(3, 2)), 1))
