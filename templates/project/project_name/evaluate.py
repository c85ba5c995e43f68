"""Measure a checkpoint: ``python -m project_name.evaluate PATH``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from project_name import checkpoint, hardware, settings
from project_name.config import ConfigError
from project_name.data import datasets
from project_name.distributed import Group
from project_name.log import Rows
from project_name.loop import evaluate
from project_name.runs import RunFolder
from project_name.training import begin


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the loss and accuracy of a checkpoint; 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="project_name.evaluate",
        description="Measure.",
    )
    parser.add_argument("checkpoint", type=Path, help="a last.pt or best.pt")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(arguments)
    try:
        numbers = _measure(options.checkpoint, options.set)
    except (ConfigError, checkpoint.NoCheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("  ".join(f"{name} {value:.4f}" for name, value in numbers.items()))
    return 0


def _measure(path: Path, overrides: Sequence[str]) -> dict[str, float]:
    state = checkpoint.load(path)
    chosen = settings.reload(state["config"], "checkpoint", overrides)
    config = chosen.config
    hardware.settle(config.train)
    compute = hardware.choose(config.train)
    train, val = datasets(config.data, config.seed)
    training = begin(config, chosen.to_toml(), compute, Group(), len(train))
    training.model.load_state_dict(state["model"])
    numbers = evaluate(training, val)
    run = RunFolder(path.resolve().parents[1])
    with Rows(run.path / "evaluation.jsonl", config.name, compute) as rows:
        rows.env(hardware.facts() | {"checkpoint": str(path)})
        rows.metrics("evaluate", state["step"], state["epoch"], numbers)
    return numbers


if __name__ == "__main__":
    sys.exit(main())
