"""Checkpoints: plain data, whole or not there, and enough in them to go on bit for bit."""

import os
import pickle
import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any  # a state is a tree of tensors and plain values

import torch

from project_name.runs import RunFolder

FORMAT = 1
State = dict[str, Any]
# What torch.load raises for a file that is cut short, or is none of ours.
_DAMAGED = (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError)


class NoCheckpointError(Exception):
    """There is nothing to resume from; the message says where it was looked for."""


def save(state: State, path: Path) -> None:
    """Replace *path* by *state* in one step: readers see the old file or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            torch.save({"format": FORMAT, **state}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def copy(path: Path, folder: Path) -> None:
    """Copy *path* into *folder*, as whole as `save` leaves it; a folder that fails is only told.

    Training must not end because a mounted Drive is full or gone.
    """
    temporary = folder / f".{path.name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, temporary)
        temporary.replace(folder / path.name)
    except OSError as error:
        print(f"The copy of {path.name} to {folder} failed: {error.strerror}.")


def load(path: Path) -> State:
    """Read a checkpoint onto the CPU; nothing in it is run (torch's default since 2.6)."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        raise NoCheckpointError(f"{path} is no whole checkpoint.") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise NoCheckpointError(f"{path} is no checkpoint of this project.")
    return state


def newest(runs: Iterable[RunFolder]) -> tuple[Path, State] | None:
    """Return the ``last.pt``, or where it is damaged the ``best.pt``, of the first of *runs*.

    A run that has saved nothing yet is passed over: its ``best.pt`` is that of the run before.
    """
    for run in runs:
        last, best = run.checkpoints / "last.pt", run.checkpoints / "best.pt"
        if not last.exists():
            continue
        for path in (last, best) if best.exists() else (last,):
            try:
                return path, load(path)
            except NoCheckpointError as error:
                print(f"{error} Looking at the one before.")
    return None


def rng_state(device: torch.device) -> State:
    """Return the state of every generator that training draws from."""
    version, numbers, gauss = random.getstate()
    state: State = {"python": [version, list(numbers), gauss], "torch": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_rng(state: State, device: torch.device) -> None:
    """Put the generators back; a run that moves from a GPU to a CPU, or back, starts one anew."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
