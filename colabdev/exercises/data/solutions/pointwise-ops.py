"""Element by element: one way to write it."""

import torch


def safe_ratio(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return |a / b| element by element, and 0 where *b* is 0."""
    return torch.where(b == 0, 0.0, abs(a / b))


def flags_overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return True where *a* and *b*, read as sets of bits, have a bit in common."""
    return (a & b) != 0


if __name__ == "__main__":
    print(safe_ratio(torch.tensor([7, 1, -3]), torch.tensor([2, 0, 4])))  # 3.5, 0, 0.75
    print(flags_overlap(torch.tensor([6, 4]), torch.tensor([3, 2])))  # True, False
