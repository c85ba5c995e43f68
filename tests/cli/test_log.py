"""The log: bounded, private, and nobody's secrets in it; -q and -v."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabdev import paths
from colabdev.cli.log import LIMIT, Log, redact, shown_words
from tests.support.cli import colabdev

_TOKENS = (
    "2abcDEFghiJKLmnoPQRstuVWXyz_4AbCdEfGhIjKlMnOpQrStU",
    "ghp_abcdefghijklmnopqrstuvwxyz012345",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza\n-----END OPENSSH PRIVATE KEY-----",
)


@pytest.fixture
def at_home() -> Path:
    """Let colabdev have a home already."""
    paths.home().mkdir(parents=True)
    return paths.log_file()


def test_no_secret_reaches_the_log(at_home: Path, folder: Path) -> None:
    """Neither values of --env, a job's arguments, keys typed by mistake, nor the environment's."""
    secrets = ("hunter2-env", "job-argument-7", "typed-by-mistake", _TOKENS[0], "from-environment")
    env = {**os.environ, "MY_API_TOKEN": "from-environment"}
    for words in (
        ("run", "--on", "here", "--env", "PASSWD=hunter2-env", "--", "echo", "job-argument-7"),
        ("run", "--env=PASSWD=hunter2-env", "nothing.py", "job-argument-7"),
        ("config", "set", "ngrok_api_key", "typed-by-mistake"),
        ("connect", _TOKENS[0]),
        ("run", "from-environment.py"),
        ("cancel", "from-environment"),
    ):
        colabdev(*words, cwd=folder, env=env)
    text = at_home.read_text(encoding="utf-8")
    assert "colabdev run" in text
    assert "ended: 2" in text
    for secret in secrets:
        assert secret not in text
    assert stat.S_IMODE(at_home.stat().st_mode) == 0o600
    assert stat.S_IMODE(at_home.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("secret", _TOKENS)
@given(before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_token_is_known_by_its_shape(secret: str, before: str, after: str) -> None:
    """Wherever it stands, set off by blanks, a token or a private key does not get through."""
    assert secret not in redact(f"{before} {secret} {after}")


def test_named_secrets_and_urls_lose_their_values() -> None:
    """What is called a token or password, and a password in a URL, is left out."""
    for text in (
        "authtoken: abc123x",
        "api_key=abc123x",
        "http://me:abc123x@host/",
        "Bearer abc123xyz",
    ):
        assert "abc123x" not in redact(text)


def test_words_of_a_command_stay_readable() -> None:
    """Options and names stay, values of variables and a job's own words do not."""
    words = ["run", "--env", "A=secret", "--name", "first", "train.py", "--lr", "3"]
    assert shown_words(words) == [
        "run",
        "--env",
        "A=[redacted]",
        "--name",
        "first",
        "train.py",
        "[2 more]",
    ]


def test_the_log_is_bounded_and_one_line_is_one_line(at_home: Path) -> None:
    """A file over the limit becomes the old one; a newline in a message makes no second line."""
    at_home.parent.mkdir()
    at_home.write_bytes(b"x" * (LIMIT + 1))
    log = Log(at_home, ["status"])
    log.line("one\ntwo")
    log.close()
    assert at_home.read_text().count("\n") == 2
    assert at_home.with_suffix(".old.txt").stat().st_size == LIMIT + 1


def test_help_and_a_refused_first_command_leave_nothing() -> None:
    """Where colabdev has no home yet, none is made for a log."""
    colabdev("--help")
    colabdev("status", "--no-such-option")
    assert not paths.home().exists()


def test_a_log_that_cannot_be_written_stops_nobody(at_home: Path) -> None:
    """A file in the folder's place costs the log and not the command."""
    at_home.parent.write_text("")
    assert colabdev("config", "show").returncode == 0


@pytest.mark.usefixtures("at_home")
def test_quiet_and_verbose() -> None:
    """-q keeps results and drops messages; -v shows the log's lines; both stand in front."""
    assert colabdev("-q", "config", "set", "lang", "en").stderr == b""
    assert b"ended: 0" in colabdev("-v", "config", "show").stderr
    assert b"lang" in colabdev("-q", "config", "show").stdout
    assert b"colabdev -q" in colabdev("config", "show", "-q").stderr
