"""Inner and matrix products: one way to write them."""

import torch


def inner(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the inner product of two 1-D tensors as a 0-d tensor."""
    return torch.dot(a, b)


def outer(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the (m, n) table of all products of *a* (m) and *b* (n)."""
    return a[:, None] * b[None, :]


def batch_apply(W: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Multiply the matrices of *W* (..., m, k) by those of *x* (..., k, n)."""
    return W @ x


if __name__ == "__main__":
    print(inner(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])))
