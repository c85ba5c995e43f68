"""Packages of npm, run by node: the very parsers that VS Code reads its files with."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # what the JavaScript answers is JSON

import filelock
import pytest

# Outside the tests' own homes, so that one download serves all runs.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colabdev-tests" / "npm"
_PACKAGES = ("jsonc-parser@3.3.1", "ssh-config@5.3.0")

# One line of JSON in, one out: a JavaScript function that is asked again and again.
_LOOP = """
import readline from 'node:readline';
const answer = %s;
for await (const line of readline.createInterface({input: process.stdin})) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line)) ?? null) + '\\n');
}
"""


class Node:
    """A function in JavaScript that answers one call at a time."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self._child = child

    def __call__(self, argument: object) -> Any:
        """Return what the function makes of *argument*."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps(argument) + "\n")
        self._child.stdin.flush()
        return json.loads(self._child.stdout.readline())


@contextmanager
def node(imports: str, function: str) -> Iterator[Node]:
    """Lend the JavaScript *function*, which may use what *imports* brings from our packages.

    The test is skipped where there is no node, or npm cannot fetch the packages.
    """
    program = shutil.which("node")
    npm = shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("node and npm are not here")
    _install(npm)
    script = _CACHE / f"loop-{os.getpid()}.mjs"
    script.write_text(f"{imports}\n{_LOOP % function}")
    child = subprocess.Popen(
        [program, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        yield Node(child)
    finally:
        assert child.stdin
        assert child.stdout
        child.stdin.close()
        child.wait(timeout=30)
        child.stdout.close()
        script.unlink()


def _install(npm: str) -> None:
    _CACHE.mkdir(parents=True, exist_ok=True)
    stamp = _CACHE / "ready"
    with filelock.FileLock(_CACHE / "lock"):
        if stamp.exists() and stamp.read_text() == " ".join(_PACKAGES):
            return
        words = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(_CACHE), *_PACKAGES]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            pytest.skip(f"npm cannot fetch {', '.join(_PACKAGES)}: {done.stderr.strip()[-200:]}")
        stamp.write_text(" ".join(_PACKAGES))
