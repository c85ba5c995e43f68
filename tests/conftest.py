"""Every test gets a home of its own and must leave no thread, child or descriptor behind."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from colabdev.store import scratch_dir

# No test is timed: machines are shared. `scripts/test --full` runs the long counts.
settings.register_profile("short", deadline=None)
settings.register_profile("full", deadline=None, max_examples=2000)
settings.load_profile("full" if os.environ.get("COLABDEV_TEST_FULL") else "short")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Lend a private folder that sshd's StrictModes accepts (a test runner's own does not)."""
    with scratch_dir() as path:
        yield path


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Point the user's home and colabdev's state at an empty folder."""
    with scratch_dir() as path:
        for name in list(os.environ):
            if name.startswith(("COLABDEV_", "NGROK_", "XDG_", "SSH_", "COLAB_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(path))
        monkeypatch.setenv("USERPROFILE", str(path))
        monkeypatch.setenv("COLABDEV_HOME", str(path / "state"))
        monkeypatch.setenv("COLABDEV_LINK", "0")  # a test of the link takes this away
        yield path


def _open_things() -> tuple[set[int | None], set[int], int]:
    me = psutil.Process()
    threads = {thread.ident for thread in threading.enumerate()}
    children = {child.pid for child in me.children(recursive=True)}
    return threads, children, me.num_fds()


def _living_in(home: Path) -> set[int]:
    """Return the processes whose home is the test's: detached ones are nobody's children."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HOME", "").startswith(str(home)):
                found.add(process.pid)
    return found


@pytest.fixture(autouse=True)
def no_leaks(home: Path) -> Iterator[None]:
    """Fail the test that leaves a thread, a child process or a descriptor open."""
    threads, children, descriptors = _open_things()
    yield
    deadline = time.monotonic() + 5
    while True:
        now_threads, now_children, now_descriptors = _open_things()
        extra_threads = now_threads - threads
        extra_children = (now_children - children) | _living_in(home)
        extra_descriptors = now_descriptors - descriptors
        if not extra_threads and not extra_children and extra_descriptors <= 0:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    names = [thread.name for thread in threading.enumerate() if thread.ident in extra_threads]
    commands = [psutil.Process(pid).cmdline() for pid in extra_children if psutil.pid_exists(pid)]
    pytest.fail(
        f"left behind: threads {names}, children {commands}, {extra_descriptors} descriptors"
    )
