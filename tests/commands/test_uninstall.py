"""Uninstall leaves the computer as it was: no file of ours, and no process."""

import os
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.exercises.check import check
from colabdev.commands.jobs import cancel_job, list_jobs, wait_for_jobs
from colabdev.commands.reporter import Silent
from colabdev.commands.run import run_target
from colabdev.commands.target import command_target
from colabdev.commands.uninstall import uninstall
from colabdev.editor.editors import EDITORS
from colabdev.editor.find import this_system
from colabdev.editor.settings import note_platform, settings_file
from colabdev.exercises import warm
from colabdev.exercises.course import Course
from colabdev.exercises.workbook import Workbook
from colabdev.jobs.client import boot_id
from colabdev.remote.destination import Destination
from colabdev.remote.local import LocalTransport
from colabdev.remote.runtime import Registry, Runtime
from colabdev.store import locked, private_dir
from tests.commands.conftest import Heard
from tests.remote.keys import fresh_ed25519


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project outside of the home that is to be empty afterwards."""
    place = folder / "project"
    place.mkdir()
    (place / "pyproject.toml").touch()
    monkeypatch.chdir(place)
    return place


def _files(home: Path, besides: Path) -> list[str]:
    every = (Path(top, name) for top, _, names in os.walk(home) for name in names)
    return sorted(str(file) for file in every if not file.is_relative_to(besides))


def test_a_machine_that_was_its_own_runtime(home: Path, project: Path, heard: Heard) -> None:
    """Jobs with ``--on here``, their projects, and the lock of Google's CLI leave nothing."""
    assert run_target(command_target(("true",)), Silent(), on="here").code == 0
    with locked(private_dir(paths.home()) / "colab"):
        pass
    removed = uninstall(heard)
    assert _files(home, project.parent) == []
    assert not (home / ".colabdev").exists()
    assert not paths.home().exists()
    assert removed.stay == ()


def test_a_job_that_runs_here_keeps_its_files(home: Path, project: Path, heard: Heard) -> None:
    """It is named with the way to end it; once it has ended, nothing stays."""
    target = command_target(("sleep", "600"), name="long")
    run_target(target, Silent(), on="here", detach=True)
    uninstall(heard)
    ((text, hint),) = heard.warned
    assert str(home / ".colabdev") in text
    assert "colabdev cancel --on here" in hint
    assert [job.name for job in list_jobs("here")] == ["long"]
    cancel_job("long", on="here")
    (ended,) = wait_for_jobs(["long"], Silent(), on="here")
    assert ended.state.ended
    uninstall(heard)
    assert _files(home, project.parent) == []


def test_a_machine_that_a_cell_opened_keeps_what_the_cell_wrote(home: Path, heard: Heard) -> None:
    """It is the cell's own stop that ends it."""
    record = private_dir(home / ".colabdev") / "runtime.json"
    record.write_text('{"boot_id": "1"}')
    uninstall(heard)
    with LocalTransport() as transport:
        assert boot_id(transport) == "1"


def test_every_runtime_goes_from_the_editors_settings(home: Path, heard: Heard) -> None:
    """However many were noted there; the user's own entries stay."""
    settings = Path(settings_file(this_system(), EDITORS[0]))
    settings.parent.mkdir(parents=True)
    mine = '{\n    "mine": 1,\n    "remote.SSH.remotePlatform": {"my-host": "macOS"}\n}\n'
    settings.write_text(mine)
    for alias in ("colab", "a100", "lab"):
        there = Destination("root", "127.0.0.1", 1, fresh_ed25519())
        Registry().put(Runtime(alias, there, "0" * 32, "/content", alias))
        note_platform(settings, EDITORS[0], alias)
    assert str(settings) in map(str, uninstall(heard).edited)
    assert settings.read_text() == mine
    assert [file.name for file in settings.parent.iterdir()] == ["settings.json"]


@pytest.mark.skipif(not warm.SUPPORTED, reason="there is no safe fork here")
@pytest.mark.torch
def test_the_warm_checker_ends(home: Path, heard: Heard) -> None:
    """What keeps torch loaded for the next check goes as well, with its folder."""
    course = Course.load()
    workbook = Workbook(home / "course", course)
    workbook.lay_down()
    check(workbook, course.exercises[:1], Silent())
    uninstall(heard)
    assert _files(home, home / "course") == []  # that it ended is held by the test's own check
