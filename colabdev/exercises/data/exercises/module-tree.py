"""Walking the tree of modules. The task: briefs/module-tree.en.md (한국어: module-tree.ko.md)."""

import torch
from torch import nn


def paths(model: nn.Module) -> dict[str, str]:
    """Return the path of each module and the first line of its class's docstring."""
    # TODO: the model itself is at "".
    raise NotImplementedError


def fetch(model: nn.Module, path: str) -> nn.Module | torch.Tensor:
    """Return the module, parameter or buffer at *path*; AttributeError if there is none."""
    # TODO: the message holds the whole path.
    raise NotImplementedError


if __name__ == "__main__":
    model = nn.Module()
    model.ab, model.hi, model.relu = nn.Module(), nn.Module(), nn.ReLU()
    model.ab.a, model.hi.h = nn.Linear(2, 2), nn.Module()
    model.hi.h.register_buffer("buf", torch.tensor([1.0, 2.0]))
    print(list(paths(model)))  # ['', 'ab', 'ab.a', 'hi', 'hi.h', 'relu']
    print(fetch(model, "hi.h.buf"))  # tensor([1., 2.])
