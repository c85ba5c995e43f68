"""Walking the tree of modules: one way to write it."""

import contextlib

import torch
from torch import nn


def paths(model: nn.Module) -> dict[str, str]:
    """Return the path of each module and the first line of its class's docstring."""
    return {path: _first_line(type(module).__doc__) for path, module in model.named_modules()}


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0].rstrip()


def fetch(model: nn.Module, path: str) -> nn.Module | torch.Tensor:
    """Return the module, parameter or buffer at *path*; AttributeError if there is none."""
    for look_up in (model.get_submodule, model.get_parameter, model.get_buffer):
        with contextlib.suppress(AttributeError):
            return look_up(path)
    raise AttributeError(f"no module, parameter or buffer lies at {path!r}")


if __name__ == "__main__":
    model = nn.Module()
    model.ab, model.hi, model.relu = nn.Module(), nn.Module(), nn.ReLU()
    model.ab.a, model.hi.h = nn.Linear(2, 2), nn.Module()
    model.hi.h.register_buffer("buf", torch.tensor([1.0, 2.0]))
    print(list(paths(model)))  # ['', 'ab', 'ab.a', 'hi', 'hi.h', 'relu']
    print(fetch(model, "hi.h.buf"))  # tensor([1., 2.])
