"""Swapping layers with nn.Identity. The task: briefs/identity-swap.en.md (한국어: .ko.md)."""

from collections import OrderedDict

import torch
from torch import nn


def make_block(use_bn: bool) -> nn.Sequential:
    """Return linear (2 to 3), batch normalisation or nothing, and ReLU."""
    # TODO: three layers in both cases.
    raise NotImplementedError


def features_of(net: nn.Module) -> nn.Module:
    """Return a copy of *net* that gives what its classifier would have received."""
    # TODO: net itself must keep its classifier.
    raise NotImplementedError


if __name__ == "__main__":
    net = nn.Sequential(OrderedDict(block=make_block(use_bn=True), classifier=nn.Linear(3, 10)))
    X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    print(net(X).shape)  # torch.Size([2, 10])
    print(features_of(net)(X).shape)  # torch.Size([2, 3])
