"""The end that Colab has in store for a machine: told before a job is lost with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from colabdev.commands.connect import connect
from colabdev.commands.hardware import remember_hardware, warn_of_the_end
from tests.commands.conftest import Heard
from tests.support.cli import colabdev
from tests.support.runtime import StartedRuntime


@pytest.mark.sshd
def test_the_last_hour_is_told(machine: StartedRuntime, heard: Heard, folder: Path) -> None:
    """Whoever connects or starts a job in it hears how much is left, and what to do about it."""
    connection = connect(machine.connect_string, "colab", heard)
    assert heard.warned == [], "this is none of Colab's machines"
    soon = replace(connection.facts, left_estimate=3500.0)
    remember_hardware(soon, now=lambda: 1000.0)
    for moment, minutes in ((900.0, None), (1060.0, 57), (4400.0, 1), (4600.0, None)):
        heard.warned.clear()
        warn_of_the_end(connection.runtime, heard, now=iter([moment]).__next__)
        assert bool(heard.warned) == (minutes is not None)
        assert all(f"some {minutes} minutes" in text and hint for text, hint in heard.warned)
    warn_of_the_end(replace(connection.runtime, boot_id="f" * 32), heard, now=lambda: 1060.0)
    remember_hardware(soon)
    (folder / "pyproject.toml").touch()
    done = colabdev("run", "--", "echo", "in", cwd=folder)
    assert (done.stdout, done.returncode) == (b"in\n", 0)
    assert b"58 minutes left (an estimate)" in done.stderr
    assert b"--pull" in done.stderr
