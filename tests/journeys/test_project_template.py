"""A project from ``colabdev new`` on a runtime: it trains there, and survives the loss of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any  # a checkpoint is a tree of tensors and plain values

import psutil
import pytest
import torch

from tests.support.cli import colabdev, json_lines
from tests.support.runtime import StartedRuntime, start_runtime

pytestmark = [pytest.mark.sshd, pytest.mark.torch, pytest.mark.slow]

EPOCHS, SAMPLES = 2, 4096  # long enough that a checkpoint is here before it is over
STEPS = EPOCHS * SAMPLES // 8

# Small, with a checkpoint after every step; dropout and augmentation draw from the generators.
# The learning rate falls over these epochs, so that too must go on where it was.
SETTINGS = (
    f"data.train_size={SAMPLES}",
    "data.batch_size=8",
    f"train.epochs={EPOCHS}",
    "train.save_minutes=0",
    "train.log_every=8",
)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # small sums are not worth two
TRAIN = ("-m", "demo.train", "--config", "debug", "--resume", "auto")


def _new(home: Path) -> Path:
    done = colabdev("new", "demo", cwd=home)
    assert done.returncode == 0, done.stderr.decode()
    return home / "demo"


def _flags() -> list[str]:
    return [word for setting in SETTINGS for word in ("--set", setting)]


def _last(project: Path) -> Path:
    """Return the newest ``last.pt`` of the runs below *project*."""
    return max(project.glob("runs/debug/*/checkpoints/last.pt"))


def _state(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path)
    state.pop("config")  # says where each value is from, which differs by design
    return state


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _wait_for(
    condition: Callable[[], object], process: subprocess.Popen[bytes], said: Path
) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, said.read_text()[-2000:]
        assert time.monotonic() < deadline, "it did not come in two minutes"
        time.sleep(0.05)


def _kill_all_of(home: Path) -> None:
    """Kill every process whose home is *home*, at once, as a VM that is taken away does."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(home):
                process.send_signal(signal.SIGKILL)
        except psutil.Error:  # it ended meanwhile, or is not ours to look at
            continue


def test_a_new_project_trains_on_a_runtime(colab: StartedRuntime, home: Path) -> None:
    """Metrics stream while it trains, the machine first, and a run folder is there at the end."""
    project = _new(home)
    command = ("run", "--json", "--", "python", "-m", "demo.train", "--config", "debug")
    done = colabdev(*command, cwd=project)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    lines = json_lines(done)
    rows = [line for line in lines if line["type"] in ("record", "metric")]
    assert rows[0]["type"] == "record"
    assert rows[0]["kind"] == "env"
    losses = [row for row in rows if row.get("metric") == "loss" and row["case"] == "debug-train"]
    assert [row["step"] for row in losses] == list(range(4, 33, 4))
    assert all(row["better"] == "lower" and row["device"] == "cpu" for row in losses)
    (run,) = (colab.home / "content" / "demo" / "runs" / "debug").iterdir()
    kept = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert kept == {
        "config.toml",
        "env.json",
        "metrics.jsonl",
        "checkpoints/last.pt",
        "checkpoints/best.pt",
    }
    written = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["value"] for row in written if row.get("metric") == "loss"] == [
        row["value"] for row in rows if row.get("metric") == "loss"
    ]
    recorded = json_lines(colabdev("results", "show", "last", "--json"))[0]["data"]
    assert recorded["state"] == "succeeded"
    assert len(recorded["metrics"]) == len([row for row in rows if row["type"] == "metric"])


def test_a_lost_machine_costs_nothing(home: Path) -> None:
    """Killed in the middle of an epoch and gone on with elsewhere, the end is bit for bit equal.

    It saves after every step, faster than a file can come, and the laptop has a whole one by the
    time the machine is gone.
    Weights, optimiser, scheduler, scaler, generators and counts equal those of an unbroken run.
    """
    project = _new(home)
    vm = home / "vm1"
    with start_runtime(vm, env=ONE_THREAD) as first:
        assert colabdev("connect", first.connect_string).returncode == 0
        command = [sys.executable, "-m", "colabdev", "run", "--pull", "runs/**", *TRAIN, *_flags()]
        # Into a file: a pipe that nobody reads would be full, and the command would wait.
        with (
            (home / "said").open("wb") as said,
            subprocess.Popen(command, cwd=project, stdout=said, stderr=said) as running,
        ):

            def in_the_middle() -> bool:
                found = list(project.glob("runs/debug/*/checkpoints/last.pt"))
                state = torch.load(found[0]) if found else {}
                return bool(found) and state["step"] > 40 and state["samples"] % SAMPLES

            _wait_for(in_the_middle, running, home / "said")
            _kill_all_of(vm)
            running.send_signal(signal.SIGTERM)  # it would look for the machine for half an hour
            running.wait(timeout=60)
    broken = torch.load(_last(project))
    assert 40 < broken["step"] < STEPS
    assert broken["samples"] % SAMPLES, "it was in the middle of an epoch"
    shutil.rmtree(vm)

    ends = []
    for name, runs in (("vm2", True), ("vm3", False)):
        if not runs:
            shutil.rmtree(project / "runs")
            shutil.rmtree(project / ".colabdev")  # what it knows of the other machine
        with start_runtime(home / name, env=ONE_THREAD) as machine:
            assert colabdev("connect", machine.connect_string).returncode == 0
            done = colabdev("run", *TRAIN, *_flags(), cwd=project, timeout=300)
            assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
            beginning = f"from step {broken['step']}" if runs else "from the beginning"
            assert beginning in done.stdout.decode()
            ends.append(_state(_last(home / name / "content" / "demo")))
    resumed, whole = ends
    assert resumed["finished"]
    assert resumed["step"] == whole["step"] == STEPS
    assert _same(resumed, whole)


def test_a_new_projects_own_tests_pass(home: Path) -> None:
    """All that the template promises, tested by itself under its new name."""
    project = _new(home)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout.splitlines()[-1]
