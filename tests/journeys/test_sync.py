"""``colabdev sync``, ``push`` and ``pull`` from the command line to a real sshd and back."""

from pathlib import Path

import pytest

from tests.support.cli import colabdev, json_lines
from tests.support.runtime import StartedRuntime
from tests.sync.trees import Tree, read, write

pytestmark = pytest.mark.sshd

PROJECT: Tree = {
    "pyproject.toml": b"[project]\n",
    ".gitignore": b"out/\n",
    "train.py": b"print('hi')\n",
    "한글 이름.py": b"1\n",
}


def test_both_sides_work_on_one_project(colab: StartedRuntime, home: Path) -> None:
    """Sync, edit on both sides, sync again; settle the conflict; fetch what is ignored by name."""
    project = home / "my project"
    project.mkdir()
    write(project, PROJECT)
    there = colab.home / "content" / "my project"

    first = colabdev("sync", cwd=project)
    assert (first.returncode, first.stderr) == (0, b"")
    assert first.stdout.decode().startswith("4 sent (")
    assert read(there) == PROJECT

    write(there, {"train.py": b"edited in VS Code\n", "out/last.pt": b"weights", "log.txt": b"log"})
    (there / "한글 이름.py").unlink()
    (project / "train.py").write_bytes(b"edited on the laptop, too\n")
    (project / "new.py").write_bytes(b"new\n")

    plan = colabdev("sync", "--dry-run", "--json", cwd=project)
    planned = json_lines(plan)[-2]["data"]["planned"]
    assert {(one["action"], one["path"]) for one in planned} == {
        ("send", "new.py"),
        ("fetch", "log.txt"),
        ("delete here", "한글 이름.py"),
    }
    assert not (there / "new.py").exists()

    second = colabdev("sync", cwd=project)
    assert second.returncode == 3
    assert "train.py" in second.stderr.decode()
    assert "colabdev pull --force" in second.stderr.decode()
    assert (project / "log.txt").read_bytes() == b"log"
    assert not (project / "한글 이름.py").exists()
    assert (there / "new.py").read_bytes() == b"new\n"

    assert colabdev("pull", "--force", "train.py", cwd=project).returncode == 0
    assert (project / "train.py").read_bytes() == b"edited in VS Code\n"
    assert colabdev("pull", "out/*.pt", cwd=project).returncode == 0
    assert (project / "out/last.pt").read_bytes() == b"weights"
    third = colabdev("sync", "--json", cwd=project)
    assert third.returncode == 0
    data = json_lines(third)[-2]["data"]
    assert (data["sent"], data["received"], data["conflicts"]) == ([], [], [])

    (project / "out" / "mine.pt").write_bytes(b"mine")
    assert colabdev("push", "mine.pt", cwd=project / "out").returncode == 0
    assert (there / "out/mine.pt").read_bytes() == b"mine"


def test_a_mirror_asks_first(colab: StartedRuntime, home: Path) -> None:
    """Where nobody can be asked a mirror that deletes needs --yes, and says so."""
    project = home / "p"
    project.mkdir()
    write(project, {"a": b"a"})
    assert colabdev("sync", cwd=project).returncode == 0
    write(colab.home / "content" / "p", {"b": b"b"})
    asked = colabdev("sync", "--mode", "mirror", cwd=project)
    assert asked.returncode == 3
    assert "colabdev sync --mode mirror --yes" in asked.stderr.decode()
    assert read(colab.home / "content" / "p") == {"a": b"a", "b": b"b"}
    assert colabdev("sync", "--mode", "mirror", "--yes", cwd=project).returncode == 0
    assert read(colab.home / "content" / "p") == {"a": b"a"}


@pytest.mark.parametrize(
    "words", [("pull", "*"), ("pull", "!x"), ("pull", "../x"), ("push", ".."), ("push", ".")]
)
def test_what_names_no_single_thing_is_refused(
    words: tuple[str, str], colab: StartedRuntime, home: Path
) -> None:
    """Patterns for everything and paths outside the project are usage errors with a next step."""
    project = home / "p"
    project.mkdir()
    write(project, {"pyproject.toml": b""})
    done = colabdev(*words, cwd=project)
    assert done.returncode == 2
    assert "colabdev sync --mode" in done.stderr.decode()
    assert not (colab.home / "content" / "p").exists()
