"""The rows a run writes about itself: one JSON object per line, one number per row."""

import json
import math
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self  # Any: what JSON takes

import torch

from project_name.hardware import Compute

_UNITS = {"samples_per_s": "samples/s", "peak_memory_mb": "MB"}
_BETTER = {
    "loss": "lower",
    "accuracy": "higher",
    "samples_per_s": "higher",
    "peak_memory_mb": "lower",
}


class Rows:
    """Write rows to *path*, to the terminal of `colabdev run` and, if asked, to TensorBoard.

    Each line is on the disk before the next number is computed: a machine may vanish at any time.
    """

    def __init__(
        self, path: Path, name: str, compute: Compute, *, tensorboard: bool = False
    ) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._name = name
        self._device = compute.device.type
        self._dtype = str(compute.dtype).removeprefix("torch.")
        self._report = _colabdev_report()
        self._board = _board(path.parent) if tensorboard else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def env(self, facts: dict[str, Any]) -> None:
        """Write the first row: what the numbers below were measured on."""
        self._write({"kind": "env", **facts})
        if self._report is not None:
            self._report.env(**facts)

    def metrics(self, split: str, step: int, epoch: int, numbers: dict[str, float]) -> None:
        """Write one row for each of *numbers*, measured on *split* after *step* steps."""
        for metric, value in numbers.items():
            row = {
                "case": f"{self._name}-{split}",
                "unit": _UNITS.get(metric, ""),
                "better": _BETTER.get(metric, "none"),
                "device": self._device,
                "dtype": self._dtype,
                "step": step,
            }
            # JSON has no word for nan and infinity.
            plain = value if math.isfinite(value) else str(value)
            self._write({"kind": "metric", "metric": metric, "value": plain, "epoch": epoch, **row})
            if self._report is not None:
                self._report.metric(metric, value, **row)
            if self._board is not None:
                self._board.add_scalar(f"{split}/{metric}", value, step)

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps({"v": 1, **row}, ensure_ascii=False) + "\n")
        self._file.flush()


def peak_memory_mb() -> dict[str, float]:
    """Return the most GPU memory that was in use, as a number to log; nothing on a CPU."""
    if not torch.cuda.is_available():
        return {}
    return {"peak_memory_mb": torch.cuda.max_memory_allocated() / 2**20}


def _colabdev_report() -> ModuleType | None:
    """Return the module that is there when `colabdev run` started us."""
    try:
        import colabdev_report
    except ModuleNotFoundError:
        return None
    module: ModuleType = colabdev_report
    return module


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("train.tensorboard is on, and tensorboard is not installed: metrics.jsonl only.")
        return None
    return SummaryWriter(str(folder))
