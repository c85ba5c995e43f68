"""The documents say what there is."""

import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("name", ["colab.md", "colab.ko.md"])
def test_every_step_of_the_note_has_its_row(name: str) -> None:
    """R01 to R15 stand there once each, in order, with a command or a word for none."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (R\d\d) \|.*\| (.+) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == [f"R{number:02}" for number in range(1, 16)]
    assert all(row[1].strip() for row in rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page names a file that is there."""
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


def test_every_command_that_is_shown_exists() -> None:
    """The first words of each command shown in README and docs name a command or a subcommand."""
    code = "from colabdev.cli.main import cli\nfor name in cli.list_commands(None): print(name)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    known = set(done.stdout.split())
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        spans = re.findall(r"`colabdev ([^`\n]+)`", text)
        for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            spans += re.findall(r"^\$? ?colabdev ([^\n#]+)", block, re.MULTILINE)
        for span in spans:
            words = [] if span.startswith("-") else span.split()
            assert not words or words[0].rstrip(",") in known, f"{page.name}: colabdev {span}"


def test_the_options_that_are_shown_exist() -> None:
    """Each --option of a colabdev line, in README and every page, is one of that command's own."""
    code = (
        "import click\n"
        "from colabdev.cli.main import cli\n"
        "def walk(command, path):\n"
        "    names = [o for p in command.params for o in (*p.opts, *p.secondary_opts)]\n"
        "    print('/'.join(path), *names, '--help', '-h')\n"
        "    if not isinstance(command, click.Group): return\n"
        "    context = click.Context(command)\n"
        "    for name in command.list_commands(context):\n"
        "        walk(command.get_command(context, name), [*path, name])\n"
        "walk(cli, ['colabdev'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    options = {line.split()[0]: set(line.split()[1:]) for line in done.stdout.splitlines()}
    checked = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = re.findall(r"`(colabdev [^`\n]+)`", text)
        for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            lines += re.findall(r"^\$? ?(colabdev [^\n]+)", block, re.MULTILINE)
        for line in lines:
            for path, word in _options(line, options):
                assert word in options[path], f"{page.name}: {line}"
                checked += 1
    assert checked > 50


def _options(line: str, known: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield each option in *line* with the command it is typed at."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # prose with one quote
        return
    path = words[0]
    for before, word in itertools.pairwise(words):
        if f"{path}/{word}" in known:
            path = f"{path}/{word}"
        if word == "--" or word.endswith(".py") or word in ("|", "&&", ">", ";"):
            return
        if word.startswith("-") and len(word) > 1:
            yield path, word.split("=")[0]
        elif path == "colabdev/run" and before in ("-m", "run"):
            return
