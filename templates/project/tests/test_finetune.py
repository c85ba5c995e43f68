"""Freezing, heads, initialisation, parameter groups and hooks."""

import pytest
import torch
from torch import nn

from project_name.config import Config
from project_name.finetune import (
    freeze,
    init_linear,
    parameter_groups,
    swap_head,
    train_mode,
    unfreeze,
)
from project_name.hooks import capture, gradient_norms
from project_name.models import MLP, SmallCNN, build_model


@pytest.fixture
def model() -> SmallCNN | MLP:
    """Return a small network with BatchNorm."""
    return build_model(Config())


def test_a_frozen_body_keeps_its_statistics(model: SmallCNN) -> None:
    """In train mode a frozen BatchNorm counts nothing; with a plain train() it would."""
    images = 5 + torch.randn(8, 1, 16, 16)
    freeze(model.body)
    train_mode(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(images)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.head.training
    unfreeze(model.body)
    train_mode(model)
    model(images)
    assert not torch.equal(before["body.1.running_mean"], model.state_dict()["body.1.running_mean"])


def test_only_what_is_not_frozen_moves(model: SmallCNN) -> None:
    """After steps of an optimiser that decays weights, the frozen ones are bit-identical."""
    freeze(model.body)
    train_mode(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(parameter_groups(model, lr=0.1, weight_decay=0.5))
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(8, 1, 16, 16)).square().mean().backward()
        optimizer.step()
    changed = {n for n, value in model.state_dict().items() if not torch.equal(before[n], value)}
    assert changed == {"head.weight", "head.bias"}


def test_without_a_head_features_come_out(model: SmallCNN) -> None:
    """An Identity in the head's place answers with what the head read; the old head fits again."""
    model.eval()
    images = torch.randn(2, 1, 16, 16)
    with capture(model, "body") as seen:
        answers = model(images)
    old = swap_head(model)
    assert torch.equal(model(images), seen["body"])
    swap_head(model, old)
    assert torch.equal(model(images), answers)


def test_apply_initialises_linear_layers_alone(model: SmallCNN) -> None:
    """``model.apply(init_linear)`` leaves convolutions as they were."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.apply(init_linear)
    changed = {n for n, value in model.state_dict().items() if not torch.equal(before[n], value)}
    assert changed == {"head.weight", "head.bias"}
    assert torch.equal(model.head.bias, torch.zeros_like(model.head.bias))


def test_groups_hold_each_parameter_once(model: SmallCNN) -> None:
    """Each parameter is in one group; the head has a rate of its own; biases do not decay."""
    groups = parameter_groups(model, lr=0.1, weight_decay=0.5, head_lr=1.0)
    members = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(members) == sorted(map(id, model.parameters()))
    for group in groups:
        for parameter in group["params"]:
            in_head = any(parameter is of_head for of_head in model.head.parameters())
            assert group["lr"] == (1.0 if in_head else 0.1)
            assert group["weight_decay"] == (0.5 if parameter.ndim > 1 else 0.0)


def test_hooks_are_gone_after_the_block(model: SmallCNN) -> None:
    """Also after an error, a network has no hook left and nothing is collected any more."""

    def broken() -> None:
        with capture(model, "head"), gradient_norms(model):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised three lines above
        broken()
    with capture(model, "body", "head") as seen:
        pass
    model(torch.randn(2, 1, 16, 16)).sum().backward()
    assert seen == {}
    assert not any(module._forward_hooks for module in model.modules())


def test_gradient_norms_are_those_of_the_gradients(model: SmallCNN) -> None:
    """One norm for each parameter that learns, equal to its gradient's."""
    freeze(model.body)
    with gradient_norms(model) as norms:
        nn.functional.mse_loss(model(torch.randn(4, 1, 16, 16)), torch.zeros(4, 10)).backward()
    assert norms.keys() == {"head.weight", "head.bias"}
    assert model.head.weight.grad is not None
    assert torch.equal(norms["head.weight"], model.head.weight.grad.norm())
