"""nn.ModuleDict: one way to write it."""

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


class Router(nn.Module):
    """Modules by name: one of them, or all in a row."""

    def __init__(self, branches: dict[str, nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)

    def forward(self, x: torch.Tensor, name: str | None = None) -> torch.Tensor:
        """Pass *x* through the branch *name*, or through all of them in order."""
        if name is not None:
            return self.branches[name](x)
        for branch in self.branches.values():
            x = branch(x)
        return x


if __name__ == "__main__":
    router = Router({"mul1": Mul(1), "mul2": Mul(2), "mul3": Mul(3)})
    print(router(torch.tensor([1])))  # 1 * 1 * 2 * 3 = 6
    print(router(torch.tensor([1]), "mul3"))  # 1 * 3 = 3
