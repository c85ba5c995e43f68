"""Eigenvalues. The task: briefs/eigen-decomposition.en.md (한국어: eigen-decomposition.ko.md)."""

import torch


def eig_residual(A: torch.Tensor, symmetric: bool = False) -> torch.Tensor:
    """Return the largest |A V - V diag(L)| of each matrix of *A* (..., n, n)."""
    # TODO: eigh if symmetric, else eig. Is A of the same dtype as V?
    raise NotImplementedError


def is_diagonalisable(A: torch.Tensor) -> bool:
    """Return whether *A* (n, n) has n independent eigenvectors."""
    # TODO: the columns of V, and the condition number that tells whether they are independent.
    raise NotImplementedError


if __name__ == "__main__":
    A = torch.tensor([[1, 2], [1, 2]], dtype=torch.float64)
    print(torch.linalg.eig(A))
    print(eig_residual(A), eig_residual(A, symmetric=True))
