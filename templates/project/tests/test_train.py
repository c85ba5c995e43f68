"""Training learns, ends with the right exit code, and says what went wrong."""

import json
import subprocess
import sys
from math import nan
from pathlib import Path
from typing import Any  # a loss is a number, or the word nan

import pytest
import torch

from project_name import evaluate, loop, transfer
from project_name.checkpoint import load
from project_name.train import main
from tests.conftest import ROOT, Train, start, words


def _losses(run: Path) -> list[Any]:
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row["value"] for row in rows if row.get("metric") == "loss" and "train" in row["case"]]


def test_the_loss_of_one_batch_falls_to_nothing(train: Train) -> None:
    """A network that cannot learn one batch by heart has a bug."""
    run = train("train.overfit=true", "train.epochs=10", "model.dropout=0.0", "model.width=16")
    losses = _losses(run)
    assert losses[0] > 1.5
    assert losses[-1] < 0.1


def test_it_learns(train: Train) -> None:
    """Accuracy on samples that it has not seen is far above chance."""
    run = train("data.train_size=1024", "model.width=16", "train.epochs=4", "data.noise=0.5")
    assert load(run / "checkpoints" / "best.pt")["best"] > 0.6


def test_smoke_takes_one_step(tmp_path: Path) -> None:
    """``--smoke`` walks through all of it once."""
    assert main(["--smoke", "--runs", str(tmp_path)]) == 0
    (run,) = tmp_path.glob("debug/*")
    assert load(run / "checkpoints" / "last.pt")["step"] == 1


def test_best_is_the_best_and_patience_ends(train: Train) -> None:
    """With nothing to learn from, the first epoch stays the best one and training ends early."""
    run = train("optim.lr=0.0", "train.monitor=min loss", "train.patience=2", "train.epochs=50",
                "model.kind=mlp")  # fmt: skip
    last, best = (load(run / "checkpoints" / f"{name}.pt") for name in ("last", "best"))
    assert best["epoch"] == 1
    assert last["epoch"] == 3
    assert last["best"] == best["best"]


def test_a_measure_that_is_no_number_is_not_the_best(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it comes, the first that is a number is better."""
    told = iter([nan, nan, 0.5, nan, 0.4])
    monkeypatch.setattr(loop, "evaluate", lambda *_: {"loss": 1.0, "accuracy": next(told)})
    run = train("train.limit_steps=1", "train.epochs=5", "model.kind=mlp")
    last, best = (load(run / "checkpoints" / f"{name}.pt") for name in ("last", "best"))
    assert (best["epoch"], best["best"]) == (3, 0.5)
    assert (last["epoch"], last["stale"]) == (5, 2)


def test_limited_steps_make_a_short_epoch(train: Train) -> None:
    """``train.limit_steps`` cuts each epoch."""
    assert load(train("train.limit_steps=3") / "checkpoints" / "last.pt")["step"] == 6


def test_a_loss_that_is_no_number_ends_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, a sentence, and the row says nan in a way that JSON can carry."""
    arguments = words(tmp_path, "optim.lr=1e30", "optim.clip_norm=0.0", "optim.warmup_steps=0")
    assert main(arguments) == 1
    assert "Try a smaller optim.lr" in capsys.readouterr().err
    (run,) = tmp_path.glob("debug/*")
    assert _losses(run)[-1] in ("nan", "inf")


def test_bad_input_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A batch larger than the data, a device that is not there, a checkpoint that is none."""
    assert main(words(tmp_path, "data.batch_size=1000")) == 2
    assert main([*words(tmp_path), "--resume", str(tmp_path / "none.pt")]) == 2
    torch.save({"weights": 1}, tmp_path / "foreign.pt")
    assert main([*words(tmp_path), "--resume", str(tmp_path / "foreign.pt")]) == 2
    assert "no checkpoint of this project" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert main(words(tmp_path, "train.device=cuda")) == 2


def test_the_program_itself(tmp_path: Path) -> None:
    """As users start it: the exit codes are those of main, and nothing is printed twice."""
    process = start("--config", "debgu")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("error: ")
    process = start("--smoke", "--runs", str(tmp_path))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert len(said.splitlines()) == 2


def test_importing_does_nothing() -> None:
    """No module prints, downloads or asks when it is imported."""
    names = sorted(path.stem for path in Path(evaluate.__file__).parent.glob("[a-z]*.py"))
    code = "import " + ", ".join(f"project_name.{name}" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_evaluate_measures_what_training_did(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkpoint evaluated alone has the accuracy that training saw."""
    best = train() / "checkpoints" / "best.pt"
    assert evaluate.main([str(best)]) == 0
    assert f"accuracy {load(best)['best']:.4f}" in capsys.readouterr().out
    assert evaluate.main([str(best.with_name("none.pt"))]) == 2


def test_the_worked_transfer(capsys: pytest.CaptureFixture[str]) -> None:
    """A frozen body stays bit-identical, and a new head on it learns a new task."""
    assert transfer.main(["--steps", "60"]) == 0
    said = capsys.readouterr().out
    assert "frozen weights unchanged: True" in said


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize("precision", ["fp32", "auto", "fp16"])
def test_a_gpu_trains_too(train: Train, precision: str) -> None:
    """On a GPU, in each precision, a run ends and its loss is a number."""
    run = train("train.device=cuda", f"train.precision={precision}")
    assert all(isinstance(loss, float) for loss in _losses(run))
