"""``runtimes``: listed with what is stale, renamed without a trace of the old name, forgotten."""

import subprocess
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.connect import connect
from colabdev.commands.runtimes import rename, runtimes
from colabdev.editor.editors import EDITORS
from colabdev.editor.find import this_system
from colabdev.editor.settings import note_platform, settings_file
from colabdev.errors import InputError
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.link import client
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from colabdev.remote.transport import run
from tests.commands.conftest import Heard
from tests.support.cli import colabdev, json_lines
from tests.support.link import end_link, link_process, linked
from tests.support.runtime import StartedRuntime, start_runtime

pytestmark = pytest.mark.sshd


def test_stale_ones_are_shown_as_such(machine: StartedRuntime, home: Path, heard: Heard) -> None:
    """One that answers is up, one that is gone says so, and the one connected last is marked."""
    with start_runtime(home / "vm" / "stopped") as stopped:
        connect(stopped.connect_string, "stopped", heard)
    connect(machine.connect_string, "colab", heard)
    rows = {row["alias"]: row for row in runtimes()}
    assert (rows["colab"]["state"], rows["colab"]["default"]) == ("up", True)
    assert (rows["stopped"]["state"], rows["stopped"]["default"]) == ("unreachable", False)
    assert rows["stopped"]["problem"]
    [line, _] = json_lines(colabdev("runtimes", "--json"))
    assert {row["alias"] for row in line["data"]} == {"colab", "stopped"}


def test_rename(machine: StartedRuntime, heard: Heard) -> None:
    """Under the new name plain ssh gets in; the old one is in no file of ours any more.

    Nor in an editor's settings: only known names are taken out of them later.
    """
    connect(machine.connect_string, "colab", heard)
    settings = Path(settings_file(this_system(), EDITORS[0]))
    note_platform(settings, EDITORS[0], "colab")
    assert "colab" in settings.read_text()
    before = Registry().get("colab")
    rename("colab", "a100", heard)
    assert "colab" not in settings.read_text()
    assert Registry().get("a100").destination == before.destination
    for path in (paths.runtimes_file(), paths.ssh_config_file(), paths.known_hosts_file()):
        assert "colab " not in path.read_text().replace("by colabdev ", "")
    done = subprocess.run(
        ["ssh", "-F", paths.ssh_config_file(), "-oBatchMode=yes", "a100", "echo in"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stdout == "in\n", done.stderr


def test_rename_while_a_link_runs(machine: StartedRuntime, heard: Heard) -> None:
    """The link of the old name leaves, and the new name gets one of its own."""
    connect(machine.connect_string, "colab", heard)
    with linked(parse_connect_string(machine.connect_string)):
        with reach(Registry().get("colab")) as transport:
            assert run(transport, ["echo", "in"]).stdout == b"in\n"
        old = link_process("colab")
        rename("colab", "a100", heard)
        for child in client.STARTED:
            child.wait(timeout=20)
        assert not old.is_running()
        with reach(Registry().get("a100")) as transport:
            assert run(transport, ["echo", "in"]).stdout == b"in\n"
        end_link("a100")


def test_names_that_cannot_be(machine: StartedRuntime, heard: Heard) -> None:
    """A name that is taken, is none, or belongs to no runtime changes nothing."""
    connect(machine.connect_string, "one", heard)
    connect(machine.connect_string, "two", heard)
    before = Registry().all()
    for old, new in (("one", "two"), ("one", "a b"), ("one", "here"), ("here", "x"), ("no", "x")):
        with pytest.raises(InputError) as caught:
            rename(old, new, heard)
        assert caught.value.hint
    assert Registry().all() == before


def test_forget_is_disconnect(machine: StartedRuntime, heard: Heard) -> None:
    """What was forgotten is gone from every file; twice equals once."""
    connect(machine.connect_string, "colab", heard)
    for _ in range(2):
        assert colabdev("runtimes", "forget", "colab").returncode == 0
    assert Registry().all() == []
    assert not paths.user_ssh_config().exists()
