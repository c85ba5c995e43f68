"""Transfer learning: one way to write it."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

LR = 0.1
MOMENTUM = 0.9

Batch = tuple[torch.Tensor, torch.Tensor]


def freeze(net: nn.Module) -> nn.Module:
    """Keep every weight and every statistic of *net* as it is; return *net*."""
    return net.requires_grad_(False).eval()


@torch.no_grad()
def feature_size(net: nn.Module, inputs: torch.Tensor) -> int:
    """Return how many features of each sample reach the head of the frozen *net*."""
    sizes: list[int] = []
    look = net.head.register_forward_pre_hook(lambda _head, args: sizes.append(args[0].shape[-1]))
    with look:  # a handle removes its hook at the end of the block
        net(inputs)
    return sizes[0]


def finetune(
    net: nn.Module, data: list[Batch], steps: int, path: str | Path | None = None
) -> list[float]:
    """Train a new head on *net* until *steps* are done, resuming at *path*; return the losses."""
    head = _new_head(freeze(net), data)
    optimizer = torch.optim.SGD(head.parameters(), lr=LR, momentum=MOMENTUM)
    losses: list[float] = []
    if path is not None and Path(path).exists():
        saved = torch.load(path)
        head.load_state_dict(saved["head"])
        optimizer.load_state_dict(saved["optimizer"])
        losses = saved["losses"]
    for step in range(len(losses), steps):
        inputs, labels = data[step % len(data)]
        loss = F.cross_entropy(net(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if path is not None:
        _save(
            {
                "head": head.state_dict(),
                "optimizer": optimizer.state_dict(),  # its momentum is part of where we are
                "losses": losses,
            },
            path,
        )
    return losses


def _new_head(net: nn.Module, data: list[Batch]) -> nn.Linear:
    """Put a linear head that starts at 0 on *net*, wide enough for every label of *data*."""
    inputs = data[0][0]
    classes = 1 + max(int(labels.max()) for _, labels in data)
    net.head = nn.Linear(feature_size(net, inputs), classes, device=inputs.device)
    for parameter in net.head.parameters():
        nn.init.zeros_(parameter)
    return net.head


def _save(state: dict, path: str | Path) -> None:
    """Save beside *path* first: what is there stays whole until the new one is."""
    draft = Path(f"{path}.new")
    torch.save(state, draft)
    draft.replace(path)


if __name__ == "__main__":
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("backbone", nn.Sequential(nn.Linear(4, 8), nn.ReLU()))
    net.add_module("head", nn.Linear(8, 10))
    inputs = torch.randn(32, 4)
    print(finetune(net, [(inputs, (inputs[:, 0] > 0).long())], 20))
