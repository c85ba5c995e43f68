"""Probabilities and one-hot codes: one way to write it."""

import torch
import torch.nn.functional as F


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return the softmax of *logits* (..., C) over the classes, which are the last dim."""
    return F.softmax(logits, dim=-1)


def encode(idx: torch.Tensor, n: int) -> torch.Tensor:
    """Return the one-hot codes (..., n) of the class numbers *idx* (...)."""
    return F.one_hot(idx, num_classes=n)


if __name__ == "__main__":
    p = probabilities(torch.tensor([0.5, 0.5, 1.0]))
    print(p)
    print(encode(p.argmax(dim=0), 3))
