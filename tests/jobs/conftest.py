"""A machine to run jobs on, reached over each transport."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.far import TRANSPORTS, Far, far_side


@pytest.fixture(params=TRANSPORTS)
def far(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Far]:
    """Lend a machine whose environment asks nobody for unbuffered output."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with far_side(request.param, home) as far:
        yield far
