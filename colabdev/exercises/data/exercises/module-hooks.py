"""Forward and backward hooks. The task: briefs/module-hooks.en.md (한국어: module-hooks.ko.md)."""

import contextlib
from collections.abc import Callable, Iterable

import torch
from torch import nn


def wrap(module: nn.Module, before: Callable, after: Callable) -> list:
    """Let *before* change the input of *module* and *after* its output; return the handles."""
    # TODO: what does a forward pre-hook receive, what a forward hook?
    raise NotImplementedError


def capture(
    model: nn.Module, names: Iterable[str]
) -> contextlib.AbstractContextManager[dict[str, dict]]:
    """Record what the submodules *names* receive and give, and their gradients, for a while."""
    # TODO: make this a generator under @contextlib.contextmanager: register the hooks, yield the
    # records, and remove the hooks whatever happens.
    raise NotImplementedError


if __name__ == "__main__":
    model = nn.Identity()
    wrap(model, lambda x: x * 2, lambda x: x**2)
    print(model(torch.tensor(3.0)))  # 36
