"""What people read fits their terminal: no summary is cut off, and no word is cut in two."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console as Terminal

from colabdev.cli.live import Step
from colabdev.cli.main import cli
from colabdev.cli.tables import laid_out, message
from colabdev.remote.destination import Destination
from colabdev.remote.runtime import Registry, Runtime
from tests.remote.keys import fresh_ed25519
from tests.support.cli import colabdev, json_lines


def _screen(
    words: tuple[str, ...], columns: int, env: Mapping[str, str], cwd: Path | None = None
) -> str:
    """Return what *words* send to a terminal so wide."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "colabdev", *words],
        env=env,
        cwd=cwd,
        stdin=slave,
        stdout=slave,
        stderr=slave,
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
        room = 78 - 6 - max(map(len, names))  # click leaves two columns free
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


@pytest.mark.parametrize("columns", range(40, 100, 7))
def test_a_command_at_the_end_stays_on_one_line(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a colon it is as good as in quotes; one too long for a line breaks between words."""
    monkeypatch.setenv("COLUMNS", str(columns))
    short = "colabdev connect --via colab -s train"
    long = f"colabdev run -- python -m pip install {'nbclient ' * 12}".strip()
    lines = message(f"Make a new one before you go on: {short}\nInstall it there: {long}").split(
        "\n"
    )
    assert any(short in line for line in lines)
    assert " ".join(lines).endswith(long)
    assert all(cell_len(line) <= columns for line in lines)


_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NAME = "an-a100-of-another-region"
_SCRIPT = """
from colabdev_report import metric
metric(
    "아주 긴 측정값의 이름 of the whole validation set", 0.123456789, unit="images/second",
    case="배치 크기 256 mixed precision bf16 channels last", step=123456, dtype="torch.bfloat16",
)
metric("left_out", None, skipped="이 머신에는 충분한 메모리를 가진 GPU가 없습니다")
"""


@pytest.fixture
def busy(folder: Path) -> Path:
    """Lend a project with a long name in which a job with a longer one has run, and a runtime."""
    project = folder / "한국어로 이름을 붙인 꽤 긴 프로젝트 폴더"
    project.mkdir()
    (project / "훈련 스크립트.py").write_text(_SCRIPT, encoding="utf-8")
    there = Destination("root", "0.tcp.eu.ngrok.invalid", 12345, fresh_ed25519(), "ngrok")
    Registry().put(Runtime(_NAME, there, "0" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    words = ("run", "--on", "here", "--name", f"아주 길고 긴 작업의 이름 {_NAME}")
    assert colabdev(*words, "훈련 스크립트.py", cwd=project).returncode == 0
    return project


@pytest.mark.parametrize(("columns", "language"), [(80, "ko"), (120, "en")])
def test_no_table_is_wider_than_the_terminal(busy: Path, columns: int, language: str) -> None:
    """Each line fits, a Korean letter taking two columns, and no letter of any cell is lost."""
    env = {**os.environ, "TERM": "dumb", "NO_COLOR": "1", "LANGUAGE": language, "PYTHONUTF8": "1"}
    for name in ("COLUMNS", "LINES"):
        env.pop(name, None)
    [job] = json_lines(colabdev("jobs", "--on", "here", "--json", cwd=busy))[0]["data"]
    for words, whole in (
        (("jobs", "--on", "here"), job["id"]),
        (("results", "list"), job["id"][:8]),
        (("results", "show", "last"), ""),
        (("runtimes",), _NAME),
        (("status", "--on", "here"), "here"),
        (("status",), _NAME),
        (("config", "show"), "ngrok_api_key"),
        (("exercises", "list"), "squeeze-unsqueeze"),
        (("doctor", _NAME), "ngrok"),
        (("init", "."), ""),
    ):
        screen = _ANSI.sub("", _screen(words, columns, env, busy))
        for line in screen.splitlines():
            assert _width(line) <= columns, (words, line)
        assert any(whole in line for line in screen.splitlines()), words
        if words[0] in ("jobs", "results", "runtimes", "config", "exercises"):
            plain = colabdev(*words, cwd=busy, env=env)
            lost = Counter((plain.stdout + plain.stderr).decode()) - Counter(screen)
            assert not {*lost} - {*" \n─"}, words


_CELLS = st.text(st.sampled_from("ab01-/. 한글"), max_size=40)


@given(
    st.lists(st.tuples(st.from_regex("[a-z0-9]{1,12}", fullmatch=True), _CELLS, _CELLS, _CELLS)),
    st.integers(24, 140),
)
def test_a_table_of_any_width(rows: list[tuple[str, str, str, str]], columns: int) -> None:
    """Whatever it holds: no line is wider, no letter is lost, and what is typed stays whole."""
    headings = dict(
        zip(("id", "name", "where", "why"), ("job", "이름", "where", "문제"), strict=True)
    )
    table = laid_out([dict(zip(headings, row, strict=True)) for row in rows], headings, columns)
    terminal = Terminal(width=columns, file=io.StringIO())
    with terminal.capture() as capture:
        terminal.print(table)
    lines = capture.get().splitlines()
    assert all(cell_len(line) <= columns for line in lines)
    for name, *others in rows:
        assert any(name in line for line in lines)
        assert not {*(Counter("".join(others)) - Counter(capture.get()))} - {" "}


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_what_moves_stays_on_one_line(columns: int) -> None:
    """However long the name of what is under way is: the figures are whole, the name ends early."""
    file = io.StringIO()
    terminal = Terminal(width=columns, height=40, file=file, force_terminal=True)
    step = Step(terminal, f"Syncing {'한국어 [이름] ' * 20} with colab")
    step.start()
    step.advance(123_456_789, 999_999_999)
    step.stop()
    shown = [_ANSI.sub("", line) for line in re.split("[\r\n]+", file.getvalue())]
    assert all(cell_len(line) <= columns for line in shown)
    assert all(line.startswith("Syncing 한") for line in shown if "MB" in line)
    assert any("123.5/1,000.0 MB" in line for line in shown)
