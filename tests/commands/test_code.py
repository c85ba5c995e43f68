"""``code``: the editor opens the synced project on the runtime; settings.json keeps the rest."""

import json
import os
from pathlib import Path

import pytest

from colabdev.remote.destination import Destination
from colabdev.remote.runtime import Registry, Runtime
from tests.remote.keys import fresh_ed25519
from tests.support.cli import colabdev, json_lines
from tests.support.stub_editor import put_editor

MARKED = ["ms-vscode-remote.remote-ssh"]


@pytest.fixture
def project(home: Path) -> Path:
    """Lend a project beside a known runtime ``colab``."""
    there = Destination("root", "0.tcp.ngrok.io", 12345, fresh_ed25519(), "ngrok")
    Registry().put(Runtime("colab", there, "0" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    folder = home / "my.proj"
    (folder / "src").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("")
    (folder / "train.py").write_text("")
    return folder


@pytest.fixture
def editor(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lend the folder of a stand-in for VS Code that is on PATH and has Remote-SSH."""
    folder = home / "bin"
    put_editor(folder)
    (folder / "extensions").write_text("ms-vscode-remote.remote-ssh")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def _opened(editor: Path) -> list[str]:
    return (editor / "opened").read_text().splitlines()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ((), ["/content/my.proj/"]),
        (("src",), ["/content/my.proj/src/"]),
        (("train.py",), ["/content/my.proj/", "/content/my.proj/train.py"]),
        (("/content/my.proj/src",), ["/content/my.proj/src/"]),
    ],
)
def test_it_opens_the_project_there(
    project: Path, editor: Path, path: tuple[str, ...], words: list[str]
) -> None:
    """The editor is told the runtime and the counterpart of what is here."""
    done = colabdev("code", *path, cwd=project)
    assert done.returncode == 0, done.stderr
    assert _opened(editor) == ["--remote", "ssh-remote+colab", *words]


@pytest.mark.parametrize("path", ["..", "/content", "/etc/passwd", "/content/my.proj/../other"])
def test_outside_is_refused(project: Path, editor: Path, path: str) -> None:
    """What is not in the project is bad input, and no window opens."""
    done = colabdev("code", path, cwd=project)
    assert done.returncode == 2
    assert b"outside" in done.stderr
    assert not (editor / "opened").exists()


def test_settings_keep_what_stands_there(home: Path, project: Path, editor: Path) -> None:
    """The platform is noted once, with a copy of the file as it was; comments stay."""
    file = home / ".config" / "Code" / "User" / "settings.json"
    file.parent.mkdir(parents=True)
    before = b'\xef\xbb\xbf{\r\n  // mine\r\n  "a": 1,\r\n}\r\n'
    file.write_bytes(before)
    assert b"runs Linux" in colabdev("code", cwd=project).stderr
    after = file.read_bytes()
    assert after.startswith(before[:-3].rstrip(b"}"))
    assert b'"colab": "linux"' in after
    assert file.with_name("settings.json.before-colabdev").read_bytes() == before
    assert b"runs Linux" not in colabdev("code", cwd=project).stderr
    assert file.read_bytes() == after


def test_disconnect_takes_it_out_again(home: Path, project: Path, editor: Path) -> None:
    """The alias leaves the settings with its runtime, and the copy goes that is needed no more."""
    file = home / ".config" / "Code" / "User" / "settings.json"
    file.parent.mkdir(parents=True)
    before = b'{\n  "a": 1 // mine\n}\n'
    file.write_bytes(before)
    colabdev("code", cwd=project)
    assert b'"colab"' in file.read_bytes()
    assert colabdev("disconnect", "colab", cwd=project).returncode == 0
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_project_that_was_never_synced_is_told(project: Path, editor: Path) -> None:
    """An empty window needs an explanation before it opens."""
    assert b"colabdev sync" in colabdev("code", cwd=project).stderr
    (project / ".colabdev").mkdir()
    assert b"colabdev sync" not in colabdev("code", cwd=project).stderr


@pytest.mark.parametrize("words", [("--no-settings",), ()])
def test_settings_are_left_alone(
    home: Path, project: Path, editor: Path, words: tuple[str, ...]
) -> None:
    """With --no-settings, or a damaged file, nothing changes and the snippet is printed."""
    file = home / ".config" / "Code" / "User" / "settings.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}" if words else "{ damaged")
    done = colabdev("code", *words, cwd=project)
    assert done.returncode == 0
    assert b'"colab": "linux"' in done.stderr
    assert file.read_text() == ("{}" if words else "{ damaged")
    assert list(file.parent.iterdir()) == [file]


def test_the_extension_is_installed_on_request(project: Path, editor: Path) -> None:
    """A missing extension is named with the command that installs it; then it is there."""
    (editor / "extensions").unlink()
    assert b"--install-extension" in colabdev("code", cwd=project).stderr
    assert b"Installed" in colabdev("code", "--install-extension", cwd=project).stderr
    assert (editor / "extensions").read_text().split()[-1:] == MARKED


def test_without_an_editor_there_is_the_link(project: Path) -> None:
    """Exit code 1, and the link alone on stdout; as JSON it is a field."""
    done = colabdev("code", "--editor", "windsurf", cwd=project)
    assert done.returncode == 1
    url = "windsurf://vscode-remote/ssh-remote+colab/content/my.proj"
    assert done.stdout.decode() == f"{url}\n"
    lines = json_lines(colabdev("code", "--editor", "windsurf", "--json", cwd=project))
    [result] = [line["data"] for line in lines if line["type"] == "result"]
    assert (result["opened"], result["link"]) == (False, url)
    assert json.dumps(result)


def test_an_editor_that_fails_is_a_sentence(project: Path, editor: Path) -> None:
    """What the editor says is passed on with the link, and the exit code is not 0."""
    (editor / "fails").write_text("")
    done = colabdev("code", cwd=project)
    assert done.returncode == 2
    assert b"no display" in done.stderr
    assert b"vscode://" in done.stderr
