"""The folder of one run: what it was set to, what it ran on, what it measured and made."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any  # facts go into a JSON file

RUNS = Path(__file__).parents[1] / "runs"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """``runs/<name>/<UTC date-time>-<id>/``; sorted by name is sorted by time."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    def write(self, config: str, env: dict[str, Any]) -> None:
        """Write down the settings and the machine, before anything can go wrong."""
        (self.path / "config.toml").write_text(config, encoding="utf-8")
        text = json.dumps(env, indent=2, ensure_ascii=False)
        (self.path / "env.json").write_text(text + "\n", encoding="utf-8")


def new_run(runs: Path, name: str) -> RunFolder:
    """Make the folder of a run that starts now.

    A resumed run has a folder of its own too: what an earlier machine wrote is never touched, and
    so never in conflict with the copy that the laptop has.
    """
    now = datetime.now(UTC)
    # Microseconds, so that of two runs in one second the later one still sorts last.
    path = runs / name / f"{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"
    (path / "checkpoints").mkdir(parents=True)
    return RunFolder(path)


def earlier_runs(runs: Path, name: str) -> list[RunFolder]:
    """Return the runs called *name*, the newest first."""
    folders = sorted((runs / name).glob("*/checkpoints"), reverse=True)
    return [RunFolder(folder.parent) for folder in folders]
