"""Which batches each step of a training takes, brought to its device."""

import itertools
from collections.abc import Iterator

from project_name.data import Batch, BatchOrder, Images, loader
from project_name.training import Training


def steps(t: Training, train: Images) -> Iterator[list[Batch]]:
    """Yield the batches of each step that is left of the epoch."""
    config = t.config
    limit = config.train.limit_steps - t.samples // t.samples_per_step
    if config.train.overfit:
        first = next(iter(to_device(t, train, _order(t, train, 0, start=0))))
        done = t.samples // t.samples_per_step
        taken: Iterator[list[Batch]] = itertools.repeat(
            [first] * config.optim.accumulate, t.steps_per_epoch - done
        )
    else:
        batches = iter(to_device(t, train, _order(t, train, t.epoch, start=t.samples)))
        taken = _grouped(batches, config.optim.accumulate)
    yield from itertools.islice(taken, max(0, limit) if config.train.limit_steps else None)


def _grouped(batches: Iterator[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield *size* batches at a time; what is left at the end is no whole step and left out."""
    while len(group := list(itertools.islice(batches, size))) == size:
        yield group


def to_device(t: Training, dataset: Images, order: BatchOrder) -> Iterator[Batch]:
    """Yield the batches of *order*, on the device of *t*."""
    cuda = t.compute.device.type == "cuda"
    for images, labels in loader(dataset, order, t.config.data.workers, pin=cuda):
        yield (
            images.to(t.compute.device, non_blocking=cuda),
            labels.to(t.compute.device, non_blocking=cuda),
        )


def _order(t: Training, train: Images, epoch: int, *, start: int) -> BatchOrder:
    seed, batch = t.config.seed, t.config.data.batch_size
    return BatchOrder(len(train), batch, epoch, t.group, seed=seed, start=start)
