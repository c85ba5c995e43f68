"""The Korean catalogue is whole, in step with the source, and chosen as users expect."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import ModuleType

import pytest

from colabdev.commands.doctor.check import Verdict
from colabdev.commands.status import State
from colabdev.commands.words import WORDS
from colabdev.exercises.course import Outcome
from colabdev.far_words import HOLE, translated
from colabdev.jobs.job import JobState
from colabdev.payload import checker
from colabdev.results.run import RunState
from colabdev.settings import Source
from tests.support.cli import colabdev
from tests.support.runtime import start_runtime

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


def test_what_the_far_side_says_has_its_korean() -> None:
    """Each sentence of the programs that run there is in the catalogue, with its holes, none else.

    What this says is missing, ``scripts/words`` adds to far.json, to be filled in.
    """
    catalogue = _catalogue()
    known = json.loads(catalogue.FAR.read_text(encoding="utf-8"))
    wanted = catalogue.far_sentences()
    assert len(wanted) > 80
    assert not [key for key in wanted if not known.get(key)]
    assert not [key for key in known if key not in wanted]
    for key, there in known.items():
        assert sorted(HOLE.findall(key)) == sorted(HOLE.findall(there)), key
        assert not re.search("[가-힣]", HOLE.sub("", key))
        assert re.search("[가-힣]", there), key


def test_every_state_has_its_word() -> None:
    """Each way that something can stand is among the words that are put into Korean."""
    states = (State, JobState, RunState, Verdict, Source)
    assert not [one.value for kind in states for one in kind if one.value not in WORDS]
    assert {*checker.OUTCOMES} == {*Outcome, checker.BROKEN}


def test_states_read_korean_and_are_english_for_programs(folder: Path) -> None:
    """People read how things stand in their language; ``--json`` says it as it always does."""
    env = {**os.environ, "LANGUAGE": "ko", "PYTHONUTF8": "1"}
    assert colabdev("exercises", "start", cwd=folder, env=env).returncode == 0
    course = folder / "colabdev-course"
    for words, korean, english in (
        (("run", "--on", "here", "--", "sh", "-c", "exit 3"), "실패: 종료 코드 3", ""),
        (("jobs", "--on", "here"), "실패", "failed"),
        (("results", "list"), "실패", "failed"),
        (("results", "show", "last"), "실패", "failed"),
        (("config", "show"), "기본값", "default"),
        (("doctor",), "정상", "ok"),
        (("exercises", "list"), "현재", "current"),
    ):
        said = colabdev(*words, cwd=course, env=env)
        text = said.stdout.decode() + said.stderr.decode()
        assert korean in text, words
        assert not english or english not in text.split(), words
        if english:
            told = colabdev(*words, "--json", cwd=course, env=env).stdout.decode()
            assert f'"{english}"' in told
            assert f'"{korean}"' not in told


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("it was changed during the sync", "동기화하는 동안 바뀌었습니다"),
        ("it cannot be read: Permission denied", "읽을 수 없습니다: 권한이 없습니다"),
        (
            "The contents are damaged: the path '../x' is refused, "
            "it is absolute, climbs, or has empty parts.",
            "내용이 손상되었습니다: 경로 '../x'을(를) 거절합니다. "
            "절대 경로이거나 위로 올라가거나 빈 부분이 있습니다.",
        ),
        ("nvidia-smi says: {error}", "nvidia-smi says: {error}"),
        ("", ""),
        # To fit it into the holes of a sentence would take minutes.
        pytest.param("The far side cannot use " + ": " * 50_000, None, id="long"),
    ],
)
def test_what_the_far_side_says_is_put_into_korean(
    told: str, shown: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what stands in it; what nobody knows stays as it is, and so does all in English."""
    monkeypatch.setenv("LANGUAGE", "ko")
    assert translated(told) == (told if shown is None else shown)
    monkeypatch.setenv("LANGUAGE", "en")
    assert translated(told) == told


@pytest.mark.sshd
def test_a_failure_over_there_reads_korean(folder: Path, home: Path) -> None:
    """A command that is not there, a job nobody knows: the machine's own words, in Korean."""
    with start_runtime(home / "vm") as runtime:
        assert colabdev("connect", runtime.connect_string).returncode == 0
        for words, code, sentence in (
            (("run", "--", "no-such-command"), 70, "실행할 수 없습니다: 그런 파일이나 폴더가"),
            (("logs", "abcdefgh"), 2, "abcdefgh"),
        ):
            done = colabdev("--lang", "ko", *words, cwd=folder)
            said = done.stderr.decode()
            assert done.returncode == code, said
            assert sentence in said
            assert "far side" not in said


@pytest.mark.parametrize(
    ("words", "env", "korean"),
    [
        ([], {"LANG": "ko_KR.UTF-8"}, True),
        ([], {"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, False),
        ([], {"LANG": "en_US.UTF-8"}, False),
        ([], {"LANGUAGE": "fr:ko", "LANG": "en_US.UTF-8"}, True),
        ([], {"LANGUAGE": "en_GB:ko", "LANG": "ko_KR.UTF-8"}, False),
        (["--lang", "ko"], {"LANGUAGE": "en:ko", "LANG": "C"}, True),
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
        "for name in cli.list_commands(None): walk(cli.get_command(None, name), name)\n"
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
