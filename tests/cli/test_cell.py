"""``colabdev cell``: what it prints, copies and writes."""

import json
import os
import re
import stat
from pathlib import Path

import pytest

from colabdev.remote.destination import fingerprint, parse_connect_string
from tests.support.cli import colabdev, json_lines
from tests.support.runtime import start_runtime
from tests.support.terminal import terminal


def _clipboard(folder: Path) -> Path:
    """Make a stand-in for xclip, which keeps what it is given; return the file it keeps it in."""
    folder.mkdir()
    kept = folder / "clipboard"
    program = folder / "xclip"
    program.write_text(f'#!/bin/sh\nexec cat > "{kept}"\n')
    program.chmod(0o755)
    return kept


def test_the_cell_alone_goes_to_stdout_off_a_terminal(home: Path) -> None:
    """What is piped is a Python program with our public key, and nothing else."""
    done = colabdev("cell", "--tunnel", "none")
    assert done.returncode == 0
    compile(done.stdout, "cell.py", "exec")
    public = (home / "state" / "ssh" / "id_ed25519.pub").read_text().split()[1]
    assert public.encode() in done.stdout
    assert b"PRIVATE KEY" not in done.stdout
    assert done.stderr == b""


def test_copy_puts_the_cell_on_the_clipboard(home: Path) -> None:
    """--copy hands the same text to the desktop's clipboard and prints none of it."""
    kept = _clipboard(home / "bin")
    environment = {**os.environ, "DISPLAY": ":9", "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    environment.pop("WAYLAND_DISPLAY", None)
    done = colabdev("cell", "--copy", env=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    assert kept.read_bytes() == colabdev("cell").stdout
    assert b"compute units" in done.stderr


def test_no_clipboard_is_a_sentence() -> None:
    """Without a desktop --copy ends with 2 and names the other ways."""
    environment = {k: v for k, v in os.environ.items() if "DISPLAY" not in k}
    environment["PATH"] = "/nonexistent"
    done = colabdev("cell", "--copy", env=environment)
    assert done.returncode == 2
    assert b"colabdev cell >" in done.stderr


def test_a_notebook_is_written_whole(home: Path) -> None:
    """--notebook writes an .ipynb whose code cell is the cell, and prints nothing to stdout."""
    target = home / "내 노트북.ipynb"
    done = colabdev("cell", "--tunnel", "none", "--notebook", str(target))
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    notebook = json.loads(target.read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert colabdev("cell", "--tunnel", "none").stdout.decode().strip() in [
        source.strip() for source in sources
    ]
    assert stat.S_IMODE(target.stat().st_mode) & 0o077 in (0, 0o044)


def test_a_notebook_that_cannot_be_written_is_a_sentence(home: Path) -> None:
    """A folder that is not there is named, with 2."""
    done = colabdev("cell", "--notebook", str(home / "missing" / "x.ipynb"))
    assert done.returncode == 2
    assert b"missing" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_cell_is_json_too() -> None:
    """With --json the text is the result's data."""
    lines = json_lines(colabdev("cell", "--tunnel", "none", "--json"))
    assert lines[0]["data"]["cell"].encode() == colabdev("cell", "--tunnel", "none").stdout


def test_the_cell_speaks_the_users_language() -> None:
    """LANG, or --lang before or after the command, choose Korean; --lang en takes it back."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    clean["PYTHONUTF8"] = "1"
    korean = {**clean, "LANG": "ko_KR.UTF-8"}
    english = colabdev("cell", env=clean).stdout
    spoken = colabdev("cell", env=korean).stdout
    assert "# @title colabdev: 노트북 컴퓨터에서".encode() in spoken
    assert colabdev("cell", "--lang", "ko", env=clean).stdout == spoken
    assert colabdev("--lang", "ko", "cell", env=clean).stdout == spoken
    assert colabdev("cell", "--lang", "en", env=korean).stdout == english


@pytest.mark.sshd
@pytest.mark.parametrize("answer", ["y", "n"])
def test_the_relays_host_key_is_shown_and_asked_for(home: Path, answer: str) -> None:
    """A real sshd tells its key: the one that is confirmed is in the cell, and no other ever is."""
    with start_runtime(home / "vm") as relay:
        there = parse_connect_string(relay.connect_string).destination
        words = ("cell", "--relay", f"{there.user}@127.0.0.1:{there.port}")
        with terminal(*words) as screen:
            screen.until(f"(?s){re.escape(fingerprint(there.host_key))}.*\\[y/N\\]: ")
            screen.type(f"{answer}\n")
            code = screen.end()
        pinned = f'RELAY_KEY = "{there.host_key}"'
        assert (code, pinned in screen.screen) == ((0, True) if answer == "y" else (2, False))
        if answer == "n":
            assert "was not confirmed" in screen.screen
        asked = colabdev(*words)
        assert asked.returncode == 2
        assert b"Nobody is here to confirm" in asked.stderr
        assert b"--relay-key" in asked.stderr
