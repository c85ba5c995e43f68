"""Looking at a tensor. The task: briefs/tensor-inspect.en.md (한국어: tensor-inspect.ko.md)."""

import numpy as np
import torch


def describe(t: torch.Tensor) -> dict[str, object]:
    """Return shape, ndim, numel, dtype and device of *t* as plain Python values."""
    # TODO: {"shape": [2, 3], "ndim": 2, "numel": 6, "dtype": "float32", "device": "cpu"}
    raise NotImplementedError


def to_numpy(t: torch.Tensor) -> np.ndarray:
    """Return the numbers of *t* as an array, whatever its device, dtype and history are."""
    # TODO: t.numpy() refuses a tensor that needs gradients, one on the GPU, and bfloat16.
    raise NotImplementedError


if __name__ == "__main__":
    print(describe(torch.tensor([[2, 3], [1, 4]])))
