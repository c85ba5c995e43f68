"""Tensors and memory: one way to write them."""

import numpy as np
import torch


def as_float32(a: np.ndarray) -> torch.Tensor:
    """Return the numbers of *a* as a float32 tensor with a memory of its own."""
    return torch.from_numpy(a.astype(np.float32))


def shared(a: np.ndarray) -> torch.Tensor:
    """Return a tensor that shares the memory of *a*; an array that cannot be shared is an error."""
    return torch.from_numpy(a)


def independent(a: np.ndarray) -> torch.Tensor:
    """Return the numbers of *a*, in the dtype of *a*, with a memory of their own."""
    return torch.from_numpy(a.copy())


if __name__ == "__main__":
    array = np.array([[2, 3], [1, 4]])
    tensor = shared(array)
    array[0, 0] = 99
    print(tensor)  # the 99 shows
