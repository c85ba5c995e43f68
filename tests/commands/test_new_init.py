"""Taking up a project that is there: what is written, what is not touched, what would be sent."""

import tomllib
from pathlib import Path

import pytest

from colabdev.commands.init import init_project
from colabdev.commands.new import new_project
from colabdev.errors import ConfigError, InputError


def _project(folder: Path) -> Path:
    root = folder / "project"
    root.mkdir()
    (root / "train.py").write_text("print('x')\n")
    return root


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b'[project]\nname = "x"  # mine\n',
        b'[project]\r\nname = "x"\r\n',
        b'[project]\nname = "no newline"',
        b"[tool.ruff]\nline-length = 90\n",
        "[project]\ndescription = '한글'\n".encode(),
    ],
)
def test_every_byte_of_a_projects_settings_stays(folder: Path, before: bytes) -> None:
    """Our table is added at the end, in the file's own line endings; twice is once."""
    root = _project(folder)
    file = root / "pyproject.toml"
    file.write_bytes(before)
    file.chmod(0o640)
    assert init_project(root).written == ("pyproject.toml", ".colabdevignore")
    after = file.read_bytes()
    assert after.startswith(before)
    assert (b"\r\n" in before) == (b"\r\n" in after)
    assert after.count(b"\n") - after.count(b"\r\n") in (0, after.count(b"\n"))
    assert tomllib.loads(after.decode())["tool"]["colabdev"] == {"results": ["runs/**"]}
    assert file.stat().st_mode & 0o777 == 0o640
    assert init_project(root).written == ()
    assert file.read_bytes() == after


def test_without_settings_both_files_are_made(folder: Path) -> None:
    """A folder with a script alone gets both, and the script is what a sync would send."""
    root = _project(folder)
    adopted = init_project(root)
    assert adopted.written == ("pyproject.toml", ".colabdevignore")
    assert set(adopted.sizes) == {"train.py", "pyproject.toml", ".colabdevignore"}
    assert adopted.files == 3
    assert adopted.bytes == sum(adopted.sizes.values())


def test_what_is_left_out_is_not_counted(folder: Path) -> None:
    """Ignored files are not there, large ones are named apart, the largest come first."""
    root = _project(folder)
    (root / ".gitignore").write_text("*.ckpt\n")
    (root / "model.ckpt").write_bytes(bytes(100))
    (root / "data.bin").write_bytes(bytes(5000))
    with (root / "huge.bin").open("wb") as stream:
        stream.truncate(60_000_000)
    adopted = init_project(root)
    assert "model.ckpt" not in adopted.sizes
    assert next(iter(adopted.sizes)) == "data.bin"
    assert adopted.too_large == {"huge.bin": 60_000_000}


def test_our_own_ignore_file_stays(folder: Path) -> None:
    """Rules that are there already are kept, and are followed."""
    root = _project(folder)
    (root / ".colabdevignore").write_text("*.py\n")
    adopted = init_project(root)
    assert adopted.written == ("pyproject.toml",)
    assert (root / ".colabdevignore").read_text() == "*.py\n"
    assert "train.py" not in adopted.sizes


def test_a_new_project_is_taken_up_already(folder: Path) -> None:
    """``init`` after ``new`` writes nothing."""
    made = new_project(folder / "demo")
    adopted = init_project(made.folder)
    assert adopted.written == ()
    assert adopted.files == len(made.files)


@pytest.mark.parametrize("text", ["a = ", "tool = { ruff = 1 }\n", "tool = 1\n", "\xff"])
def test_settings_that_cannot_be_added_to_are_named(folder: Path, text: str) -> None:
    """A file that cannot be read, or has no room for a table, is named and left alone."""
    root = _project(folder)
    (root / "pyproject.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        init_project(root)
    assert (root / "pyproject.toml").read_bytes() == text.encode("latin-1")
    assert not (root / ".colabdevignore").exists()


def test_what_is_no_project_is_refused(folder: Path, home: Path) -> None:
    """A missing folder, a file, and the whole home folder are no projects."""
    (folder / "file").touch()
    for place in (folder / "missing", folder / "file", home):
        with pytest.raises(InputError):
            init_project(place)
    assert not (home / "pyproject.toml").exists()
