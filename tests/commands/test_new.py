"""Making a project from the template: what comes out of it, and what is refused."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from colabdev.commands.new import new_project
from colabdev.errors import ColabdevError, InputError


@pytest.mark.parametrize("name", ["ml", "demo", "a_name_of_thirty_letters_at_all"[:30]])
def test_a_project_is_clean_under_any_name(folder: Path, name: str) -> None:
    """Formatted, linted and typed, whether the name is short or long; no trace of the template."""
    made = new_project(folder / name)
    for words in (
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy", "--cache-dir", os.devnull],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=made.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for path in (path for path in made.folder.rglob("*") if path.is_file()):
        if ".ruff_cache" not in path.parts:
            assert "project_name" not in path.read_text(encoding="utf-8"), path
            assert "project_name" not in str(path)


def test_a_project_stands_alone(folder: Path) -> None:
    """It has all that the documentation names, and no module is too long to read."""
    made = new_project(folder / "demo")
    expected = {
        "pyproject.toml", "README.md", "README.ko.md", "sky.yaml", ".gitignore", ".colabdevignore",
        ".vscode/settings.json", ".vscode/extensions.json", ".vscode/launch.json",
        "configs/base.toml", "configs/debug.toml", "configs/t4.toml",
        "demo/train.py", "demo/evaluate.py", "demo/finetune.py", "demo/hooks.py",
        "tests/test_resume.py",
    }  # fmt: skip
    assert expected <= set(made.files)
    there = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*")
             if path.is_file()}  # fmt: skip
    assert there == set(made.files)
    settings = tomllib.loads((made.folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["name"] == made.package == "demo"
    assert settings["project"]["dependencies"] == ["torch>=2.6"]
    assert settings["tool"]["colabdev"] == {"results": ["runs/**"]}
    for module in (made.folder / "demo").glob("*.py"):
        assert len(module.read_text(encoding="utf-8").splitlines()) <= 150, module


def test_the_editor_starts_what_is_there(folder: Path) -> None:
    """The files of .vscode are JSON, and name modules and configurations of the project."""
    made = new_project(folder / "demo")
    launch, settings, extensions = (
        json.loads((made.folder / ".vscode" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("launch", "settings", "extensions")
    )
    for configuration in launch["configurations"]:
        # Relative to the folder that is open: on a runtime that is /content/demo.
        assert configuration["cwd"] == "${workspaceFolder}"
        if configuration["module"] != "pytest":
            assert configuration["module"] == "demo.train"
            name = configuration["args"][configuration["args"].index("--config") + 1]
            assert (made.folder / "configs" / f"{name}.toml").is_file()
    assert settings["python.testing.pytestEnabled"] is True
    assert "ms-vscode-remote.remote-ssh" in extensions["recommendations"]


def test_the_cloud_description_has_skypilots_fields(folder: Path) -> None:
    """sky.yaml is YAML, and has only fields of SkyPilot's published schema, of the right kinds."""
    yaml = pytest.importorskip("yaml")
    made = new_project(folder / "demo")
    task = yaml.safe_load((made.folder / "sky.yaml").read_text(encoding="utf-8"))
    assert task.keys() == {"name", "workdir", "resources", "setup", "run"}
    assert all(isinstance(task[name], str) for name in ("name", "workdir", "setup", "run"))
    assert task["resources"] == {
        "accelerators": {"L4": 1},
        "autostop": {"idle_minutes": 30, "down": True},
    }
    for script in (task["setup"], task["run"]):
        assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    assert "demo.train" in task["run"]


def test_skypilot_itself_takes_it(folder: Path) -> None:
    """Where SkyPilot is installed (`scripts/test --full`), its own loader reads the file."""
    python = Path(sys.prefix) / "skypilot" / "bin" / "python"
    if not python.exists():
        pytest.skip("SkyPilot is not installed: scripts/test --full installs it")
    made = new_project(folder / "demo")
    code = "import sky, sys; task = sky.Task.from_yaml(sys.argv[1]); print(task.name, task.run)"
    done = subprocess.run(
        [python, "-c", code, str(made.folder / "sky.yaml")],
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("demo ")
    assert "demo.train --config base" in done.stdout


@pytest.mark.parametrize(
    ("name", "proposal"),
    [
        ("my-model", "my_model"),
        ("My Model", "my_model"),
        ("내-모델", "demo"),
        ("모델 v2", "v2"),
        ("class", "demo"),
        ("match", "demo"),
        ("torch", "demo"),
        ("json", "demo"),
        ("tests", "demo"),
        ("runs", "demo"),
        ("2fast", "demo"),
        ("_hidden", "hidden"),
        ("ends_", "ends"),
        ("", "demo"),
        ("a.b", "a_b"),
        ("a/b", "a_b"),
        ("x" * 31, "x" * 30),
        ("new\nline", "new_line"),
        ("ｆｕｌｌ", "demo"),
    ],
)
def test_a_name_that_no_package_can_have(folder: Path, name: str, proposal: str) -> None:
    """One sentence, a name that works, and nothing on the disk."""
    with pytest.raises(InputError) as refused:
        new_project(folder / "place", name)
    assert refused.value.hint == f"Name the package: --name {proposal}"
    assert "\n" not in refused.value.message
    assert not list(folder.iterdir())
    assert new_project(folder / "place", proposal).package == proposal


def test_a_folder_may_be_called_anything(folder: Path) -> None:
    """Blanks, Korean letters and dashes are no package's name, but with --name fine folders."""
    with pytest.raises(InputError, match="folder's name"):
        new_project(folder / "내 모델-1")
    made = new_project(folder / "내 모델-1", "model")
    assert (made.folder / "model" / "train.py").is_file()


def test_an_empty_folder_is_used_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the current one, which stays the same folder."""
    place = folder / "demo"
    place.mkdir()
    before = place.stat().st_ino
    monkeypatch.chdir(place)
    made = new_project(Path())
    assert made.package == "demo"
    assert place.stat().st_ino == before
    assert not list(place.glob(".colabdev-new-*"))
    assert (place / "demo" / "train.py").is_file()


def test_what_is_there_stays(folder: Path) -> None:
    """A folder with something in it, a file, a link to nowhere, a missing parent: refused."""
    (folder / "demo").mkdir()
    (folder / "demo" / "mine").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        new_project(folder / "demo")
    (folder / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        new_project(folder / "file", "demo")
    (folder / "link").symlink_to(folder / "nowhere")
    with pytest.raises(InputError, match="is a file"):
        new_project(folder / "link", "demo")
    with pytest.raises(InputError, match="no folder"):
        new_project(folder / "a" / "b", "demo")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert found == ["demo", "demo/mine", "file", "link"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_may_not_be_written(folder: Path) -> None:
    """No permission is a sentence."""
    folder.chmod(0o500)
    with pytest.raises(ColabdevError, match="nothing was made"):
        new_project(folder / "demo")


def test_a_full_disk_leaves_nothing(folder: Path) -> None:
    """When writing fails in the middle, the folder is as it was before."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from colabdev.commands.new import new_project\n"
        "from colabdev.errors import ColabdevError\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        # Small files of the template still fit, the larger ones do not.
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: new_project(Path(sys.argv[1]), 'demo')\n"
        "except ColabdevError as error: print(error.message)\n"
    )
    (folder / "empty").mkdir()
    for place in ("missing", "empty"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder / place)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "nothing was made" in done.stdout
    assert [path.name for path in folder.rglob("*")] == ["empty"]
