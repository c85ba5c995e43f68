"""Looking into a network without changing its code: activations and gradients, by hooks."""

import contextlib
from collections.abc import Iterator
from typing import Any  # a hook's input is whatever forward() takes

from torch import Tensor, nn


@contextlib.contextmanager
def capture(model: nn.Module, *names: str) -> Iterator[dict[str, Tensor]]:
    """Collect the latest output of the submodules *names* while the block runs.

    The hooks are gone afterwards, also after an error.
    """
    outputs: dict[str, Tensor] = {}
    with contextlib.ExitStack() as stack:
        for name in names:

            def keep(module: nn.Module, inputs: Any, output: Tensor, name: str = name) -> None:
                outputs[name] = output.detach()  # else it would keep the whole graph alive

            handle = model.get_submodule(name).register_forward_hook(keep)
            stack.callback(handle.remove)
        yield outputs


@contextlib.contextmanager
def gradient_norms(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the norm of each parameter's gradient as ``backward()`` makes it.

    A frozen parameter has none. Norms stay tensors: reading one waits for the GPU.
    """
    norms: dict[str, Tensor] = {}
    with contextlib.ExitStack() as stack:
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:

                def measure(parameter: Tensor, name: str = name) -> None:
                    if parameter.grad is not None:
                        norms[name] = parameter.grad.detach().norm()

                handle = parameter.register_post_accumulate_grad_hook(measure)
                stack.callback(handle.remove)
        yield norms
