"""Forward and backward hooks: one way to write them."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn


def wrap(module: nn.Module, before: Callable, after: Callable) -> list:
    """Let *before* change the input of *module* and *after* its output; return the handles."""
    return [
        module.register_forward_pre_hook(lambda _module, args: before(*args)),
        module.register_forward_hook(lambda _module, _args, output: after(output)),
    ]


@contextlib.contextmanager
def capture(model: nn.Module, names: Iterable[str]) -> Iterator[dict[str, dict]]:
    """Record what the submodules *names* receive and give, and their gradients, for a while."""
    modules = {name: model.get_submodule(name) for name in names}  # a wrong name fails here
    seen = {name: {} for name in modules}
    with contextlib.ExitStack() as stack:
        for name, module in modules.items():
            for handle in _record(module, seen[name]):
                stack.enter_context(handle)  # which removes its hook at the end
        yield seen


def _record(module: nn.Module, record: dict) -> list:
    """Write each call of *module* into *record*; return the handles."""

    def forward(_module, args, kwargs, output):
        record.clear()  # the gradients of an earlier call, too
        record.update(args=args, kwargs=kwargs, output=output)

    def backward(_module, grad_input, grad_output):
        record.update(grad_input=grad_input, grad_output=grad_output)

    return [
        module.register_forward_hook(forward, with_kwargs=True),
        module.register_full_backward_hook(backward),
    ]


if __name__ == "__main__":
    model = nn.Identity()
    wrap(model, lambda x: x * 2, lambda x: x**2)
    print(model(torch.tensor(3.0)))  # 36
