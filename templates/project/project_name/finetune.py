"""Taking a trained network to another task: freeze, swap the head, initialise, group."""

from collections.abc import Iterable
from typing import Any  # torch's own type of a parameter group

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # the base of all BatchNorm layers


def freeze(module: nn.Module) -> None:
    """Keep the parameters of *module* as they are; see `train_mode` for its BatchNorm."""
    module.requires_grad_(False)


def unfreeze(module: nn.Module) -> None:
    """Let the parameters of *module* learn again."""
    module.requires_grad_(True)


def train_mode(model: nn.Module) -> None:
    """Do ``model.train()``, but leave frozen BatchNorm layers in eval mode.

    Their running mean and variance are no parameters: without this they would go on changing
    with every batch of the new task, and the frozen features with them.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and _is_frozen(module):
            module.eval()


def swap_head(model: nn.Module, head: nn.Module | None = None) -> nn.Module:
    """Put *head* in the place of ``model.head`` and return the old one.

    Without *head* an Identity takes its place: the network then answers with its features.
    """
    old = model.get_submodule("head")
    model.set_submodule("head", nn.Identity() if head is None else head)
    return old


def init_linear(module: nn.Module) -> None:
    """Initialise *module* if it is linear; ``model.apply(init_linear)`` does so to all of them."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def parameter_groups(
    model: nn.Module, *, lr: float, weight_decay: float, head_lr: float | None = None
) -> list[dict[str, Any]]:
    """Return groups for an optimiser: frozen parameters in none, the head with *head_lr*.

    Biases and the scales of norms (one dimension) are not decayed: pulling them to zero helps
    nobody.
    """
    groups: list[dict[str, Any]] = []
    for in_head, rate in ((False, lr), (True, lr if head_lr is None else head_lr)):
        chosen = [
            parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and name.startswith("head.") == in_head
        ]
        for decay, members in (
            (weight_decay, [p for p in chosen if p.ndim > 1]),
            (0.0, [p for p in chosen if p.ndim <= 1]),
        ):
            if members:
                groups.append({"params": members, "lr": rate, "weight_decay": decay})
    return groups


def _is_frozen(module: nn.Module) -> bool:
    parameters: Iterable[nn.Parameter] = module.parameters(recurse=False)
    flags = [parameter.requires_grad for parameter in parameters]
    return bool(flags) and not any(flags)
