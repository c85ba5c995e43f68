"""A worked transfer: what a network learned on one task, used for another one with little data."""

import argparse
import copy
import sys
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from project_name.config import Config, Data, Model
from project_name.data import Images, datasets
from project_name.finetune import (
    freeze,
    init_linear,
    parameter_groups,
    swap_head,
    train_mode,
)
from project_name.hooks import capture, gradient_norms
from project_name.losses import classification_loss
from project_name.models import build_model


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on task A, freeze the body, train a new head on task B, and say what came of it."""
    parser = argparse.ArgumentParser(
        prog="project_name.transfer",
        description="Transfer.",
    )
    parser.add_argument("--steps", type=int, default=150, help="of each of the two trainings")
    steps = parser.parse_args(arguments).steps
    torch.manual_seed(0)

    # Task A: ten classes, plenty of data.
    task_a = Config(data=Data(train_size=2048, noise=0.5), model=Model(width=8, dropout=0.0))
    model = build_model(task_a)
    train_a, val_a = datasets(task_a.data, seed=0)
    _train(model, train_a, steps)
    print(f"task A: accuracy {_accuracy(model, val_a):.3f}")

    # Task B: three other classes, few samples. The body stays; only a new head learns.
    train_b, val_b = datasets(Data(train_size=96, val_size=512, classes=3, noise=0.5), seed=1)
    freeze(model.body)
    swap_head(model, nn.Linear(model.head.in_features, 3))
    model.head.apply(init_linear)
    before = copy.deepcopy(model.body.state_dict())
    with gradient_norms(model) as norms:
        _train(model, train_b, steps)
    print(f"task B: accuracy {_accuracy(model, val_b):.3f}, gradients only in {sorted(norms)}")

    after = model.body.state_dict()
    unchanged = all(torch.equal(before[name], after[name]) for name in before)
    print(f"frozen weights unchanged: {unchanged}")  # and BatchNorm's running statistics

    # The features that the head reads, without a change to the network's code.
    with capture(model, "body") as seen:
        _accuracy(model, val_b)
    print(f"features of the body: {tuple(seen['body'].shape)}")
    return 0 if unchanged else 1


def _train(model: nn.Module, dataset: Images, steps: int) -> None:
    optimizer = torch.optim.AdamW(parameter_groups(model, lr=3e-3, weight_decay=1e-2))
    images, labels = _all(dataset)
    train_mode(model)
    for _ in range(steps):
        chosen = torch.randint(len(labels), (64,))
        optimizer.zero_grad(set_to_none=True)
        classification_loss(model(images[chosen]), labels[chosen]).backward()
        optimizer.step()


@torch.no_grad()
def _accuracy(model: nn.Module, dataset: Images) -> float:
    images, labels = _all(dataset)
    model.eval()
    right: Tensor = model(images).argmax(dim=1) == labels
    return right.float().mean().item()


def _all(dataset: Images) -> tuple[Tensor, Tensor]:
    return dataset.images, dataset.labels


if __name__ == "__main__":
    sys.exit(main())
