"""A machine that lies: what it says reaches no terminal raw, fills no memory, and runs nothing."""

import json
import re
import stat
from pathlib import Path

import pytest

from colabdev.cli.clean import clean_line
from colabdev.commands.gpu import samples
from colabdev.errors import ProtocolError, RemoteFailure
from colabdev.jobs.client import jobs
from colabdev.remote.frames import pack
from colabdev.remote.host import host_facts
from colabdev.remote.local import LocalTransport
from colabdev.settings import KEYS, Source, setting
from tests.support.cli import colabdev

EVIL = "\x1b[2J\x1b]0;title\x07[bold red]x[/]\nsecond line\r\x9b31m\u202e"
FACTS = {
    "hostname": EVIL, "boot_id": "", "python": EVIL, "platform": EVIL, "cpus": 2, "memory": 1,
    "disk_free": 1, "disk_total": 2, "torch": EVIL, "jobs": [EVIL], "uptime": 1e9, "logins": 3,
    "gpu": {"name": EVIL, "memory": 1, "driver": EVIL, "count": 1, "use": 7},
}  # fmt: skip
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture
def liar(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file whose bytes this machine's Python answers with, whatever it is asked."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\nexec cat '{folder}/answer'\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("COLABDEV_PYTHON", str(python))
    return folder / "answer"


@pytest.fixture
def endless(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine's Python answer without an end, after the hello that each one waits for."""
    python = folder / "python"
    text = (
        "#!/bin/sh\nprintf '\\0colabdev jobs 1\\n\\0colabdev hostfacts 1\\n'\nexec yes jjjjjjjjjj\n"
    )
    python.write_text(text)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("COLABDEV_PYTHON", str(python))


def test_escape_sequences_in_status(liar: Path) -> None:
    """Every word of a status is on its own line, without controls, and markup is only text."""
    liar.write_bytes(b"\0colabdev hostfacts 1\n" + pack(b"f", json.dumps(FACTS).encode()))
    done = colabdev("status", "--on", "here")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert not HARMFUL.search(shown)
    assert "[bold red]x[/]" in shown
    assert len(shown.splitlines()) == 9, "three tables of one line each"


def test_escape_sequences_in_an_error_record(liar: Path) -> None:
    """What the far side calls an error is cleaned as well."""
    record = json.dumps({"kind": EVIL, "message": EVIL, "hint": EVIL}).encode()
    liar.write_bytes(b"\0colabdev jobs 1\n" + pack(b"E", record))
    done = colabdev("jobs", "--on", "here")
    assert done.returncode == 70
    assert not HARMFUL.search((done.stdout + done.stderr).decode())


def test_names_of_markup_and_newlines_in_jobs(liar: Path) -> None:
    """A job's name and command stay on the job's line of the table."""
    job = {
        "id": "a1", "name": EVIL, "command": [EVIL], "cwd": EVIL, "created": 1.0, "started": 1.0,
        "ended": None, "state": "running", "exit_code": None, "orphaned": False,
    }  # fmt: skip
    answer = pack(b"j", json.dumps(job).encode()) + pack(b".", b"")
    liar.write_bytes(b"\0colabdev jobs 1\n" + answer)
    done = colabdev("jobs", "--on", "here")
    shown = (done.stdout + done.stderr).decode()
    assert not HARMFUL.search(shown)
    assert "second line" not in [line.strip() for line in shown.splitlines()]


def test_endless_answers_end_at_a_bound(endless: None) -> None:
    """A stream without an end is given up as none of ours."""
    with pytest.raises((ProtocolError, RemoteFailure)):
        jobs(LocalTransport())
    with pytest.raises((ProtocolError, RemoteFailure)):
        host_facts(LocalTransport())


def test_an_endless_table_of_gpus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nvidia-smi says is read up to a bound."""
    (folder / "nvidia-smi").write_text("#!/bin/sh\nyes '0, T4, 1, 1, 1, 1, 1' | head -c 9000000\n")
    (folder / "nvidia-smi").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    [found] = list(samples("here"))
    assert len(found) < 5000
    (folder / "nvidia-smi").write_text("#!/bin/sh\nexec yes '0, T4, 1, 1, 1, 1, 1'\n")
    with pytest.raises(ProtocolError, match="has no end"):
        list(samples("here"))


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_changed_project_names_nothing_that_runs_here(name: str) -> None:
    """Of pyproject.toml, which the far side may write, only names and patterns are heeded."""
    given = ["x"] if name in ("large", "results") else "x"
    harmless = name in ("name", "large", "results")
    found = setting(name, project={name: given})
    assert (found.source is Source.PROJECT) == harmless


def test_a_changed_project_file_changes_no_command(folder: Path) -> None:
    """A pyproject.toml that came back with more in it than it may is heeded in what it may."""
    words = {name: ["x"] if name in ("large", "results") else "x" for name in KEYS}
    lines = [f"{name} = {json.dumps(value)}" for name, value in words.items()]
    (folder / "pyproject.toml").write_text("\n".join(["[tool.colabdev]", *lines]))
    done = colabdev("config", "show", "--json", cwd=folder)
    [rows] = [line["data"] for line in map(json.loads, done.stdout.splitlines()) if "data" in line]
    heeded = {row["key"] for row in rows if row["source"] == "project"}
    assert heeded == {"name", "large", "results"} & {row["key"] for row in rows}
    assert colabdev("status", cwd=folder).returncode == 0, "no runtime 'x' is asked for"


@pytest.mark.parametrize(
    "letter", ["\x1b", "\x9b", "\r", "\x07", "\u202e", "\u200b", "\u061c", "\x00"]
)
def test_the_cleaner(letter: str) -> None:
    """No control and no mark that hides or reorders text gets through."""
    assert letter not in clean_line(f"a{letter}b")
