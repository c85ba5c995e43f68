"""The optimiser, and how its learning rate runs over the steps of a training."""

import math

from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from project_name.config import Optim
from project_name.finetune import parameter_groups
from project_name.models import MLP, SmallCNN


def build_optimizer(model: SmallCNN | MLP, config: Optim) -> AdamW:
    """Return AdamW, with weight decay on weights alone."""
    groups = parameter_groups(model, lr=config.lr, weight_decay=config.weight_decay)
    return AdamW(groups, lr=config.lr)


def build_scheduler(optimizer: AdamW, config: Optim, steps: int) -> LambdaLR:
    """Return a linear warm-up followed by half a cosine down to zero after *steps* steps."""

    def factor(step: int) -> float:
        if step < config.warmup_steps:
            return (step + 1) / config.warmup_steps
        done = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return LambdaLR(optimizer, factor)
