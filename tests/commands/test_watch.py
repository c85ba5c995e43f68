"""``sync --watch``: a sync on every save, over one connection."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colabdev.commands.reporter import Silent
from colabdev.commands.watch import watch_project
from colabdev.errors import ConfigError, SyncHalted
from colabdev.remote.local import LocalTransport
from colabdev.remote.runtime import Runtime, here
from colabdev.sync.report import SyncReport
from colabdev.sync.saves import saves
from tests.sync.trees import read, write


class Recorder(Silent):
    """A reporter that keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.hints: list[str] = []

    def warn(self, text: str, hint: str = "") -> None:
        self.warnings.append(text)
        self.hints.append(hint)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until *holds*, and fail when it never does."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def project(folder: Path) -> Path:
    """Return a project with one file."""
    root = folder / "project"
    write(root, {"pyproject.toml": b"[project]\n", "a": b"one"})
    return root


def there(runtime: Runtime) -> Path:
    return Path(runtime.root) / "project"


def test_each_moment_is_a_sync_over_one_connection(project: Path) -> None:
    """What was saved between two moments travels; nothing is told of a sync that did nothing."""
    runtime = here()
    told: list[SyncReport] = []
    opened = LocalTransport()

    def moments() -> Iterator[bool]:
        yield True
        (project / "a").write_bytes(b"two!")
        yield True
        (there(runtime) / "b").write_bytes(b"made there")
        yield False

    watched = watch_project(
        project, runtime, opened, Recorder(), tell=told.append, moments=moments()
    )
    assert [(report.sent, report.received) for report in told] == [
        (("a", "pyproject.toml"), ()),
        (("a",), ()),
        ((), ("b",)),
    ]
    assert (watched.looks, watched.sent, watched.received) == (4, 3, 1)
    assert read(project) == read(there(runtime))


def test_what_is_wrong_is_said_once(project: Path) -> None:
    """A conflict, a halt and broken rules are told when they come, not at each look, and again
    after they had gone."""
    runtime = here()
    reporter = Recorder()

    def moments() -> Iterator[bool]:
        (project / "a").write_bytes(b"here")
        (there(runtime) / "a").write_bytes(b"there!")
        yield from (True, True, True)
        (there(runtime) / "a").unlink()
        yield True
        (project / "a").write_bytes(b"here again")
        (there(runtime) / "a").write_bytes(b"there again!")
        yield from (True, True)
        for file in list(there(runtime).iterdir()):
            if file.is_file():
                file.unlink()
        yield from (True, True)

    watched = watch_project(project, runtime, LocalTransport(), reporter, moments=moments())
    conflicts = [text for text in reporter.warnings if text.startswith("In conflict")]
    halts = [text for text in reporter.warnings if text.startswith("Nothing is left")]
    assert (len(conflicts), len(halts)) == (2, 1)
    assert watched.trouble == halts[0]


def test_a_project_that_cannot_be_synced_is_not_watched(project: Path) -> None:
    """What no sync could do ends the watch at once, with the sync's own sentence."""
    (project / "pyproject.toml").write_text("[tool")
    with pytest.raises((ConfigError, SyncHalted), match=r"pyproject\.toml"):
        watch_project(project, here(), LocalTransport(), Recorder(), moments=())


@pytest.mark.parametrize("polls", [True, False])
def test_saves_are_heard_of(polls: bool, project: Path) -> None:
    """A save ends the wait; what is never synced does not, and time does in its turn."""
    if not polls:
        pytest.importorskip("watchfiles")
    heard = saves(project, 3.0, polls=polls)
    code = (
        "import sys, time, pathlib\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "(root / '__pycache__').mkdir(exist_ok=True)\n"
        "while True:\n"
        "    time.sleep(0.5); (root / '__pycache__' / 'x').write_text('x')\n"
        "    (root / sys.argv[2]).write_text(str(time.time())) if sys.argv[2:] else None\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, project, "saved"]) as saver:
        assert any(next(heard) for _ in range(5))
        saver.kill()
    with subprocess.Popen([sys.executable, "-c", code, project]) as saver:
        assert not all(next(heard) for _ in range(3))
        saver.kill()


def test_ctrl_c_ends_it_with_a_summary(project: Path, home: Path) -> None:
    """Saves travel while it runs; Ctrl-C ends it well, and says what it did."""
    command = [sys.executable, "-m", "colabdev", "sync", "--watch", "--on", "here"]
    with subprocess.Popen(
        command,
        cwd=project,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as watching:
        copy = there(here())
        wait_until(lambda: (copy / "a").exists())
        (project / "a").write_bytes(b"saved")
        wait_until(lambda: (copy / "a").read_bytes() == b"saved")
        watching.send_signal(signal.SIGINT)
        out, errors = watching.communicate(timeout=60)
    assert (watching.returncode, b"Traceback" in errors) == (0, False)
    assert b"sent" in out
