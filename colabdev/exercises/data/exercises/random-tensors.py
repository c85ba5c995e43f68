"""Random tensors. The task: briefs/random-tensors.en.md (한국어: random-tensors.ko.md)."""

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
    # TODO: new numbers at each call, from *generator* if there is one.
    raise NotImplementedError


def coin(p: torch.Tensor, *, generator: torch.Generator | None = None) -> torch.Tensor:
    """Return 1 with the probability that *p* gives, else 0, for each number of *p*."""
    # TODO: same shape and dtype as p; p itself stays.
    raise NotImplementedError


if __name__ == "__main__":
    print(noise(10, 5.0, 1.0))
    print(coin(torch.rand(2, 5)))
