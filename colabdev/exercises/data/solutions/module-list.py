"""nn.ModuleList: one way to write it."""

from collections.abc import Sequence

import torch
from torch import nn


class Mul(nn.Module):
    """Multiply by a number that can be learnt."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x times the number."""
        return x * self.value


class Cal(nn.Module):
    """Multiply by all of *values*, one after another."""

    def __init__(self, values: Sequence[float]) -> None:
        super().__init__()
        self.layer = nn.ModuleList([Mul(value) for value in values])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pass *x* through all the layers, in order."""
        for layer in self.layer:
            x = layer(x)
        return x


if __name__ == "__main__":
    calculate = Cal([1, 2, 3])
    print(calculate(torch.tensor([1])))  # 1 * 1 * 2 * 3 = 6
    print(len(list(calculate.parameters())))  # 3
