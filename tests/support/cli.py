"""The command line as users start it: a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any  # a JSON line


def colabdev(
    *words: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Run one command to its end, with both outputs captured and no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "colabdev", *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=timeout,
    )


def json_lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    """Return what a command printed with ``--json``."""
    return [json.loads(line) for line in done.stdout.splitlines()]
