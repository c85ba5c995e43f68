"""Tensors and memory. The task: briefs/tensor-creation.en.md (한국어: tensor-creation.ko.md)."""

import numpy as np
import torch


def as_float32(a: np.ndarray) -> torch.Tensor:
    """Return the numbers of *a* as a float32 tensor with a memory of its own."""
    # TODO: a later write to the array must not show, whatever the array's dtype is.
    raise NotImplementedError


def shared(a: np.ndarray) -> torch.Tensor:
    """Return a tensor that shares the memory of *a*; an array that cannot be shared is an error."""
    # TODO: a write to either of the two shows in the other.
    raise NotImplementedError


def independent(a: np.ndarray) -> torch.Tensor:
    """Return the numbers of *a*, in the dtype of *a*, with a memory of their own."""
    # TODO: an array that was reversed with [::-1] works, too.
    raise NotImplementedError


if __name__ == "__main__":
    array = np.array([[2, 3], [1, 4]])
    tensor = shared(array)
    array[0, 0] = 99
    print(tensor)  # the 99 shows
