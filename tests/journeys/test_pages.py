"""The commands that the pages of docs/ show, typed on a runtime of this machine."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev.exercises import warm
from tests.support.cli import colabdev
from tests.support.stub_editor import put_editor

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.stem for page in DOCS.glob("*.md") if page.stem not in ("json", "benchmarks"))

# What a page shows and this test does not type, and why.
EXEMPT = {
    "cancel": "named, not typed",
    "cell --copy": "needs a clipboard",
    "cell --key second.pub --copy": "needs a clipboard",
    "cell --relay me@server.example.org": "asks that server for its key",
    "cell --tunnel": "named, not typed",
    "connect": "named, not typed",
    "connect '...'": "the string is cut short",
    "connect --direct USER@HOST": "needs such a machine",
    "connect --via colab": "needs Google's CLI",
    "connect --via colab -s train --gpu T4": "needs Google's CLI",
    "disconnect": "followed by the tests of its own",
    "exercises watch": "goes on until Ctrl-C",
    "forward PORT...": "goes on until Ctrl-C",
    "gpu --watch": "goes on until Ctrl-C, and needs a GPU",
    "proxy colab": "speaks ssh's own protocol",
    "results": "named, not typed",
    "run": "named, not typed",
    "run --env tensor-creation": "NAME: named, not typed",
    "shell": "owns the terminal",
    "status --watch": "goes on until Ctrl-C",
    "sync --watch": "goes on until Ctrl-C",
    "uninstall": "asks; README's --yes is followed",
}
# What ends otherwise than well on a course that nobody has begun to work on.
NOT_YET = {"exercises check", "exercises check dot-mm-matmul", "exercises solution"}
# What stands for a name of the reader's, and the name it has here.
NAMES = {
    "JOB...": "last",
    "JOB": "last",
    "NAME": "tensor-creation",
    "ALIAS": "colab",
    "PATH": "train.py",
    "DIR": "made",
    "LINES": "3",
    "TIME": "1d",
    "[LOCAL:]PORT...": "PORT...",
}


def _commands(page: str) -> Iterator[str]:
    """Yield what *page* shows to be typed, without the name of the program."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    fenced = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    blocks = [*fenced.findall(text), *re.findall(r"^ {4}(colabdev .+)", text, re.MULTILINE)]
    for block in blocks:
        for line in re.findall(r"^(?:\$ )?colabdev (.+)", block, re.MULTILINE):
            yield re.sub(r"\s+# .*", "", line).strip()
    yield from re.findall(r"`colabdev ([^`\n]+)`", fenced.sub("", text))


def _filled(command: str) -> str:
    bare = re.sub(r"(?<=\s)\[(?!LOCAL)|(?<!LOCAL)\](?=\s|$)", "", command)
    return " ".join(NAMES.get(word, word) for word in bare.split(" "))


def _typed() -> dict[str, str]:
    """Return each command of the pages as it is typed here, with the page that has it first."""
    found: dict[str, str] = {}
    for page in PAGES:
        for command in _commands(page):
            found.setdefault(_filled(command), page)
    return found


def test_no_exemption_is_stale() -> None:
    """Each command that is not typed, or ends otherwise, stands on a page."""
    assert not [one for one in (*EXEMPT, *NOT_YET) if one not in _typed()]


def _project(folder: Path) -> Path:
    """Make a project with what the pages name: a script, a module, a notebook, data."""
    project = folder / "project"
    for name in ("package", "data", "out", "checkpoints"):
        (project / name).mkdir(parents=True)
    program = (
        "import pathlib\n"
        "for name in ('out', 'checkpoints'):\n"
        "    pathlib.Path(name).mkdir(exist_ok=True)\n"
        "    pathlib.Path(name, 'one.pt').write_text('1')\n"
        "pathlib.Path('metrics.csv').write_text('loss')\n"
    )
    (project / "train.py").write_text(program)
    (project / "package" / "train.py").write_text(program)
    (project / "data" / "train.csv").write_text("1,2\n")
    (project / ".gitignore").write_text("__pycache__/\n")
    cell = {"cell_type": "code", "id": "one", "metadata": {}, "source": "1", "outputs": []}
    study = {"cells": [{**cell, "execution_count": None}], "metadata": {}}
    text = json.dumps({**study, "nbformat": 4, "nbformat_minor": 5})
    (project / "study.ipynb").write_text(text, encoding="utf-8")
    return project


@pytest.mark.slow
@pytest.mark.sshd
@pytest.mark.torch
def test_the_pages_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of each page, typed on a runtime that is up, ends well."""
    for editor in ("code", "cursor"):
        put_editor(folder / "bin", editor)
    (folder / "bin" / "nvidia-smi").write_text("#!/bin/sh\nexit 0\n")
    (folder / "bin" / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    project = _project(folder)
    assert colabdev("up", "--local", "--name", "colab").returncode == 0
    wrong = []
    try:
        for command, page in _typed().items():
            if command in EXEMPT:
                continue
            at = project
            if command.startswith("exercises"):
                course = folder / "colabdev-course"
                at = course if course.exists() and "start" not in command else folder
            done = colabdev(*shlex.split(command), cwd=at)
            if done.returncode != (command in NOT_YET):
                wrong.append(f"{page}: colabdev {command}: {done.returncode}\n{done.stderr!r}")
    finally:
        warm.stop()
        assert colabdev("down", "--yes", "--name", "colab").returncode == 0
    assert not wrong, "\n".join(wrong)
