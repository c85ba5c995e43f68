"""When to look again: something was saved in a project, or it is time."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from colabdev.errors import ColabdevError
from colabdev.payload import replica as wire
from colabdev.sync.ignore import Ignored, ProjectRules

_SETTLE = 300  # milliseconds without another save, for editors save in several steps
_LONGEST = 5  # such pauses: who saves all the time is synced in between
_GLANCE = 1.0  # seconds between two looks where the system does not tell


def saves(project: Path, every: float, *, polls: bool = False) -> Iterator[bool]:
    """Yield True after each burst of saves in *project*, False after *every* seconds without.

    The system tells of them if watchfiles is installed; else, or with *polls*, the tree is
    listed again and again. What is never synced does not count.
    """
    told = None if polls else _told(project, every)
    return told or _polled(project, every)


def _told(project: Path, every: float) -> Iterator[bool] | None:
    try:
        from watchfiles import watch
    except ImportError:
        return None

    def counts(changed: Iterable[str]) -> bool:
        try:
            ignored = Ignored(project)
            inside = (os.path.relpath(path, project).replace(os.sep, "/") for path in changed)
            return not all(map(ignored, inside))
        except ColabdevError:  # rules that cannot be read: the sync itself says so
            return True

    def bursts() -> Iterator[bool]:
        since = time.monotonic()
        for changes in watch(
            project,
            watch_filter=None,  # it would swallow the time-outs while only ignored files change
            debounce=_LONGEST * _SETTLE,
            step=_SETTLE,
            rust_timeout=int(every * 1000),
            yield_on_timeout=True,
            raise_interrupt=True,
        ):
            saved = bool(changes) and counts(path for _, path in changes)
            if saved or time.monotonic() - since >= every:
                yield saved
                since = time.monotonic()

    return bursts()


def _polled(
    project: Path, every: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[bool]:
    before = _seen(project)
    since = time.monotonic()
    while True:
        sleep(_GLANCE)
        now = _seen(project)
        saved = now != before
        for _ in range(_LONGEST):  # wait for the last of a burst
            if now == before:
                break
            before = now
            sleep(_SETTLE / 1000)
            now = _seen(project)
        if saved or time.monotonic() - since >= every:
            yield saved
            since = time.monotonic()


def _seen(project: Path) -> str:
    try:
        return wire.digest_of_rows(wire.scan(os.fspath(project), ProjectRules(project), []))
    except OSError:
        return ""
    except wire.Failure as error:
        return error.message
