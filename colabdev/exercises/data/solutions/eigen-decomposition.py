"""Eigenvalues and eigenvectors: one way to write it."""

import torch

DEPENDENT = 1e6  # the condition number from which on eigenvectors count as dependent


def eig_residual(A: torch.Tensor, symmetric: bool = False) -> torch.Tensor:
    """Return the largest |A V - V diag(L)| of each matrix of *A* (..., n, n)."""
    L, V = torch.linalg.eigh(A) if symmetric else torch.linalg.eig(A)
    # A row of eigenvalues scales the columns of V, as a product with diag(L) would.
    error = A.to(V.dtype) @ V - V * L.unsqueeze(-2)
    return error.abs().amax(dim=(-2, -1))


def is_diagonalisable(A: torch.Tensor) -> bool:
    """Return whether *A* (n, n) has n independent eigenvectors."""
    V = torch.linalg.eig(A).eigenvectors
    return torch.linalg.cond(V).item() < DEPENDENT


if __name__ == "__main__":
    A = torch.tensor([[1, 2], [1, 2]], dtype=torch.float64)
    print(torch.linalg.eig(A))
    print(eig_residual(A), eig_residual(A, symmetric=True))
