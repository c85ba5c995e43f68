"""A project in sync: the job is asked for along with the question, and starts by its answer."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import pytest

from colabdev.commands.run import RunOptions, run_target
from colabdev.commands.sync import remote_root, sync_project
from colabdev.commands.target import command_target
from colabdev.errors import SyncConflict
from colabdev.jobs.client import jobs
from colabdev.payload.verdict import hear_verdict, tell_verdict
from colabdev.remote.local import LocalTransport
from colabdev.remote.program import Program
from colabdev.remote.reach import Dial
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.transport import Process, Transport
from colabdev.results.store import Results
from colabdev.sync import engine
from tests.commands.test_run import Listening
from tests.support.far import far_side, output


class Watched:
    """A transport of which every program is noted that is started over it; *act* hears of each."""

    def __init__(
        self, inner: Transport | None = None, act: Callable[[str], None] = lambda _: None
    ) -> None:
        self._inner = inner or LocalTransport()
        self._act = act
        self.started: list[str] = []

    def start(self, argv: Sequence[str]) -> Process:
        process = self._inner.start(argv)
        if isinstance(argv, Program) and argv.name != "hostfacts":  # asked beside, if unknown yet
            verb = f" {argv.arguments[0]}" if argv.name == "jobs" else ""
            self.started.append(f"{argv.name}{verb}")
            self._act(self.started[-1])
        return process

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a project that both sides agree on, and have for a while."""
    folder = home / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    (folder / "told").write_text("first")
    monkeypatch.chdir(folder)
    with far_side("local", home):
        settle(folder, Registry().get("here"), LocalTransport())
        yield folder


def settle(project: Path, runtime: Runtime, transport: Transport) -> None:
    """Sync as if hours had passed since the last write."""

    def sync() -> None:
        engine.sync(
            project,
            transport,
            remote_root(project, runtime),
            peer=runtime.boot_id,
            now=lambda: time.time_ns() + 10**13,
        )

    sync()
    there = Path(remote_root(project, runtime))
    for path in (there / "told", there / "pyproject.toml"):
        assert path.exists()
    # What was written there within the tick of its clock is compared by contents once more.
    while time.time_ns() - (there / "told").stat().st_ctime_ns < 10**8:
        os.sched_yield()
    sync_project(project, runtime, transport, Listening())
    sync()


def _run(*words: str, options: RunOptions | None = None) -> tuple[str, list[str], str]:
    """Run *words* and return what they print, what was started for it, and the code's digest."""
    transport, reporter = Watched(), Listening()
    with Dial(Registry().get("here"), lambda _: transport) as dial:
        outcome = run_target(command_target(words), reporter, dial=dial, options=options)
    assert outcome.code == 0
    with Results() as results:
        digest = results.run(outcome.run_id).code_digest
    return output(reporter.events, "stdout").decode(), transport.started, digest


def test_nothing_to_sync_takes_one_question(project: Path) -> None:
    """Both are asked for at once, and the run is recorded as one after a sync of its own."""
    told, started, digest = _run("cat", "told")
    assert (told, started) == ("first", ["replica", "jobs run"])
    runtime = Registry().get("here")
    assert digest == sync_project(project, runtime, LocalTransport(), Listening()).code_digest
    assert len(jobs(LocalTransport())) == 1


def test_a_saved_file_goes_along(project: Path) -> None:
    """An edit here travels with the question, and the job that starts by itself has it."""
    (project / "told").write_text("second")
    (project / "more").mkdir()
    (project / "more" / "new").write_text(" and new")
    told, started, digest = _run("cat", "told", "more/new", options=RunOptions(env={"K": "v"}))
    assert (told, started) == ("second and new", ["replica", "jobs run"])
    report = sync_project(project, Registry().get("here"), LocalTransport(), Listening())
    assert digest == report.code_digest
    assert len(jobs(LocalTransport())) == 1


def test_a_change_there_is_brought_before_anything_starts(project: Path) -> None:
    """What was asked for along with the question is let go, and the job starts after the sync."""
    runtime = Registry().get("here")
    (Path(remote_root(project, runtime)) / "told").write_text("theirs")
    told, started, _ = _run("cat", "told")
    assert told == "theirs"
    assert started == ["replica", "jobs run", "jobs run"]
    assert (project / "told").read_text() == "theirs"
    assert len(jobs(LocalTransport())) == 1


def test_a_conflict_starts_nothing(project: Path) -> None:
    """Changed on both sides: the run ends with the conflict, and no job is on record."""
    runtime = Registry().get("here")
    there = Path(remote_root(project, runtime)) / "told"
    there.write_text("theirs")
    (project / "told").write_text("mine")
    transport = Watched()
    with (
        Dial(runtime, lambda _: transport) as dial,
        pytest.raises(SyncConflict),
    ):
        run_target(command_target(("cat", "told")), Listening(), dial=dial)
    assert transport.started == ["replica", "jobs run"]
    assert jobs(LocalTransport()) == []
    assert ((project / "told").read_text(), there.read_text()) == ("mine", "theirs")


def test_a_word_is_heard_once(home: Path) -> None:
    """It is taken by the one that waits for it; whoever waits for none is sent away."""
    tell_verdict("a" * 16, True)
    tell_verdict("b" * 16, False)
    assert hear_verdict("a" * 16, lambda _: False)
    assert not hear_verdict("b" * 16, lambda _: False)
    assert not hear_verdict("a" * 16, lambda _: True)
    assert not list((home / ".colabdev" / "verdicts").iterdir())
    for token in ("", "../state", "A" * 16):
        with pytest.raises(ValueError, match="token"):
            tell_verdict(token, True)
