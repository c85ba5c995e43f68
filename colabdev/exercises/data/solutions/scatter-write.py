"""Writing by index: one way to write it."""

import torch


def place_columns(src: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Add src[i, j] to row rows[i, j], column j, of a square of zeros, as wide as *src*."""
    width = src.shape[1]
    return src.new_zeros(width, width).scatter_add_(0, rows, src)


def histogram(idx: torch.Tensor, n: int) -> torch.Tensor:
    """Return how often each of 0 to n - 1 occurs in *idx*, as n whole numbers (int64)."""
    flat = idx.flatten()
    return flat.new_zeros(n).scatter_add_(0, flat, torch.ones_like(flat))


if __name__ == "__main__":
    sample = torch.arange(0, 10).view(2, 5)
    print(place_columns(sample, torch.tensor([[0, 1, 2, 2, 1]])))
    print(histogram(torch.tensor([0, 2, 2, 1, 2]), 4))  # 1, 1, 3, 0
