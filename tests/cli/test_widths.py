"""What people read fits their terminal: no summary is cut off, and no word is cut in two."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Mapping

import click
import pytest

from colabdev.cli.main import cli
from tests.support.cli import colabdev


def _screen(words: tuple[str, ...], columns: int, env: Mapping[str, str]) -> str:
    """Return what *words* send to a terminal so wide."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "colabdev", *words], env=env, stdin=slave, stdout=slave, stderr=slave
    ) as child:
        os.close(slave)
        said = b""
        try:
            while part := os.read(master, 65536):
                said += part
        except OSError:  # Linux's way to say that the other side is closed
            pass
        child.wait(timeout=60)
    os.close(master)
    return said.decode().replace("\r\n", "\n")


def _width(line: str) -> int:
    return len(line) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in line)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize(
    "words",
    [
        ("config", "set", "nothing", "x"),
        ("doctor", "nowhere"),
        ("results", "list"),
        ("config", "set", "lang", "fr"),
    ],
)
def test_no_word_of_a_message_is_cut(words: tuple[str, ...], columns: int, language: str) -> None:
    """The same words come in the same order as where there is no terminal, on lines that fit."""
    env = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "PYTHONUTF8": "1", "LANGUAGE": language}
    env["LANG"] = f"{language}_{language.upper()}.UTF-8"
    for name in ("COLUMNS", "LINES"):  # a test runner may set them; the terminal itself is asked
        env.pop(name, None)
    plain = colabdev(*words, env=env)
    screen = _screen(words, columns, env)
    for line in screen.split("\n"):
        assert _width(line) <= columns or " " not in line.strip(), line
    moved = [word for word in screen.split() if "\x1b" not in word]
    assert [one for one in (plain.stdout + plain.stderr).decode().split() if one in moved] == moved
    assert len(moved) > 3


def test_no_summary_is_cut_off() -> None:
    """In 80 columns each command's line in the help is whole; it names what ``--help`` explains."""

    def walk(group: click.Group, path: str) -> None:
        context = click.Context(group)
        names = group.list_commands(context)
        room = 80 - 6 - max(map(len, names))
        for name in names:
            command = group.get_command(context, name)
            assert command is not None
            assert not command.get_short_help_str(room).endswith("..."), f"{path} {name}"
            if isinstance(command, click.Group):
                walk(command, f"{path} {name}")

    walk(cli, "colabdev")


@pytest.mark.parametrize("columns", range(40, 100, 7))
def test_a_command_in_quotes_stays_on_one_line(columns: int) -> None:
    """What will be copied is in one piece, wherever the line before it would have ended."""
    env = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "LANGUAGE": "en"}
    screen = _screen(("doctor", "nowhere"), columns, env)
    assert any("'colabdev cell --copy'" in line for line in screen.split("\n")), screen
