"""Train: ``python -m project_name.train --config base --resume auto``."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from project_name import checkpoint, hardware, settings
from project_name.config import ConfigError
from project_name.data import datasets
from project_name.distributed import Group, joined
from project_name.log import Rows
from project_name.loop import TrainingError, fit
from project_name.runs import RUNS, earlier_runs, new_run
from project_name.stop import Stop
from project_name.training import begin

SMOKE = ("train.epochs=1", "train.limit_steps=1", "train.log_every=1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says: 0 done or stopped as asked, 1 failed, 2 bad input."""
    options = _parser().parse_args(arguments)
    try:
        return _train(options)
    except (ConfigError, checkpoint.NoCheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # the second one: see Stop
        print("interrupted: the checkpoint before this step stands", file=sys.stderr)
        return 130


def _train(options: argparse.Namespace) -> int:
    overrides = [*(SMOKE if options.smoke else ()), *options.set]
    name = "debug" if options.smoke else options.config
    chosen = settings.load(name, overrides)
    with ExitStack() as stack:
        # The time is counted, and signals are heeded, from the start: loading data takes time too.
        stop = stack.enter_context(Stop(options.max_minutes))
        group = stack.enter_context(joined(chosen.config.train.device))
        # One process looks, so that all of them go on from the same checkpoint.
        source, state = _source(options, chosen.config.name) if group.first else (None, None)
        source = group.from_first(source)
        if source is not None:
            state = state or checkpoint.load(source)
            chosen = settings.reload(state["config"], "checkpoint", overrides)
        return _run(options, chosen, group, source, state, stop)


def _run(
    options: argparse.Namespace,
    chosen: settings.Settings,
    group: Group,
    source: Path | None,
    state: checkpoint.State | None,
    stop: Stop,
) -> int:
    config = chosen.config
    hardware.settle(config.train)
    compute = hardware.choose(config.train, group.local_rank)
    train, val = datasets(config.data, config.seed)
    training = begin(config, chosen.to_toml(), compute, group, len(train))
    if state is not None:
        training.restore(state)
    if training.finished:
        _say(group, f"{source} is the end of its run. For a new one leave --resume out.")
        return 0
    run = new_run(options.runs, config.name) if group.first else None
    run = group.from_first(run)
    assert run is not None, "the first process has made it"
    with ExitStack() as stack:
        rows = None
        if group.first:
            env = {**hardware.facts(), "processes": group.world}
            env["resumed_from"] = str(source) if source else None
            run.write(training.text, env)
            if source is not None and (best := source.with_name("best.pt")).exists():
                checkpoint.copy(best, run.checkpoints)  # still the best, until there is a better
            log = Rows(run.metrics, config.name, compute, tensorboard=config.train.tensorboard)
            rows = stack.enter_context(log)
            rows.env(env)
        begun = f"from step {training.step} of {source}" if source else "from the beginning"
        _say(group, f"{run.path}: training on {compute.device} in {compute.dtype}, {begun}")
        ending = fit(training, train, val, run=run, rows=rows, stop=stop)
    last = run.checkpoints / "last.pt"
    if ending == "stopped":
        why = stop.reason or "another process had to"
        _say(group, f"stopped at step {training.step}: {why}. Resume with --resume {last}")
    else:
        _say(group, f"finished: best {config.train.monitor} is {training.best:.4f}; {last}")
    return 0


def _source(options: argparse.Namespace, name: str) -> tuple[Path | None, checkpoint.State | None]:
    """Return the checkpoint to go on from and what is in it, or twice None."""
    if options.resume is None:
        return None, None
    if options.resume != "auto":
        return Path(options.resume), checkpoint.load(Path(options.resume))
    found = checkpoint.newest(earlier_runs(options.runs, name))
    if found is None:
        print(f"{options.runs / name} has no checkpoint yet.")
        return None, None
    return found


def _say(group: Group, text: str) -> None:
    if group.first:
        print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="project_name.train",
        description="Train a network.",
    )
    parser.add_argument("--config", default="base", help="a file of configs/, or a path")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="as optim.lr=1e-3"
    )
    parser.add_argument(
        "--resume", metavar="auto|PATH", help="auto: the newest run's checkpoint, if there is one"
    )
    parser.add_argument(
        "--max-minutes", type=float, default=0.0, help="then save and stop; 0: no limit"
    )
    parser.add_argument("--smoke", action="store_true", help="one step with configs/debug.toml")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where run folders are made")
    return parser


if __name__ == "__main__":
    sys.exit(main())
