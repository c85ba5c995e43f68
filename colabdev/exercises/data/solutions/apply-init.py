"""Initialise with apply: one way to write it."""

import torch
from torch import nn


def init_linear(net: nn.Module, value: float) -> nn.Module:
    """Set the weight of every nn.Linear in *net* to *value*; return *net*."""

    @torch.no_grad()
    def fill(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.weight.fill_(value)

    return net.apply(fill)


if __name__ == "__main__":
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    print(init_linear(net, 1.0)(torch.ones(1, 2)))
