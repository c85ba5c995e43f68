"""Edit parameters. The task: briefs/edit-parameters.en.md (한국어: edit-parameters.ko.md)."""

from collections.abc import Callable

import torch
from torch import nn


def set_and_freeze(
    net: nn.Module, fn: Callable[[str, nn.Parameter], torch.Tensor | float]
) -> nn.Module:
    """Write fn(name, param) into each parameter of *net* and freeze it; return *net*."""
    # TODO: in place and without .data; what keeps autograd from objecting?
    raise NotImplementedError


if __name__ == "__main__":
    net = set_and_freeze(nn.Linear(2, 2), lambda _name, _param: torch.tensor([1]))
    print(net(torch.ones(1, 2)))  # 3, 3
