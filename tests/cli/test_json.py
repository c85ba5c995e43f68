"""What --json prints is what docs/json.md says, on every command."""

import ast
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from colabdev.exercises import warm
from tests.support.checks import copy_of_mini
from tests.support.cli import colabdev
from tests.support.page import check, check_lines, line_schema, results
from tests.support.runtime import start_runtime

TESTS = Path(__file__).parents[1]
# Commands whose standard output belongs to something else: a terminal, ssh's own bytes, a play.
NOT_OURS = {"shell", "proxy", "demo"}
# What is run to its end here, on this very machine; other commands end in their own refusal, which
# is lines of the schema as well.
WHOLE = (
    ("run", "--on", "here", "--", "sh", "-c", "echo out; echo err >&2; printf '\\377'"),
    ("run", "--on", "here", "reports.py"),
    ("jobs", "--on", "here"),
    ("attach", "--on", "here", "last"),
    ("wait", "--on", "here", "last"),
    ("cancel", "--on", "here", "last"),
    ("logs", "--on", "here", "last"),
    ("jobs", "prune", "--on", "here", "--older-than", "0s"),
    ("doctor",),
    ("status",),
    ("status", "--on", "here"),
    ("runtimes",),
    ("results", "list"),
    ("results", "show", "last"),
    ("config", "show"),
    ("config", "set", "pull_limit", "1GB"),
    ("config", "unset", "pull_limit"),
    ("exercises", "list"),
    ("exercises", "show", "tiny-autograd"),
    ("exercises",),
    ("exercises", "start", "course"),
    ("exercises", "show"),
    ("exercises",),
    ("exercises", "next"),
    ("exercises", "hint"),
    ("exercises", "solution", "--show"),
    ("exercises", "reset", "tiny-autograd", "--yes"),
    ("exercises", "results", "tiny-autograd"),
    ("new", "hello"),
    ("init", "."),
    ("completion", "bash"),
    ("cell", "--tunnel", "none"),
    ("sync", "--on", "here", "--dry-run"),
    ("push", "--on", "here", "--dry-run", "reports.py"),
    ("pull", "--on", "here", "--dry-run", "*.py"),
    ("uninstall", "--yes"),
)


def test_the_result_of_every_command_is_on_the_page() -> None:
    """Each command is there, and nothing else but the groups that give a result themselves."""
    groups = {"exercises", "jobs", "runtimes"}
    assert results()["properties"].keys() == groups | {" ".join(words) for words in _commands()}


@pytest.mark.sshd
def test_a_machine_and_what_is_said_of_it(folder: Path, home: Path) -> None:
    """From connect to disconnect, what is told of a real machine is what the page says."""
    (folder / "one.txt").write_text("1")
    with start_runtime(home / "vm") as runtime:
        for words in (
            ("connect", runtime.connect_string),
            ("status",),
            ("runtimes",),
            ("sync",),
            ("run", "cat", "one.txt"),
            ("jobs",),
            ("code", "--no-settings"),
            ("runtimes", "rename", "colab", "other"),
            ("connect", runtime.connect_string),
            ("runtimes", "forget", "colab"),
            ("disconnect",),
        ):
            asked = ("run", "--json", "--", *words[1:]) if words[0] == "run" else (*words, "--json")
            done = colabdev(*asked, cwd=folder)
            types = check(words, done)
            assert "error" not in types, (words, done.stderr)


@pytest.mark.sshd
def test_a_runtime_of_this_machine_and_a_course_on_it(folder: Path) -> None:
    """From up to down: a course is checked, measured, compared, and examined for its author."""
    mini = str(copy_of_mini(folder, "wrong-value", "measured"))
    book = folder / "mine"
    begun = colabdev("exercises", "start", "mine", "--course", mini, cwd=folder)
    assert begun.returncode == 0
    told: dict[str, list[str]] = {}
    try:
        for words in (
            ("up", "--local"),
            ("exercises", "check", "wrong-value", "--on", "local"),
            ("exercises", "check", "--all", "--on", "here"),
            ("exercises", "run", "measured"),
            ("exercises", "run", "--all"),
            ("exercises", "results", "measured"),
            ("exercises", "author", "check", "--course", mini),
            ("down", "--yes"),
        ):
            done = colabdev(*words, "--json", cwd=book if book.is_dir() else folder)
            told[" ".join(words)] = check(words, done)
            # Nobody has answered anything yet, and the files of four exercises belong to none.
            failing = words[1] in ("check", "author")
            assert done.returncode == failing, (words, done.stderr)
    finally:
        warm.stop()
        colabdev("down", "--yes")
    assert all("result" in types for words, types in told.items() if words != "down --yes")
    assert {"metric", "record", "output"} <= {*told["exercises run measured"]}


def test_every_command_is_held_to_the_page_somewhere() -> None:
    """For each command that gives a result there is a test that holds real output to its schema.

    Such tests name the command in a tuple of its own, in a file that calls ``check`` of the page.
    """
    named: set[str] = set()
    for file in TESTS.rglob("test_*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if not any(_holds_to_the_page(node) for node in ast.walk(tree)):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple):
                words = itertools.takewhile(lambda one: isinstance(one, ast.Constant), node.elts)
                typed = [str(getattr(one, "value", "")) for one in words]
                named |= {" ".join(typed[:length]) for length in (1, 2, 3)}
    silent = {name for name, kind in results()["properties"].items() if kind == {"not": {}}}
    assert silent >= NOT_OURS
    assert not {*results()["properties"]} - named - NOT_OURS


def _holds_to_the_page(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "tests.support.page"


def _commands() -> list[list[str]]:
    code = (
        "import click\n"
        "from colabdev.cli.main import cli\n"
        "def walk(command, path):\n"
        "    if not isinstance(command, click.Group): return print(*path)\n"
        "    context = click.Context(command)\n"
        "    for name in command.list_commands(context):\n"
        "        walk(command.get_command(context, name), [*path, name])\n"
        "walk(cli, [])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def test_every_command_speaks_json_down_to_its_refusal(folder: Path) -> None:
    """Given an option it does not have, each command ends with an error line and an end line."""
    code = (
        "import sys, io, json\n"
        "from colabdev.cli import main\n"
        "for line in sys.stdin:\n"
        "    try: main.main([*line.split(), '--json', '--no-such-option'])\n"
        "    except SystemExit: pass\n"
    )
    asked = [words for words in _commands() if words[0] not in NOT_OURS]
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(" ".join(words) for words in asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        jsonschema.validate(line, line_schema())
    assert [line["type"] for line in lines] == ["error", "end"] * len(asked)
    assert all("no-such-option" in line["message"].lower() for line in lines[::2])


@pytest.mark.slow
def test_commands_that_run_whole_hold_to_the_schema(folder: Path) -> None:
    """Each line of a command that runs to its end is one of the page's, of every type it has."""
    (folder / "reports.py").write_text(
        "from colabdev_report import metric\n"
        "metric('loss', 0.5, step=1)\nmetric('bad', float('nan'))\n"
    )
    env = {**os.environ, "COLABDEV_LINK": "off"}
    seen: set[str] = set()
    for words in WHOLE:
        split = words.index("--") if "--" in words else len(words)
        at = folder / "course" if words[0] == "exercises" else folder
        at = at if at.exists() else folder
        done = colabdev(words[0], *words[1:split], "--json", *words[split:], cwd=at, env=env)
        if words[0] == "run" and words[-1] == "reports.py":
            done = colabdev("run", "--on", "here", "--json", "reports.py", cwd=folder, env=env)
        seen.update(check(words, done))
        assert done.returncode == 0, (words, done.stderr)
    assert {"output", "metric", "exited", "result", "message", "end"} <= seen


@pytest.mark.parametrize("words", [("sync", "--watch", "--on", "here"), ("exercises", "watch")])
def test_what_goes_on_until_ctrl_c_holds_to_it(words: tuple[str, ...], folder: Path) -> None:
    """From its first line to the end that Ctrl-C is."""
    assert colabdev("exercises", "start", "course", cwd=folder).returncode == 0
    command = [sys.executable, "-m", "colabdev", *words, "--json"]
    with subprocess.Popen(
        command, cwd=folder / "course", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout
        told = [json.loads(child.stdout.readline())]
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=60)
    told += map(json.loads, rest.splitlines())
    assert check_lines(words, told)[-1] == "end", errors
