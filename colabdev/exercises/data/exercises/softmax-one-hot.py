"""Probabilities. The task: briefs/softmax-one-hot.en.md (한국어: softmax-one-hot.ko.md)."""

import torch
import torch.nn.functional as F  # noqa: F401 - yours to use


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return the softmax of *logits* (..., C) over the classes, which are the last dim."""
    # TODO: exp(1000) is inf. Which function knows that?
    raise NotImplementedError


def encode(idx: torch.Tensor, n: int) -> torch.Tensor:
    """Return the one-hot codes (..., n) of the class numbers *idx* (...)."""
    # TODO: the width is n, whatever the data holds.
    raise NotImplementedError


if __name__ == "__main__":
    p = probabilities(torch.tensor([0.5, 0.5, 1.0]))
    print(p)
    print(encode(p.argmax(dim=0), 3))
