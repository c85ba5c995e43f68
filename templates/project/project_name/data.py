"""Samples and their order, both the same whatever happens to the machine in between."""

import signal
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from project_name.config import ConfigError, Data
from project_name.distributed import Group

Key = tuple[int, int]  # epoch, index
Sample = tuple[Tensor, Tensor]
Batch = tuple[Tensor, Tensor]


class Images(Dataset[Sample]):
    """Images (N, 1, H, W) and labels (N); a key is (epoch, index).

    What is drawn for a sample depends on seed, epoch and index alone, so that it is the same
    with any number of workers and after a resume in the middle of an epoch.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, augment: float = 0.0, seed: int = 0):
        self.images, self.labels = images, labels
        self.augment, self.seed = augment, seed

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        image = self.images[index]
        if self.augment:
            drawn = torch.randn(image.shape, generator=_generator(self.seed, epoch, index))
            image = image + self.augment * drawn
        return image, self.labels[index]


class BatchOrder(Sampler[list[Key]]):
    """The batches that one of *group*'s processes takes in *epoch*, *start* samples behind it.

    With *shuffle* only whole batches count, so that all processes take equally many.
    """

    def __init__(
        self, size: int, batch: int, epoch: int, group: Group, *, seed: int = 0,
        start: int = 0, shuffle: bool = True,
    ):  # fmt: skip
        order = torch.arange(size)
        if shuffle:
            order = torch.randperm(size, generator=_generator(seed, epoch))
            together = batch * group.world
            order = order[start : size - (size - start) % together]
        self.epoch, self.batch = epoch, batch
        self.share = order[group.rank :: group.world].tolist()

    def __len__(self) -> int:
        return -(-len(self.share) // self.batch)

    def __iter__(self) -> Iterator[list[Key]]:
        for at in range(0, len(self.share), self.batch):
            yield [(self.epoch, index) for index in self.share[at : at + self.batch]]


def datasets(config: Data, seed: int) -> tuple[Images, Images]:
    """Return what to train on and what to validate on."""
    if config.path:
        train, val = (_read(Path(config.path) / f"{split}.pt") for split in ("train", "val"))
    else:
        train = _made_up(config, config.train_size, seed, part=0)
        val = _made_up(config, config.val_size, seed, part=1)
    return Images(*train, augment=config.augment, seed=seed), Images(*val)


def loader(dataset: Images, order: BatchOrder, workers: int, *, pin: bool) -> DataLoader[Batch]:
    """Return the batches of *order*; *pin* speeds up the copy to a GPU and needs one."""
    # A loader draws from its generator. With one of its own it leaves the global one alone, whose
    # state is in the checkpoints.
    generator = torch.Generator().manual_seed(order.epoch)
    return DataLoader(
        dataset,
        batch_sampler=order,
        num_workers=workers,
        pin_memory=pin,
        generator=generator,
        worker_init_fn=_leave_signals_to_the_parent,
    )


def _leave_signals_to_the_parent(worker: int) -> None:
    # A signal often goes to all processes together. The parent finishes its step, for which it
    # needs its workers, and ends them itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _read(path: Path) -> Sample:
    try:
        held = torch.load(path)
        return held["images"].float(), held["labels"].long()
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no file {path}; data.path must be a folder with it."
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f'{path} must hold {{"images": tensor, "labels": tensor}}.') from error


def _made_up(config: Data, size: int, seed: int, *, part: int) -> Sample:
    """Draw *size* noisy copies of one fixed pattern for each class."""
    shape = (1, config.image_size, config.image_size)
    patterns = torch.randn(config.classes, *shape, generator=_generator(seed, -1))
    generator = _generator(seed, -2 - part)
    labels = torch.randint(config.classes, (size,), generator=generator)
    noise = torch.randn(size, *shape, generator=generator)
    return patterns[labels] + config.noise * noise, labels


def _generator(*numbers: int) -> torch.Generator:
    """Return a generator whose seed is mixed from *numbers*."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 7) % 2**63
    return torch.Generator().manual_seed(seed)
