"""Hooks on tensors. The task: briefs/tensor-hooks.en.md (한국어: tensor-hooks.ko.md)."""

import torch
from torch.utils.hooks import RemovableHandle


def square_grad(t: torch.Tensor) -> RemovableHandle:
    """Square the gradient of *t* in every backward pass; return the handle of the hook."""
    # TODO: what does a tensor hook receive, and what does its return value do?
    raise NotImplementedError


def clip_grad_hook(t: torch.Tensor, c: float) -> RemovableHandle:
    """Limit each number of the gradient of *t* to [-c, c]; return the handle of the hook."""
    # TODO: a new tensor, please: the gradient that comes in is not yours alone.
    raise NotImplementedError


if __name__ == "__main__":
    sample = torch.zeros(3, requires_grad=True)
    handle = square_grad(sample)
    sample.backward(torch.tensor([1.0, 2.0, 3.0]))
    print(sample.grad)  # 1, 4, 9
