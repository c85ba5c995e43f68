"""The training loop: epochs, steps, and when to measure, to save and to stop."""

import contextlib
import math
import time
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from project_name.batches import steps, to_device
from project_name.checkpoint import copy, save
from project_name.data import Batch, BatchOrder, Images
from project_name.finetune import train_mode
from project_name.log import Rows, peak_memory_mb
from project_name.losses import classification_loss
from project_name.metrics import Meter
from project_name.runs import RunFolder
from project_name.stop import Stop
from project_name.training import Training

Ending = Literal["finished", "stopped"]


class TrainingError(Exception):
    """Training cannot go on; the message says why."""


def fit(
    training: Training, train: Images, val: Images, *, run: RunFolder, rows: Rows | None, stop: Stop
) -> Ending:
    """Train until the end, or until *stop* has a reason; either way ``last.pt`` is there then."""
    t, config = training, training.config.train
    while not t.finished:
        if not _epoch(t, train, run, rows, stop):
            _save(t, run)
            return "stopped"
        numbers = evaluate(t, val)
        if rows:
            rows.metrics("val", t.step, t.epoch, numbers | peak_memory_mb())
        better = t.judge(numbers)
        t.epoch, t.samples = t.epoch + 1, 0
        t.finished = t.epoch >= config.epochs or 0 < config.patience <= t.stale
        _save(t, run, best=better)
    return "finished"


def evaluate(training: Training, dataset: Images) -> dict[str, float]:
    """Return loss, accuracy and number of samples over the whole of *dataset*."""
    t = training
    meter = Meter(t.compute.device)
    data = t.config.data
    order = BatchOrder(len(dataset), data.batch_size, 0, t.group, shuffle=False)
    t.model.eval()
    with torch.inference_mode(), t.compute.autocast():
        for images, labels in to_device(t, dataset, order):
            logits = t.model(images)
            meter.add(classification_loss(logits, labels), logits, labels)
    return meter.compute(t.group)


def _epoch(t: Training, train: Images, run: RunFolder, rows: Rows | None, stop: Stop) -> bool:
    """Train for what is left of an epoch; return False if it was stopped before the end."""
    config = t.config.train
    saved = window = time.monotonic()
    meter = Meter(t.compute.device)
    train_mode(t.model)
    for group in steps(t, train):
        _step(t, group, meter)
        if t.step % config.log_every == 0:
            numbers = meter.compute(t.group)
            now = time.monotonic()
            speed = numbers.pop("samples") / max(now - window, 1e-9)
            numbers |= {"lr": float(t.scheduler.get_last_lr()[0]), "samples_per_s": speed}
            if rows:
                rows.metrics("train", t.step, t.epoch, numbers)
            if not math.isfinite(numbers["loss"]):
                raise TrainingError(
                    f"The loss is {numbers['loss']} after step {t.step}; the last checkpoint is "
                    "from before. Try a smaller optim.lr, or train.detect_anomaly=true."
                )
            meter, window = Meter(t.compute.device), now
        if t.group.any(bool(stop.reason), t.compute.device):
            return False
        due = time.monotonic() - saved >= 60 * config.save_minutes
        if t.group.any(due, t.compute.device):
            _save(t, run)
            saved = time.monotonic()
    return True


def _step(t: Training, batches: list[Batch], meter: Meter) -> None:
    """Take one step along the mean gradient of *batches*."""
    optim = t.config.optim
    t.optimizer.zero_grad(set_to_none=True)
    for number, (images, labels) in enumerate(batches, 1):
        with _synced_only(t.wrapped, number == len(batches)):
            with t.compute.autocast():
                logits = t.wrapped(images)
                loss = classification_loss(logits, labels, optim.smoothing)
            t.scaler.scale(loss / len(batches)).backward()
        meter.add(loss, logits, labels)
    if optim.clip_norm:
        t.scaler.unscale_(t.optimizer)
        nn.utils.clip_grad_norm_(t.model.parameters(), optim.clip_norm)
    t.scaler.step(t.optimizer)
    t.scaler.update()
    t.scheduler.step()
    t.step += 1
    t.samples += t.samples_per_step


def _synced_only(model: nn.Module, last: bool) -> contextlib.AbstractContextManager[None]:
    """Let processes exchange gradients with the last batch of a step only."""
    no_sync = getattr(model, "no_sync", None)
    return contextlib.nullcontext() if last or no_sync is None else no_sync()


def _save(t: Training, run: RunFolder, *, best: bool = False) -> None:
    state = t.state()  # all processes have a part in it
    if not t.group.first:
        return
    if best:
        save(state, run.checkpoints / "best.pt")
    save(state, run.checkpoints / "last.pt")
    if t.config.train.copy_to:
        copy(run.checkpoints / "last.pt", Path(t.config.train.copy_to) / run.path.name)
