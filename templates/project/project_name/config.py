"""What can be set: one frozen dataclass for each table of a configuration file."""

from dataclasses import dataclass, field
from typing import Literal


class ConfigError(Exception):
    """A setting that cannot be used; the message is one sentence for whoever typed it."""


@dataclass(frozen=True, slots=True)
class Data:
    """Where samples come from; without *path* they are made up, so that nothing is downloaded."""

    path: str = ""  # a folder with train.pt and val.pt, each {"images": ..., "labels": ...}
    train_size: int = 4096
    val_size: int = 1024
    classes: int = 10
    image_size: int = 16
    noise: float = 1.0  # of the made-up images
    augment: float = 0.1  # noise added anew to a training image in each epoch
    batch_size: int = 64  # of one process: torchrun with N processes takes N times as many
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Model:
    """Which network, and how large."""

    kind: Literal["cnn", "mlp"] = "cnn"
    width: int = 32
    dropout: float = 0.1


@dataclass(frozen=True, slots=True)
class Optim:
    """How a step is taken."""

    lr: float = 3e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 20
    clip_norm: float = 1.0  # 0: gradients are not clipped
    accumulate: int = 1  # batches per step, for a batch that does not fit into memory
    smoothing: float = 0.0  # of the labels


@dataclass(frozen=True, slots=True)
class Train:
    """How long, on what, and what is kept."""

    epochs: int = 5
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    deterministic: bool = False  # on a GPU: slower, and equal bit for bit from run to run
    log_every: int = 10
    save_minutes: float = 5.0
    copy_to: str = ""  # a second place for the newest checkpoint, as a mounted Drive
    monitor: str = "max accuracy"  # what "best" means: min or max, and loss or accuracy
    patience: int = 0  # epochs without a better one before training ends; 0: never
    tensorboard: bool = False  # beside metrics.jsonl, where it is installed
    limit_steps: int = 0  # steps of an epoch; 0: all
    overfit: bool = False  # one batch again and again: the loss must fall to nothing
    detect_anomaly: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration; *name* is the folder below ``runs`` and the name in the metrics."""

    name: str = "base"
    seed: int = 0
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    optim: Optim = field(default_factory=Optim)
    train: Train = field(default_factory=Train)

    def __post_init__(self) -> None:
        at_least_one = {
            "data.classes": self.data.classes,
            "data.image_size": self.data.image_size - 3,  # it is halved twice
            "data.batch_size": self.data.batch_size,
            "model.width": self.model.width,
            "optim.accumulate": self.optim.accumulate,
            "train.epochs": self.train.epochs,
            "train.log_every": self.train.log_every,
        }
        for name, value in at_least_one.items():
            if value < 1:
                raise ConfigError(f"{name} is too small.")
        if not 0 <= self.model.dropout < 1:
            raise ConfigError("model.dropout is a share: at least 0 and less than 1.")
        words = self.train.monitor.split()
        if len(words) != 2 or words[0] not in ("min", "max") or words[1] not in _MONITORED:
            raise ConfigError(
                f"train.monitor is {self.train.monitor!r}; say min or max and one of: "
                f"{', '.join(_MONITORED)}."
            )
        if not self.name or not all(c.isalnum() or c in "-_" for c in self.name):
            raise ConfigError(f"The name {self.name!r} is no folder's name: letters, digits, - _.")


_MONITORED = ("loss", "accuracy")
