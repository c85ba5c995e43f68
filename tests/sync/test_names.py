"""The name of a project's folder on a runtime."""

import os
import unicodedata
from pathlib import Path

import pytest

from colabdev.errors import ConfigError
from colabdev.sync.names import remote_name


@pytest.mark.parametrize(
    ("folder_name", "expected"),
    [
        ("plain", "plain"),
        ("내 프로젝트", "내 프로젝트"),
        (unicodedata.normalize("NFD", "한글"), "한글"),  # as macOS may store it
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("a\nb", "a_b"),
        ("a\\b", "a_b"),
        (os.fsdecode(b"\xff"), "_"),
        ("...", "project"),
        ("가" * 80, "가" * 66),
    ],
)
def test_a_project_is_named_after_its_folder(folder: Path, folder_name: str, expected: str) -> None:
    """The name there is the folder's, made fit for a folder's name anywhere."""
    project = folder / folder_name
    project.mkdir()
    assert remote_name(project) == expected


def test_a_project_may_name_itself(project: Path) -> None:
    """[tool.colabdev] name wins; what is no folder's name, or no name, is an error that says so."""
    settings = project / "pyproject.toml"
    settings.write_text('[tool.colabdev]\nname = "다른 이름"\n')
    assert remote_name(project) == "다른 이름"
    for wrong in ('"../x"', '"/etc"', '"-rf"', '".x"', '""', '" x"', '"a\\nb"', "7"):
        settings.write_text(f"[tool.colabdev]\nname = {wrong}\n")
        with pytest.raises(ConfigError) as refusal:
            remote_name(project)
        assert refusal.value.hint
    settings.write_text("[tool")
    with pytest.raises(ConfigError, match=r"pyproject\.toml cannot be read"):
        remote_name(project)
    settings.write_text("[tool.other]\n")
    assert remote_name(project) == project.name
