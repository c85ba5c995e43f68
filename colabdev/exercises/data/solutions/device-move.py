"""To the GPU and back: one way to write it."""

import torch


def pick_device() -> torch.device:
    """Return the device to work on: the GPU if this machine has a usable one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def move(batch: object, device: torch.device | str) -> object:
    """Return *batch* with every tensor in it on *device*; dicts, lists and tuples nest."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: move(value, device) for key, value in batch.items()}
    if isinstance(batch, list):
        return [move(item, device) for item in batch]
    if isinstance(batch, tuple):
        return tuple(move(item, device) for item in batch)
    return batch


if __name__ == "__main__":
    print(pick_device())
