"""The scripts of a checkout."""

import ast
import importlib.util
import os
import runpy
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("2.6.0", True),
        ("2.13.0+cpu", True),
        ("2.11.0+cu128", True),
        ("3.0.0a0+git1", True),
        ("2.5.1", False),
        ("1.13.1", False),
        ("", False),
    ],
)
def test_an_installed_torch_is_kept_when_it_is_new_enough(version: str, fits: bool) -> None:
    """torch 2.6 and everything after it is kept, an older one or none is not."""
    spec = importlib.util.spec_from_file_location("environment", SCRIPTS / "environment.py")
    assert spec
    assert spec.loader
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    assert environment.torch_fits(version) is fits


@pytest.mark.parametrize("works", [True, False])
def test_programs_that_are_only_welcome_end_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], works: bool
) -> None:
    """A shell that some tests use is installed where that is possible, and else done without."""
    if sys.platform != "linux":
        pytest.skip("programs are installed on Linux alone")
    apt = folder / "apt-get"
    apt.write_text(
        f'#!/bin/sh\n[ $1 = update ] || echo "$@" > {folder}/asked\nexit {int(not works)}\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    runpy.run_path(str(SCRIPTS / "environment.py"))["_welcome_programs"](("zsh", "node"))
    said = capfd.readouterr().err
    if os.geteuid() == 0 and works:
        assert (folder / "asked").read_text().split()[-2:] == ["zsh", "nodejs"]
        assert "without" not in said
    else:
        assert "without zsh, nodejs" in said


@pytest.mark.parametrize("name", ["demo", "test", "check", "bench", "environment.py"])
def test_scripts_start_under_an_older_python(name: str) -> None:
    """They are Python 3.10 at most up to the sentence that says which Python is needed."""
    ast.parse((SCRIPTS / name).read_text(encoding="utf-8"), feature_version=(3, 10))


def test_the_page_of_failures_is_in_step() -> None:
    """docs/troubleshooting.md says what the code says (else: scripts/troubleshooting)."""
    page = runpy.run_path(str(SCRIPTS / "troubleshooting"))["page"]()
    assert (SCRIPTS.parent / "docs" / "troubleshooting.md").read_text(encoding="utf-8") == page
    assert "ERR_NGROK_8013" in page


def test_the_page_of_results_is_in_step() -> None:
    """docs/json.md says of each result what its type says (else: scripts/schema)."""
    page = runpy.run_path(str(SCRIPTS / "schema.py"))["page"]()
    assert (SCRIPTS.parent / "docs" / "json.md").read_text(encoding="utf-8") == page
    assert '"sync": {"anyOf"' in page
