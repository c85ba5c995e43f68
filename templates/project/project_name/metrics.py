"""Means over samples, not over batches: a short last batch counts for less."""

import torch
from torch import Tensor

from project_name.distributed import Group


class Meter:
    """Loss and accuracy over all samples added, in all processes together."""

    def __init__(self, device: torch.device) -> None:
        # Sums stay on the device: reading one would make the GPU and Python wait for each other.
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)

    def add(self, mean_loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add one batch with its *mean_loss*."""
        count = len(labels)
        correct = (logits.detach().argmax(dim=1) == labels).sum()
        self._sums[0] += mean_loss.detach() * count
        self._sums[1] += correct
        self._sums[2] += count

    def compute(self, group: Group) -> dict[str, float]:
        """Return ``loss`` and ``accuracy``, and how many ``samples`` they are the mean of."""
        loss, correct, count = group.total(self._sums.clone()).tolist()
        if not count:
            return {"loss": float("nan"), "accuracy": float("nan"), "samples": 0.0}
        return {"loss": loss / count, "accuracy": correct / count, "samples": count}
