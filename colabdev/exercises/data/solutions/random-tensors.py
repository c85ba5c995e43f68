"""Random tensors: one way to write it."""

import torch


def noise(
    n: int,
    mean: float,
    std: float,
    *,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Return *n* draws from the normal distribution, as a 1-D float32 tensor on *device*."""
    return torch.normal(mean, std, (n,), device=device, generator=generator)


def coin(p: torch.Tensor, *, generator: torch.Generator | None = None) -> torch.Tensor:
    """Return 1 with the probability that *p* gives, else 0, for each number of *p*."""
    return torch.bernoulli(p, generator=generator)


if __name__ == "__main__":
    print(noise(10, 5.0, 1.0))
    print(coin(torch.rand(2, 5)))
