"""A first copy does not wait to hear that nothing is there, and does no harm where something is."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from colabdev.remote.local import LocalProcess, LocalTransport
from colabdev.remote.program import Program
from colabdev.sync.engine import sync
from tests.sync.conftest import PEER, Far
from tests.sync.trees import Tree, read, stages, write

LITTLE: Tree = {"a": b"a", "d/b": b"b", "e": None}
MUCH: Tree = {
    f"{number % 9}/{number}": random.Random(number).randbytes(1000).hex().encode()
    for number in range(500)
}

# A Python without lzma, as some are built.
WITHOUT = """#!/bin/sh
exec {python} -c "
import sys
sys.modules['lzma'] = None
code = sys.argv[4]
del sys.argv[1:5]
exec(code)
" "$@"
"""


class HeardProcess(LocalProcess):
    """A real process; *early* is how much it was told before anybody listened to it."""

    def __init__(self, argv: Sequence[str], early: list[int]) -> None:
        super().__init__(argv)
        assert isinstance(argv, Program)
        self._early = early
        self._early.append(sum(map(len, argv.arguments)))
        self._listened = False

    def write(self, data: bytes) -> None:
        if not self._listened:
            self._early[-1] += len(data)
        super().write(data)

    def read(self, size: int = 65536) -> bytes:
        self._listened = True
        return super().read(size)


class HeardTransport(LocalTransport):
    """A transport that tells of its processes how much they were told unasked."""

    def __init__(self) -> None:
        self.early: list[int] = []

    def start(self, argv: Sequence[str]) -> LocalProcess:
        return HeardProcess(argv, self.early)


def unasked(project: Path, far: Far) -> int:
    """Sync and return how many bytes went there before any came back."""
    with HeardTransport() as transport:
        sync(project, transport, str(far.folder), peer=PEER)
        (early,) = transport.early
        return early


def test_contents_go_along_with_the_question(project: Path, far: Far) -> None:
    """The first of them do: all of what is little, and not more of much than leaves at once."""
    least = unasked(project, far)
    write(project, LITTLE)
    few = unasked(project, far)
    assert least < few < least + 1_000
    write(project, MUCH)
    assert 3_000 < unasked(project, far) < 25_000
    assert read(far.folder) == read(project)


@pytest.mark.parametrize("tree", [LITTLE, MUCH], ids=["little", "much"])
def test_where_something_is_nothing_is_overwritten(project: Path, far: Far, tree: Tree) -> None:
    """What was sent for an empty folder is let go by; the two are compared as they are."""
    write(project, tree)
    there: Tree = {next(iter(tree)): b"another", "only there": b"x"}
    write(far.folder, there)
    report = far.sync(project)
    assert [left.path for left in report.conflicts] == [next(iter(tree))]
    assert read(far.folder) == {**read(project), **read(far.folder)} | there
    assert read(project).keys() == read(far.folder).keys()
    assert stages(far.folder) == []


def test_what_is_ignored_is_not_in_the_way(project: Path, far: Far) -> None:
    """A folder that holds only what is never synced counts as empty, and keeps it."""
    write(project, LITTLE)
    write(far.folder, {"venv/x": b"theirs"})
    assert far.sync(project).sent
    assert read(far.folder) == {**read(project), "venv": None, "venv/x": b"theirs"}


def test_a_python_that_reads_no_strong_stream_gets_none(
    project: Path, far: Far, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was packed for a better one before that was known is packed once more."""
    plain = folder / "python"
    plain.write_text(WITHOUT.format(python=sys.executable))
    plain.chmod(0o755)
    monkeypatch.setenv("COLABDEV_PYTHON", str(plain))
    write(project, MUCH)
    assert len(far.sync(project).sent) == 509  # with their folders
    assert read(far.folder) == read(project)
    (project / "1/1").write_bytes(b"edited")
    assert far.sync(project).sent
    assert read(far.folder) == read(project)
