"""Looking at a tensor: one way to write it."""

import numpy as np
import torch


def describe(t: torch.Tensor) -> dict[str, object]:
    """Return shape, ndim, numel, dtype and device of *t* as plain Python values."""
    return {
        "shape": list(t.shape),
        "ndim": t.ndim,
        "numel": t.numel(),
        "dtype": str(t.dtype).removeprefix("torch."),
        "device": str(t.device),
    }


def to_numpy(t: torch.Tensor) -> np.ndarray:
    """Return the numbers of *t* as an array, whatever its device, dtype and history are."""
    if t.dtype == torch.bfloat16:
        t = t.float()
    return t.numpy(force=True)


if __name__ == "__main__":
    print(describe(torch.tensor([[2, 3], [1, 4]])))
