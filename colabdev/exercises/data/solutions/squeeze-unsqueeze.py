"""squeeze and unsqueeze: one way to use them."""

import torch


def drop_channel(x: torch.Tensor) -> torch.Tensor:
    """Return *x* of shape (N, 1, ...) as a view of shape (N, ...)."""
    if x.size(1) != 1:
        raise ValueError(f"The shape is {tuple(x.shape)} and not (N, 1, ...).")
    return x.squeeze(1)


def add_batch(x: torch.Tensor) -> torch.Tensor:
    """Return *x* of shape (...) as a view of shape (1, ...)."""
    return x.unsqueeze(0)


if __name__ == "__main__":
    print(drop_channel(torch.rand(1, 1, 28, 28)).shape)  # (1, 28, 28)
    print(add_batch(torch.rand(28, 28)).shape)  # (1, 28, 28)
