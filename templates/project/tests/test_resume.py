"""The promise of this project: a run that lost its machine ends as one that did not."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from project_name import checkpoint
from project_name.train import main
from tests.conftest import Train, start, stopped, wait_for, words


def same(one: Any, other: Any) -> bool:
    """Return whether two trees of tensors and plain values are equal bit for bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def last(run: Path) -> checkpoint.State:
    return checkpoint.load(run / "checkpoints" / "last.pt")


@pytest.mark.parametrize("settings", [(), ("train.precision=bf16", "optim.accumulate=2")])
@pytest.mark.parametrize("steps", [1, 5, 12, 17])
def test_a_resumed_run_ends_equal_bit_for_bit(
    train: Train, tmp_path: Path, settings: tuple[str, ...], steps: int
) -> None:
    """Weights, optimiser, scheduler, scaler, RNG and counts equal those of an unbroken run.

    It stops at the first step, within an epoch, at the very end of one, and in the next one.
    """
    if settings and steps == 12:
        steps = 6  # half as many steps make an epoch
    whole = last(train(*settings, runs=tmp_path / "whole"))
    stopped(tmp_path / "cut", steps, *settings)
    halfway = last(max((tmp_path / "cut").glob("debug/*")))
    assert halfway["step"] == min(steps, whole["step"])
    resumed = last(train(*settings, more=["--resume", "auto"], runs=tmp_path / "cut"))
    assert resumed["step"] == whole["step"]
    assert resumed["finished"]
    for state in (whole, resumed):
        state.pop("config")  # each value is there with its source, and that differs
    assert same(whole, resumed)


def test_the_position_in_the_epoch_is_kept(train: Train, tmp_path: Path) -> None:
    """A resumed epoch takes the samples that are left of it, not all of them again."""
    stopped(tmp_path / "runs", 5)
    state = last(max((tmp_path / "runs").glob("debug/*")))
    assert (state["step"], state["epoch"], state["samples"]) == (5, 0, 40)
    assert last(train(more=["--resume", "auto"]))["step"] == 24


def test_the_scaler_of_a_16_bit_run_is_in_the_checkpoint(train: Train, tmp_path: Path) -> None:
    """An fp16 run saves the scale of its loss and goes on with it."""
    stopped(tmp_path / "runs", 3, "train.precision=fp16")
    halfway = last(max((tmp_path / "runs").glob("debug/*")))
    assert halfway["scaler"]["scale"] > 0
    resumed = last(train("train.precision=fp16", more=["--resume", "auto"]))
    whole = last(train("train.precision=fp16", runs=tmp_path / "whole"))
    assert same(resumed["scaler"], whole["scaler"])
    assert same(resumed["model"], whole["model"])


def test_workers_change_nothing(train: Train, tmp_path: Path) -> None:
    """What a sample looks like does not depend on how many processes load it."""
    alone = last(train(runs=tmp_path / "alone"))
    helped = last(train("data.workers=2", runs=tmp_path / "helped"))
    assert same(alone["model"], helped["model"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_signal_finishes_the_step_and_saves(
    tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    """A signal to all its processes ends a run with 0, a checkpoint, and how to resume."""
    process = start(*words(tmp_path, "train.epochs=100000", f"data.workers={workers}"))

    def rows() -> list[Path]:
        return list(tmp_path.glob("debug/*/metrics.jsonl"))

    wait_for(lambda: rows() and rows()[0].read_text().count("\n") > 20, process)
    os.killpg(process.pid, number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    state = last(rows()[0].parent)
    assert f"stopped at step {state['step']}: it got {number.name}" in said
    assert f"--resume {rows()[0].parent}" in said
    assert not state["finished"]


def test_the_time_that_was_given_ends_a_run(tmp_path: Path) -> None:
    """With --max-minutes a run stops by itself, saves, and exits with 0."""
    arguments = [*words(tmp_path, "train.epochs=100000"), "--max-minutes", "0.01"]
    assert main(arguments) == 0
    (run,) = tmp_path.glob("debug/*")
    assert last(run)["step"] > 0


def test_a_killed_run_goes_on_from_its_last_checkpoint(train: Train, tmp_path: Path) -> None:
    """SIGKILL in the middle of an epoch leaves a whole checkpoint, and the end is the same."""
    settings = ("train.epochs=20", "train.save_minutes=0")
    runs = tmp_path / "cut"
    process = start(*words(runs, *settings))

    def checkpoints() -> list[Path]:
        return list(runs.glob("debug/*/checkpoints/last.pt"))

    wait_for(lambda: checkpoints() and checkpoint.load(checkpoints()[0])["step"] > 3, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert 3 < checkpoint.load(checkpoints()[0])["step"] < 240
    resumed = last(train(*settings, more=["--resume", "auto"], runs=runs))
    whole = last(train(*settings, runs=tmp_path / "whole"))
    assert same(whole["model"], resumed["model"])
    assert same(whole["optimizer"], resumed["optimizer"])


def test_a_finished_run_has_nothing_left(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    """Resuming what is finished says so, and makes no new folder."""
    run = train()
    assert train(more=["--resume", "auto"]) == run
    assert "end of its run" in capsys.readouterr().out


def test_more_epochs_may_be_asked_for(train: Train) -> None:
    """A finished run goes on when it is given more epochs."""
    assert last(train())["step"] == 24
    assert last(train("train.epochs=3", more=["--resume", "auto"]))["step"] == 36


def test_auto_passes_over_what_is_damaged(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkpoint that is cut short is named and not used; the one before it is."""
    runs = tmp_path / "runs"
    stopped(runs, 3)
    stopped(runs, 5)
    newest = max(runs.glob("debug/*")) / "checkpoints" / "last.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    train(more=["--resume", "auto"])
    said = capsys.readouterr().out
    assert f"{newest} is no whole checkpoint" in said
    assert "from step 3" in said


def test_auto_takes_the_best_where_the_last_is_damaged(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of its own is nearer than the one before it."""
    runs = tmp_path / "runs"
    stopped(runs, 3)
    stopped(runs, 14)
    checkpoints = max(runs.glob("debug/*")) / "checkpoints"
    (checkpoints / "last.pt").write_bytes(b"half of it")
    train(more=["--resume", "auto"])
    assert f"from step 12 of {checkpoints / 'best.pt'}" in capsys.readouterr().out


def test_auto_without_a_checkpoint_begins(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    """The same command starts a training and goes on with it."""
    train(more=["--resume", "auto"])
    assert "no checkpoint yet" in capsys.readouterr().out


def test_a_checkpoint_is_plain_data(train: Train) -> None:
    """The default torch.load reads it, so nothing in it is code."""
    for name in ("last.pt", "best.pt"):
        state = torch.load(train() / "checkpoints" / name)
        assert state["format"] == checkpoint.FORMAT


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    """What cannot be saved does not take away what was."""
    file = tmp_path / "last.pt"
    checkpoint.save({"step": 1}, file)
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save({"step": lambda: 2}, file)
    assert checkpoint.load(file)["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_a_second_place_has_a_copy_and_may_fail(train: Train, tmp_path: Path) -> None:
    """``train.copy_to`` gets each ``last.pt``; a place that is no folder ends nothing."""
    drive = tmp_path / "drive"
    run = train(f"train.copy_to={drive}")
    copied = drive / run.name / "last.pt"
    assert copied.read_bytes() == (run / "checkpoints" / "last.pt").read_bytes()
    (tmp_path / "file").touch()
    train(f"train.copy_to={tmp_path / 'file'}")
