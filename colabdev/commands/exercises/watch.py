"""Telling which of the learner's files was saved."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from colabdev.exercises.course import Exercise
from colabdev.exercises.workbook import Workbook

EVERY = 0.2  # seconds between two looks, and in which a file that is being written comes to rest
_QUIET = 1000  # milliseconds after which we look without an event: some file systems send none

State = dict[str, tuple[int, int, int]]


def saved(
    workbook: Workbook,
    only: Exercise | None = None,
    *,
    poll: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Exercise]:
    """Return what yields each exercise whose file is saved from now on, once it is at rest.

    With *only* that one exercise is looked at. Only the learner's own files are: whatever else an
    editor puts beside them does not matter. The system tells of changes where `watchfiles` is
    installed; without it, and with *poll*, the files are looked at again and again.
    """
    files = {
        each.slug: workbook.file(each) for each in workbook.course.exercises if only in (None, each)
    }
    moments = _moments(workbook.root, poll, sleep)
    return _changes(workbook, files, _states(files), moments, sleep)


def _changes(
    workbook: Workbook,
    files: dict[str, Path],
    before: State,
    moments: Iterator[object],
    sleep: Callable[[float], None],
) -> Iterator[Exercise]:
    for _ in moments:
        after = _states(files)
        while after != before:
            sleep(EVERY)
            if (now := _states(files)) == after:
                break
            after = now
        changed = [slug for slug in after if after[slug] != before.get(slug)]
        before = after
        yield from (workbook.course.exercise(slug) for slug in changed)


def _states(files: dict[str, Path]) -> State:
    """Return what changes with every save, also with one that replaces the file."""
    found: State = {}
    for slug, file in files.items():
        with contextlib.suppress(OSError):
            stat = file.stat()
            found[slug] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _moments(root: Path, poll: bool, sleep: Callable[[float], None]) -> Iterator[object]:
    """Return what yields whenever it is time to look at the files."""
    if not poll:
        with contextlib.suppress(ImportError):
            from watchfiles import watch

            events: Iterator[object] = watch(
                root, recursive=False, yield_on_timeout=True, rust_timeout=_QUIET
            )
            return events
    return _clock(sleep)


def _clock(sleep: Callable[[float], None]) -> Iterator[None]:
    while True:
        yield
        sleep(EVERY)
