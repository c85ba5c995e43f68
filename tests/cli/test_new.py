"""``new`` and ``init`` as they are typed."""

from pathlib import Path

from tests.support.cli import colabdev, json_lines


def test_new_says_where_and_what_next(folder: Path) -> None:
    """The folder, the number of files, and a command that can be typed."""
    done = colabdev("new", "demo", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    said = done.stderr.decode()
    assert str(folder / "demo") in said
    assert "cd demo && colabdev run -m demo.train --config debug" in said
    assert done.stdout == b""


def test_new_as_json(folder: Path) -> None:
    """The result names the folder, the package and every file."""
    lines = json_lines(colabdev("new", "my-model", "--name", "net", "--json", cwd=folder))
    (result,) = [line["data"] for line in lines if line["type"] == "result"]
    assert result["folder"] == str(folder / "my-model")
    assert result["package"] == "net"
    assert "net/train.py" in result["files"]


def test_a_bad_name_is_bad_input(folder: Path) -> None:
    """Exit code 2, two lines, and no folder."""
    done = colabdev("new", "my-model", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "Error: The folder's name 'my-model' cannot be that of a Python package: it takes a-z, "
        "0-9 and _, and begins with a letter.",
        "  Name the package: --name my_model",
    ]
    assert not (folder / "my-model").exists()


def test_init_shows_what_would_be_sent(folder: Path) -> None:
    """The files with their sizes go to stdout; a second time nothing is written."""
    (folder / "train.py").write_text("print()\n")
    done = colabdev("init", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    assert "Wrote pyproject.toml." in done.stderr.decode()
    assert "train.py" in done.stdout.decode()
    again = colabdev("init", cwd=folder)
    assert "nothing was changed" in again.stderr.decode()
    (result,) = [
        line["data"]
        for line in json_lines(colabdev("init", "--json", cwd=folder))
        if line["type"] == "result"
    ]
    assert result["files"] == 3
    assert result["sizes"]["train.py"] == 8
