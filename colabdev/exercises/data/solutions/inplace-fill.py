"""Filling in place: one way to write it."""

import torch


def set_all(t: torch.Tensor, v: float) -> torch.Tensor:
    """Set every element of *t* to *v*, in place, and return *t* itself."""
    with torch.no_grad():
        return t.fill_(v)


if __name__ == "__main__":
    print(set_all(torch.rand(3, 2), 1))
    print(set_all(torch.nn.Parameter(torch.rand(3, 2)), 1))
