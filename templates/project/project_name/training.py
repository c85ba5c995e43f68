"""A training on its way: all that changes from step to step, which a checkpoint holds."""

import random
from dataclasses import dataclass
from math import isnan

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from project_name.checkpoint import State, restore_rng, rng_state
from project_name.config import Config, ConfigError
from project_name.distributed import Group
from project_name.hardware import Compute
from project_name.models import MLP, SmallCNN, build_model
from project_name.optim import build_optimizer, build_scheduler


@dataclass(slots=True)
class Training:
    """A network and its optimiser on their way; *wrapped* is the network as it is called."""

    config: Config
    text: str  # the configuration as a file, so that a checkpoint stands alone
    compute: Compute
    group: Group
    steps_per_epoch: int
    model: SmallCNN | MLP
    wrapped: nn.Module
    optimizer: AdamW
    scheduler: LambdaLR
    scaler: torch.amp.GradScaler
    step: int = 0
    epoch: int = 0
    samples: int = 0  # of this epoch, in all processes together
    best: float | None = None
    stale: int = 0  # epochs since the best one
    finished: bool = False

    @property
    def samples_per_step(self) -> int:
        """How many samples all processes together take in one step."""
        return _samples_per_step(self.config, self.group)

    def judge(self, numbers: dict[str, float]) -> bool:
        """Return whether *numbers* are the best so far, and remember."""
        direction, metric = self.config.train.monitor.split()
        value = numbers[metric]
        sign = 1 if direction == "max" else -1
        best = self.best
        if best is None or (isnan(best) and not isnan(value)) or sign * value > sign * best:
            self.best, self.stale = value, 0
            return True
        self.stale += 1
        return False

    def state(self) -> State:
        """Return all of it as plain data: tensors, numbers, text, lists and mappings."""
        counts = ("step", "epoch", "samples", "best", "stale", "finished")
        return {
            "config": self.text,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "rng": self.group.each(rng_state(self.compute.device)),
            **{name: getattr(self, name) for name in counts},
        }

    def restore(self, state: State) -> None:
        """Go on from *state*."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        if self.scaler.is_enabled() and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        for name in ("step", "epoch", "samples", "best", "stale"):
            setattr(self, name, state[name])
        # More epochs may have been asked for than the checkpoint's run had.
        self.finished = state["finished"] and self.epoch >= self.config.train.epochs
        if len(state["rng"]) == self.group.world:
            restore_rng(state["rng"][self.group.rank], self.compute.device)
        elif self.group.first:
            print("Another number of processes: it goes on, and no longer bit for bit.")


def begin(config: Config, text: str, compute: Compute, group: Group, size: int) -> Training:
    """Return a training on *size* samples before its first step."""
    per_step = _samples_per_step(config, group)
    steps = size // per_step
    if not steps:
        raise ConfigError(f"There are {size} samples, and one step takes {per_step}.")
    if config.train.limit_steps:
        steps = min(steps, config.train.limit_steps)
    torch.manual_seed(config.seed)  # the same weights in all processes
    model = build_model(config).to(compute.device)
    optimizer = build_optimizer(model, config.optim)
    scheduler = build_scheduler(optimizer, config.optim, steps * config.train.epochs)
    wrapped = _wrapped(model, config, compute, group)
    torch.manual_seed(config.seed + 1 + group.rank)  # and other dropouts in each of them
    random.seed(config.seed + 1 + group.rank)
    scaler = compute.scaler()
    return Training(
        config, text, compute, group, steps, model, wrapped, optimizer, scheduler, scaler
    )


def _samples_per_step(config: Config, group: Group) -> int:
    return config.data.batch_size * config.optim.accumulate * group.world


def _wrapped(model: SmallCNN | MLP, config: Config, compute: Compute, group: Group) -> nn.Module:
    wrapped: nn.Module = model
    if group.world > 1:
        devices = [compute.device] if compute.device.type == "cuda" else None
        wrapped = DistributedDataParallel(model, device_ids=devices)
    if config.train.compile:
        wrapped = torch.compile(wrapped)  # type: ignore[assignment]  # it is called like one
    return wrapped
