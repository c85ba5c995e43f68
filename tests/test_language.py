"""The Korean catalogue is whole, in step with the source, and chosen as users expect."""

import importlib.util
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.cli import colabdev

SCRIPTS = Path(__file__).parents[1] / "scripts"


def _catalogue() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogue", SCRIPTS / "catalogue.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_sentence_has_its_korean() -> None:
    """Nothing is missing, fuzzy or unused, and both forms name the same fields.

    Sentences come from the source (``tr``), from the help of every command, and from click. What
    this says is missing, ``scripts/words`` adds to the catalogue, to be filled in.
    """
    catalogue = _catalogue()
    wanted = {**catalogue.click_messages(), **catalogue.messages()}
    entries = {}
    for entry in catalogue.load():
        if entry.id:
            assert not entry.fuzzy, entry.id
            key = entry.id if isinstance(entry.id, str) else entry.id[0]
            entries[key] = entry.string if isinstance(entry.string, str) else entry.string[0]
    missing = [key for key in wanted if not entries.get(key)]
    assert not missing
    assert not [key for key in entries if key not in wanted]
    for key, said in entries.items():
        if "{" in key and "%(" not in key:
            assert catalogue.fields(said) == catalogue.fields(key), key


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    """The .mo that ships is what the .po compiles to."""
    catalogue = _catalogue()
    assert catalogue.compiled(catalogue.load()) == catalogue.MO.read_bytes()


@pytest.mark.parametrize(
    ("words", "env", "korean"),
    [
        ([], {"LANG": "ko_KR.UTF-8"}, True),
        ([], {"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, False),
        ([], {"LANG": "en_US.UTF-8"}, False),
        ([], {"LANGUAGE": "fr:ko", "LANG": "en_US.UTF-8"}, True),
        (["--lang", "ko"], {}, True),
        (["--lang=en"], {"LANG": "ko_KR.UTF-8"}, False),
        ([], {"COLABDEV_LANG": "ko", "LANG": "en_US.UTF-8"}, True),
        (["--lang", "en"], {"COLABDEV_LANG": "ko"}, False),
    ],
)
def test_the_language_is_the_flags_then_the_settings_then_the_systems(
    words: list[str], env: dict[str, str], korean: bool
) -> None:
    """Help, click's own words and errors come in the language chosen."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    done = colabdev(*words, "--help", env={**clean, **env, "PYTHONUTF8": "1"})
    assert ("사용법:" in done.stdout.decode()) == korean
    done = colabdev(*words, "stattus", env={**clean, **env, "PYTHONUTF8": "1"})
    assert ("명령이 없습니다" in done.stderr.decode()) == korean
    assert "status" in done.stderr.decode()


def test_korean_help_fits_eighty_columns() -> None:
    """A letter of two columns counts as two: no line of prose is wider than the terminal."""
    env = {**os.environ, "COLUMNS": "80", "PYTHONUTF8": "1"}
    for words in (("--help",), ("run", "--help"), ("sync", "--help"), ("results", "--help")):
        done = colabdev("--lang", "ko", *words, env=env)
        for line in done.stdout.decode().splitlines():
            wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in line)
            assert len(line) + wide <= 80 or line.startswith("  --mode"), line


def test_every_help_has_an_example() -> None:
    """Each command and subcommand shows how it is typed, in a line that begins with colabdev."""
    code = (
        "import click\n"
        "from colabdev.cli.main import cli\n"
        "def walk(command, path):\n"
        "    print(path, bool('Example:\\n' in (command.help or '')), sep='\\t')\n"
        "    if not hasattr(command, 'commands'): return\n"
        "    context = click.Context(command)\n"
        "    for name in command.list_commands(context):\n"
        "        walk(command.get_command(context, name), f'{path} {name}')\n"
        "for name, inner in cli.commands.items(): walk(inner, name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) > 40
    assert not [line for line in lines if line.endswith("False")]


def test_an_option_that_is_mistyped_names_its_neighbour() -> None:
    """``--dry-runn`` asks whether --dry-run was meant."""
    done = colabdev("sync", "--dry-runn")
    assert done.returncode == 2
    assert re.search(rb"Did you mean '?--dry-run", done.stderr)
