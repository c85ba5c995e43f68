"""What --json prints is what docs/json.md says, on every command."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli import colabdev, json_lines

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
# Commands whose standard output belongs to something else: a terminal, ssh's own bytes, a play.
NOT_OURS = {"shell", "proxy", "demo"}
# What is run to its end here, on this very machine; other commands end in their own refusal, which
# is lines of the schema as well.
WHOLE = (
    ("run", "--on", "here", "--", "sh", "-c", "echo out; echo err >&2; printf '\\377'"),
    ("run", "--on", "here", "reports.py"),
    ("status",),
    ("runtimes",),
    ("results", "list"),
    ("results", "show", "last"),
    ("config", "show"),
    ("config", "set", "pull_limit", "1GB"),
    ("config", "unset", "pull_limit"),
    ("exercises", "list"),
    ("completion", "bash"),
    ("cell", "--tunnel", "none"),
    ("sync", "--on", "here", "--dry-run"),
    ("uninstall", "--yes"),
)


def _schema() -> object:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


def _check(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    lines = json_lines(done)
    for line in lines:
        jsonschema.validate(line, _schema())
    assert lines[-1]["type"] == "end"
    assert lines[-1]["exit_code"] == done.returncode
    return [line["type"] for line in lines]


def _commands() -> list[list[str]]:
    code = (
        "from colabdev.cli.main import cli\n"
        "def walk(command, path):\n"
        "    inner = getattr(command, 'commands', {})\n"
        "    if not inner: print(*path)\n"
        "    for name, one in inner.items(): walk(one, [*path, name])\n"
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
        jsonschema.validate(line, _schema())
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
        done = colabdev(words[0], *words[1:split], "--json", *words[split:], cwd=folder, env=env)
        if words[0] == "run" and words[-1] == "reports.py":
            done = colabdev("run", "--on", "here", "--json", "reports.py", cwd=folder, env=env)
        seen.update(_check(done))
        assert done.returncode == 0, (words, done.stderr)
    assert {"output", "metric", "exited", "result", "message", "end"} <= seen
