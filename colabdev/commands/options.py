"""How a job is run, listened to, and brought its results of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from colabdev.jobs.job import LOG_LIMIT, RECONNECT_FOR

PULL_LIMIT = 500_000_000


@dataclass(frozen=True, slots=True)
class PullOptions:
    """Where to bring results: to *project*, if it is here, none larger than *limit* bytes.

    *anyway* brings also what goes beyond the tunnel's free month.
    """

    project: Path | None = None
    limit: int = PULL_LIMIT
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: *env* goes on top of the runtime's own, its values into no file and no list.

    Without *sync* the project's folder there is taken as it stands. Files that the job makes and
    that match a pattern of *pull* are brought back, none larger than *pull_limit* bytes, and none
    beyond a tunnel's free month but *pull_anyway*.
    *log_limit* is in bytes, *patience* in seconds, as in `Line`.
    """

    sync: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    pull: tuple[str, ...] = ()
    pull_limit: int = PULL_LIMIT
    pull_anyway: bool = False
    log_limit: int = LOG_LIMIT
    patience: float = RECONNECT_FOR
