"""Swapping layers with nn.Identity: one way to write it."""

import copy
from collections import OrderedDict

import torch
from torch import nn


def make_block(use_bn: bool) -> nn.Sequential:
    """Return linear (2 to 3), batch normalisation or nothing, and ReLU."""
    return nn.Sequential(
        nn.Linear(2, 3),
        nn.BatchNorm1d(3) if use_bn else nn.Identity(),
        nn.ReLU(),
    )


def features_of(net: nn.Module) -> nn.Module:
    """Return a copy of *net* that gives what its classifier would have received."""
    features = copy.deepcopy(net)
    features.classifier = nn.Identity()
    return features


if __name__ == "__main__":
    net = nn.Sequential(OrderedDict(block=make_block(use_bn=True), classifier=nn.Linear(3, 10)))
    X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    print(net(X).shape)  # torch.Size([2, 10])
    print(features_of(net)(X).shape)  # torch.Size([2, 3])
