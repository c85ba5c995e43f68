"""How failures reach the user: one sentence, one next step, the right exit code."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from colabdev import paths
from tests.support.cli import colabdev, json_lines


def test_a_mistyped_command_is_bad_input() -> None:
    """An unknown command ends with 2 and says where to look."""
    done = colabdev("conect")
    assert done.returncode == 2
    assert b"No such command 'conect'" in done.stderr
    assert b"--help" in done.stderr
    assert done.stdout == b""


def test_no_command_shows_the_help_and_is_bad_input() -> None:
    """``colabdev`` alone shows what there is, on stderr, and ends with 2."""
    done = colabdev()
    assert done.returncode == 2
    assert b"Usage: colabdev" in done.stderr


def test_an_error_has_one_sentence_and_one_next_step() -> None:
    """A malformed connect string gives two lines on stderr, no trace, and 2."""
    done = colabdev("connect", "ssh root@example.com")
    assert done.returncode == 2
    lines = done.stderr.decode().strip().splitlines()
    assert lines[0].startswith("Error: ")
    assert len(lines) == 2
    assert done.stdout == b""


@pytest.mark.parametrize("words", [["sync"], ["run", "x.py"], ["push", "x"]])
def test_a_folder_that_is_gone_is_one_sentence(words: list[str], folder: Path) -> None:
    """In a folder that was taken away each command says so, and leaves no trace of a bug."""
    line = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", line, str(folder / "gone"), sys.executable, "-m", "colabdev", *words],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The current folder is gone.\n"), done.stderr


def test_json_errors_are_lines_too() -> None:
    """With --json the error is an object, and the last line says whose exit code it is."""
    lines = json_lines(colabdev("connect", "nonsense", "--json"))
    assert [line["type"] for line in lines] == ["error", "end"]
    assert lines[0]["kind"] == "BadConnectString"
    assert lines[1] == {"v": 1, "type": "end", "exit_code": 2, "whose": "colabdev"}


def test_json_usage_errors_are_lines_too() -> None:
    """A usage error comes before --json is parsed, and is JSON all the same."""
    lines = json_lines(colabdev("status", "--json", "--nonsense"))
    assert [line["type"] for line in lines] == ["error", "end"]
    assert lines[1]["exit_code"] == 2


def test_a_damaged_state_file_is_named_and_kept(home: Path) -> None:
    """An unreadable runtimes file is an error that names it; it is never taken as empty."""
    state = home / "state"
    state.mkdir(mode=0o700)
    (state / "runtimes.json").write_text("{broken")
    done = colabdev("status")
    assert done.returncode == 2
    assert str(state / "runtimes.json").encode() in done.stderr
    assert (state / "runtimes.json").read_text() == "{broken"


def test_a_state_folder_that_cannot_be_made_is_a_sentence(home: Path) -> None:
    """COLABDEV_HOME below a file ends with a sentence, not with a trace."""
    (home / "state").write_text("a file stands here")
    done = colabdev("cell", "--tunnel", "none")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert str(home / "state").encode() in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device is always full here")
@pytest.mark.parametrize(
    "words", [("config", "show"), ("config", "show", "--json"), ("cell", "--tunnel", "none")]
)
def test_output_that_a_full_disk_refuses_is_a_failure(words: tuple[str, ...]) -> None:
    """Nobody takes half a table for a whole one: a sentence, a next step, and exit code 1."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "colabdev", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    lines = done.stderr.decode().strip().splitlines()
    assert lines[0] == "Error: The output cannot be written: No space left on device."
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("--json", "status"), "behind the command: colabdev COMMAND --json"),
        (("--on", "a", "run", "x.py"), "behind the command: colabdev COMMAND --on"),
        (("status", "--lang", "ko"), "before the command: colabdev --lang"),
    ],
)
def test_an_option_in_the_wrong_place_is_told_where_it_stands(
    words: tuple[str, ...], place: str
) -> None:
    """And no other option is said to be meant, for it is not mistyped."""
    done = colabdev(*words)
    assert done.returncode == 2
    assert place in done.stderr.decode()
    assert "Did you mean" not in done.stderr.decode()


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("run", "--help"),
        ("config", "show"),
        ("config", "show", "--json"),
        ("exercises", "list"),
        ("exercises", "show", "tiny-autograd"),
        ("cell", "--tunnel", "none"),
    ],
)
def test_a_reader_who_goes_away_ends_it_with_141(words: tuple[str, ...]) -> None:
    """As SIGPIPE does to others under ``| head``, without a word, whatever wrote the output."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "colabdev", *words],
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("words", "closed", "code"),
    [
        ("config show", ">&-", 0),
        ("config show --json", "<&- >&- 2>&-", 0),
        ("run --on here -- sh -c 'echo out; echo err >&2'", "2>&-", 0),
        ("run --on here -- sh -c 'echo out; echo err >&2'", "<&- >&- 2>&-", 0),
        ("down", "<&-", 2),
        ("no-such-command", "2>&-", 2),
    ],
)
def test_a_stream_that_is_closed_is_as_one_that_leads_nowhere(
    words: str, closed: str, code: int
) -> None:
    """The command does what it does, and no file of ours gets what is printed."""
    program = shlex.join([sys.executable, "-m", "colabdev"])
    done = subprocess.run(
        ["sh", "-c", f"{program} {words} {closed}"], capture_output=True, check=False, timeout=120
    )
    told = done.stdout + done.stderr
    assert done.returncode == code, told
    assert b"Traceback" not in told
    assert b"bug" not in told
    assert not list(paths.home().glob("log/bug-*"))


@pytest.mark.parametrize("encoding", ["cp1252", "cp949", "utf-8"])
def test_an_old_code_page_loses_no_line(encoding: str) -> None:
    """Letters that it lacks are spelt out, and JSON says the same in every one."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "LANGUAGE": "ko"}
    for words, korean in (
        (("--help",), "사용법"),
        (("exercises", "list"), "연습 문제"),
        (("exercises", "show", "tiny-autograd"), "연쇄법칙"),
    ):
        done = colabdev(*words, env=env)
        assert (done.returncode, done.stderr) == (0, b"")
        spelt = korean if encoding != "cp1252" else korean.encode("unicode_escape").decode()
        assert spelt in done.stdout.decode(encoding)
    done = colabdev("exercises", "list", "--json", env=env)
    assert "텐서 만들기" in json_lines(done)[0]["data"][0]["title"]


def test_what_fails_before_it_is_loaded_is_met_again_and_told() -> None:
    """A sync dials before there is anybody to tell of what goes wrong: no trace is shown for it."""
    code = (
        "import sys\n"
        "from colabdev import __main__\n"
        "from colabdev.sync import ahead\n"
        "ahead.begin = lambda project: 1 / 0\n"
        "sys.argv[1:] = ['sync']\n"
        "__main__.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: No runtime is known")


def test_ctrl_c_while_it_is_loaded_is_no_error() -> None:
    """As soon as the first of its modules is loaded: no trace of Python's, and 130."""
    words = [sys.executable, "-X", "importtime", "-m", "colabdev", "run", "--on", "here", "true"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if "click" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in rest


def test_every_command_has_help_with_an_example() -> None:
    """Each command's --help ends with 0 and shows an example."""
    from colabdev.cli.main import cli

    def walk(command: click.Command, words: list[str]) -> None:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None, name
                walk(inner, [*words, name])
        if words:
            assert command.help is not None, words
            assert "Example:" in command.help, words

    walk(cli, [])
