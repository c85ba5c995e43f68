"""Inner and matrix products. The task: briefs/dot-mm-matmul.en.md (한국어: dot-mm-matmul.ko.md)."""

import torch


def inner(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the inner product of two 1-D tensors as a 0-d tensor."""
    # TODO: one number; anything but two vectors of one length is an error.
    raise NotImplementedError


def outer(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the (m, n) table of all products of *a* (m) and *b* (n)."""
    # TODO: row i, column j holds a[i] * b[j].
    raise NotImplementedError


def batch_apply(W: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Multiply the matrices of *W* (..., m, k) by those of *x* (..., k, n)."""
    # TODO: the leading dimensions broadcast.
    raise NotImplementedError


if __name__ == "__main__":
    print(inner(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])))
