"""A machine whose files, metrics and results have hostile names: they are words on their line."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.cli import colabdev
from tests.support.terminal import terminal

EVIL = "\x1b[2J\x1b]0;t\x07[bold red]x[] \nError: forged\r\x9b31m\u202e"
NO_UTF_8 = os.fsdecode(b"\xff\x9b2J")
# What our own colours and animations never send.
HARMFUL = re.compile("\x1b\\[2J|\x1b\\][0-9]|[\x00-\x07\x0b\x0c\x0e-\x1a\x7f-\x9f\u202e]")
FORGED = re.compile(r"^(\x1b\[31m)?Error: forged", re.MULTILINE)

SCRIPT = f"""\
import os
from pathlib import Path
import colabdev_report
evil = {EVIL!r}
Path(evil).write_text("x")
Path("in" + evil).mkdir(exist_ok=True)
Path("in" + evil, evil).write_text("x")
Path({NO_UTF_8!r}).write_text("x")
Path("both" + evil).write_text("there")
for name, target in (("out" + evil, "/etc/passwd"), ("to" + evil, "a" + evil)):
    if not os.path.islink(name):
        os.symlink(target, name)
colabdev_report.metric(evil, 1.0, unit=evil)
"""

COMMANDS = (
    ("run", "--on", "here", "--pull", "*", "script.py"),
    ("sync", "--on", "here", "--dry-run"),
    ("sync", "--on", "here"),
    ("pull", "--on", "here", "in*"),
    ("jobs", "--on", "here"),
    ("logs", "--on", "here", "last"),
    ("results", "list"),
    ("results", "show", "last"),
)


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, a project whose script makes such names."""
    (folder / "pyproject.toml").touch()
    (folder / "script.py").write_text(SCRIPT)
    (folder / f"both{EVIL}").write_text("here")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_no_name_reaches_the_screen_raw(project: Path) -> None:
    """To a pipe, as JSON and in a terminal: no control, no forged line, and never a traceback."""
    for words in COMMANDS:
        for more in ((), ("--json",)):
            at = 2 if words[0] == "results" else 1
            done = colabdev(*words[:at], *more, *words[at:])
            assert done.returncode in (0, 3), done.stderr
            told = [done.stdout.decode(), done.stderr.decode()]
            for text in told:
                assert not HARMFUL.search(text), (words, more, ascii(text))
                assert not FORGED.search(text), (words, more, ascii(text))
            assert "Traceback" not in told[1]
            if more:
                assert [json.loads(line) for line in told[0].splitlines()], (words, told)
        with terminal(*words) as screen:
            assert screen.end() in (0, 3), screen.screen
        assert not HARMFUL.search(screen.screen), (words, ascii(screen.screen))
        assert not FORGED.search(screen.screen), (words, ascii(screen.screen))
    assert (project / EVIL).exists(), "it came as it is called"
    assert not (project / f"out{EVIL}").is_symlink(), "a link that leads out did not come"
