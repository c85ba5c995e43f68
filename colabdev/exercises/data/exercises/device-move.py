"""To the GPU and back. The task: briefs/device-move.en.md (한국어: device-move.ko.md)."""

import torch


def pick_device() -> torch.device:
    """Return the device to work on: the GPU if this machine has a usable one, else the CPU."""
    # TODO: the note wrote 'cuda' if torch.cuda.is_available else 'cpu'. What is wrong with it?
    raise NotImplementedError


def move(batch: object, device: torch.device | str) -> object:
    """Return *batch* with every tensor in it on *device*; dicts, lists and tuples nest."""
    # TODO: leave what is no tensor as it is, and change nothing in place.
    raise NotImplementedError


if __name__ == "__main__":
    print(pick_device())
