"""What the tests share: a tiny configuration, and runs of the real program in a process."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from project_name import hardware
from project_name.data import datasets
from project_name.distributed import Group
from project_name.loop import fit
from project_name.runs import new_run
from project_name.settings import load
from project_name.stop import Stop
from project_name.train import main
from project_name.training import begin

ROOT = Path(__file__).parents[1]
TINY = (
    "data.train_size=96",
    "data.val_size=40",
    "data.batch_size=8",
    "data.workers=0",
    "model.width=4",
    "model.dropout=0.2",
    "train.epochs=2",
    "train.log_every=1",
    "train.detect_anomaly=false",
)

Train = Callable[..., Path]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums come in one order, so that they can be compared bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.autograd.set_detect_anomaly(False)
    torch.set_num_threads(threads)


def words(runs: Path, *settings: str) -> list[str]:
    """Return the arguments of a tiny training into *runs*."""
    flags = [word for setting in (*TINY, *settings) for word in ("--set", setting)]
    return ["--config", "debug", "--runs", str(runs), *flags]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Train in this process and return the folder of the run."""

    def run(*settings: str, more: Sequence[str] = (), runs: Path | None = None) -> Path:
        runs = runs or tmp_path / "runs"
        assert main([*words(runs, *settings), *more]) == 0
        return max(runs.glob("debug/*"))

    return run


def stopped(runs: Path, steps: int, *settings: str) -> Path:
    """Train *steps* steps, as if the time were over then, and return the folder of the run."""
    chosen = load("debug", [*TINY, *settings])
    config = chosen.config
    hardware.settle(config.train)
    data = datasets(config.data, config.seed)
    compute = hardware.choose(config.train)
    training = begin(config, chosen.to_toml(), compute, Group(), len(data[0]))
    # The clock is read once for the deadline and then after each step.
    clock = itertools.chain(itertools.repeat(0.0, steps), itertools.repeat(1e9))
    run = new_run(runs, "debug")
    fit(training, *data, run=run, rows=None, stop=Stop(1.0, now=clock.__next__))
    return run.path


def start(
    *arguments: str,
    module: str = "project_name.train",
) -> subprocess.Popen[str]:
    """Start the real program in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until *condition* holds; kill *process* and fail if it ends or a minute passes first."""
    deadline = time.monotonic() + 60
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"it did not come: {process.communicate()[0]}")
        time.sleep(0.02)
