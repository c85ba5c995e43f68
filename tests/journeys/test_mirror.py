"""``sync --mode mirror`` in a terminal: what a person is asked, and what each answer does."""

import re
from pathlib import Path

import pytest

from tests.support.cli import colabdev
from tests.support.runtime import StartedRuntime
from tests.support.terminal import terminal
from tests.sync.trees import read, write

pytestmark = pytest.mark.sshd


@pytest.fixture
def apart(colab: StartedRuntime, home: Path) -> tuple[Path, Path]:
    """Return a project and its copy there, which has a file more and one that was edited."""
    project = home / "p"
    project.mkdir()
    write(project, {"a": b"a", "b": b"b"})
    assert colabdev("sync", cwd=project).returncode == 0
    there = colab.home / "content" / "p"
    write(there, {"b": b"edited there", "results": b"of a night"})
    return project, there


@pytest.mark.parametrize(("keys", "code"), [("n\n", 3), ("\n", 3), ("\x03", 130), ("y\n", 0)])
def test_a_mirror_deletes_what_a_person_lets_it(
    keys: str, code: int, apart: tuple[Path, Path]
) -> None:
    """It shows what would go and asks; only a yes deletes, and any other answer changes nothing."""
    project, there = apart
    with terminal("sync", "--mode", "mirror", str(project)) as screen:
        screen.until(r"delete there\s+results(.|\n)*\[y/N\]: ")
        screen.type(keys)
        assert screen.end() == code
        said = screen.screen
    assert read(project) == {"a": b"a", "b": b"b"}
    if code == 0:
        assert read(there) == read(project)
        assert re.search(r"1 sent .*1 deleted", said)
    else:
        assert read(there) == {"a": b"a", "b": b"edited there", "results": b"of a night"}
        assert ("Stopped." if code == 130 else "colabdev sync --mode push") in said


def test_a_mirror_with_nothing_to_do_asks_nothing(apart: tuple[Path, Path]) -> None:
    """Where both sides are the same already there is no question."""
    project, there = apart
    assert colabdev("sync", "--mode", "mirror", "--yes", str(project)).returncode == 0
    with terminal("sync", "--mode", "mirror", str(project)) as screen:
        assert screen.end() == 0
    assert "[y/N]" not in screen.screen
    assert read(there) == read(project)
