"""A runtime whose disk runs full while a job prints: it is told, and nothing is lost."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colabdev.commands.jobs import attach, cancel_job, list_jobs, show_logs
from colabdev.commands.reporter import Silent
from colabdev.commands.run import run_target
from colabdev.commands.target import command_target
from colabdev.errors import ConfigError
from colabdev.jobs.job import Event, JobState
from colabdev.results.store import Results
from tests.support.far import far_side, output

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to make a file system")


@dataclass
class Hearing(Silent):
    """A reporter that keeps what it hears, and calls *act* for what warns."""

    events: list[Event] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    acts: list[object] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def warn(self, text: str, hint: str = "") -> None:
        self.warned.append(f"{text} {hint}")
        while self.acts:
            act = self.acts.pop()
            assert callable(act)
            act()


@pytest.fixture
def disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Lend a home that is a small disk of its own, and stand in a project elsewhere."""
    place = folder / "disk"
    place.mkdir()
    if os.system(f"mount -t tmpfs -o size=8m,mode=700 tmpfs '{place}'"):
        pytest.skip("tmpfs cannot be mounted here")
    project = folder / "project"
    project.mkdir()
    (project / "pyproject.toml").touch()
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("COLABDEV_HOME", str(folder / "state"))
    try:
        with far_side("local", place):
            yield place
    finally:
        monkeypatch.undo()
        assert not os.system(f"umount '{place}'")


def test_a_full_disk_is_told_and_the_job_goes_on_when_there_is_room(disk: Path) -> None:
    """The warning names the way out; meanwhile what there is can be shown, and no other starts."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(8_000_000))
    shown = Hearing()

    def look_and_make_room() -> None:
        show_logs("full", shown, on="here")
        assert [job.state for job in list_jobs("here")] == [JobState.RUNNING]
        ballast.unlink()

    reporter = Hearing(acts=[look_and_make_room])
    target = command_target(("sh", "-c", "seq 100000; exit 3"), name="full")
    assert run_target(target, reporter, on="here").code == 3
    text = b"".join(b"%d\n" % number for number in range(1, 100_001))
    assert output(reporter.events, "stdout") == text
    (warning,) = reporter.warned
    assert "disk is full" in warning
    assert "colabdev shell" in warning
    some = output(shown.events, "stdout")
    assert 0 < len(some) < len(text)
    assert text.startswith(some)


def test_a_full_laptop_leaves_a_job_that_can_be_gone_back_to(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it measures cannot be recorded: the way back is said, and later all of it is there."""
    monkeypatch.setenv("COLABDEV_HOME", str(disk / "state"))
    monkeypatch.setenv("HOME", str(Path.cwd().parent))
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(8_000_000))
    row = '{"v": 1, "kind": "metric", "metric": "loss", "value": 0.5, "step": \'$n\'}'
    script = f"for n in $(seq 3000); do echo '{row}'; done >> $COLABDEV_REPORT"
    target = command_target(("sh", "-c", script), name="rows")
    with far_side("local", Path.cwd().parent):
        with pytest.raises(ConfigError, match="full") as caught:
            run_target(target, Silent(), on="here")
        (job,) = list_jobs("here")
        assert f"colabdev attach --on here {job.id}" in caught.value.hint
        ballast.unlink()
        assert attach(job.id, Silent(), on="here").code == 0
        with Results() as results:
            steps = [row.step for row in results.run(job.id).metrics]
        assert steps == list(range(1, 3001))


def test_ctrl_c_is_heeded_though_the_disk_is_full(disk: Path) -> None:
    """A job that waits for room is ended by cancel; its end is told once there is room."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(8_000_000))

    def end_it() -> None:
        cancel_job("full", on="here")
        with contextlib.suppress(FileNotFoundError):
            ballast.unlink()

    reporter = Hearing(acts=[end_it])
    target = command_target(("sh", "-c", "seq 100000; sleep 60"), name="full")
    outcome = run_target(target, reporter, on="here")
    assert outcome.job.state is JobState.CANCELLED
