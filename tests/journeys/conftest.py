"""A connected runtime: the shipped cell on this machine, and a laptop that has its alias."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import colabdev
from tests.support.runtime import StartedRuntime, start_runtime


@pytest.fixture
def colab(home: Path) -> Iterator[StartedRuntime]:
    """Start a runtime beside the laptop's home and connect to it as ``colab``."""
    with start_runtime(home / "vm") as runtime:
        done = colabdev("connect", runtime.connect_string)
        assert done.returncode == 0, done.stderr.decode()
        yield runtime
