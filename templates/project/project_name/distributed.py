"""One process or several: what torchrun says, and the few things that processes tell each other."""

import contextlib
import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Group:
    """The processes that train together; alone is a group of one."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sum of *numbers* over all processes."""
        if self.world > 1:
            dist.all_reduce(numbers)
        return numbers

    def any(self, flag: bool, device: torch.device) -> bool:
        """Return whether *flag* is set in one of the processes, the same answer in all of them."""
        return flag if self.world == 1 else bool(self.total(torch.tensor(int(flag), device=device)))

    def each(self, value: T) -> list[T]:
        """Return every process's *value*, by rank."""
        if self.world == 1:
            return [value]
        values: list[T | None] = [None] * self.world
        dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]  # filled by the line above

    def from_first(self, value: T) -> T:
        """Return the first process's *value* in all of them."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]


@contextlib.contextmanager
def joined(device: str) -> Iterator[Group]:
    """Join the group that torchrun started, if it did, and leave it at the end."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Group()
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Group(int(os.environ["RANK"]), world, local_rank)
        # The first process writes files when the others are done already. Nobody leaves before
        # all are, nor while a network in a cycle of references still holds on to the group.
        dist.barrier()
        gc.collect()
    finally:
        dist.destroy_process_group()
