"""Writing by index. The task: briefs/scatter-write.en.md (한국어: scatter-write.ko.md)."""

import torch


def place_columns(src: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Add src[i, j] to row rows[i, j], column j, of a square of zeros, as wide as *src*."""
    # TODO: src is (m, n), rows (k, n) with k <= m, the result (n, n) in the dtype of src.
    raise NotImplementedError


def histogram(idx: torch.Tensor, n: int) -> torch.Tensor:
    """Return how often each of 0 to n - 1 occurs in *idx*, as n whole numbers (int64)."""
    # TODO: idx (int64) has any shape; a number outside of 0 to n - 1 is an error.
    raise NotImplementedError


if __name__ == "__main__":
    sample = torch.arange(0, 10).view(2, 5)
    print(place_columns(sample, torch.tensor([[0, 1, 2, 2, 1]])))
    print(histogram(torch.tensor([0, 2, 2, 1, 2]), 4))  # 1, 1, 3, 0
