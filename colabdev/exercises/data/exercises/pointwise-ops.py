"""Element by element. The task: briefs/pointwise-ops.en.md (한국어: pointwise-ops.ko.md)."""

import torch


def safe_ratio(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return |a / b| element by element, and 0 where *b* is 0."""
    # TODO: whole numbers, too: 7 and 2 give 3.5, and the int8 -128 and 1 give 128.
    raise NotImplementedError


def flags_overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return True where *a* and *b*, read as sets of bits, have a bit in common."""
    # TODO: 6 (110) and 3 (011) share a bit; 4 (100) and 2 (010) do not.
    raise NotImplementedError


if __name__ == "__main__":
    print(safe_ratio(torch.tensor([7, 1, -3]), torch.tensor([2, 0, 4])))  # 3.5, 0, 0.75
    print(flags_overlap(torch.tensor([6, 4]), torch.tensor([3, 2])))  # True, False
