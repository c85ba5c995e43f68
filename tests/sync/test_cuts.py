"""Syncs that are cut off, or whose far side is killed, at any byte: nothing is lost or halved."""

import contextlib
import hashlib
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from colabdev.errors import ColabdevError, ConnectionLost
from colabdev.remote.local import LocalProcess, LocalTransport
from colabdev.sync.engine import sync
from tests.sync.conftest import PEER
from tests.sync.trees import read, stages

FULL = bool(os.environ.get("COLABDEV_TEST_FULL"))
CUTS = 200 if FULL else 60
SEED = int(os.environ.get("COLABDEV_TEST_SEED", time.time_ns() % 1_000_000))
LARGE = "d/large"  # of which only blocks travel
PATHS = [LARGE] + [f"{folder}{name}" for folder in ("", "d/", "d/e/") for name in "pqrstu"]
Model = dict[str, bytes]


class BreakingProcess(LocalProcess):
    """A real process behind a line that carries *budget* bytes, both ways together.

    Then the line goes dead, or, with *kills*, the process is killed.
    """

    def __init__(self, argv: Sequence[str], budget: int, *, kills: bool) -> None:
        super().__init__(argv)
        self._budget = budget
        self._kills = kills

    def write(self, data: bytes) -> None:
        fits = data[: self._budget]
        if fits:
            super().write(fits)
        self._spend(len(data))

    def read(self, size: int = 65536) -> bytes:
        chunk = super().read(max(1, min(size, self._budget)))
        self._spend(len(chunk))
        return chunk

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget > 0:
            return
        if not self._kills:
            raise ConnectionLost("The line is cut.", "This is a test.")
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
        self._budget = 1 << 60


class BreakingTransport(LocalTransport):
    """A transport whose processes have a line that breaks."""

    def __init__(self, budget: int, *, kills: bool) -> None:
        self._budget = budget
        self._kills = kills

    def start(self, argv: Sequence[str]) -> LocalProcess:
        return BreakingProcess(argv, self._budget, kills=self._kills)


def sealed(chance: random.Random) -> bytes:
    """Return contents that tell whether they are whole: a digest, and what it is of."""
    payload = chance.randbytes(chance.choice((0, 10, 5_000, 90_000)))
    return hashlib.sha256(payload).digest() + payload


def sealed_again(chance: random.Random, before: bytes) -> bytes:
    """Return large contents that are those of *before* but for a few blocks."""
    payload = bytearray(before[32:] if len(before) > 1_000_000 else chance.randbytes(1_200_000))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(payload))
        payload[at : at + 1000] = chance.randbytes(1000)
    return hashlib.sha256(payload).digest() + payload


def is_whole(contents: bytes) -> bool:
    return hashlib.sha256(contents[32:]).digest() == contents[:32]


@contextlib.contextmanager
def watched(*roots: Path) -> Iterator[list[Path]]:
    """Read every file of the trees over and over, and give those that were ever seen in halves."""
    halves: list[Path] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.001):
            for root in roots:
                for path in PATHS:
                    with contextlib.suppress(OSError):
                        if not is_whole((root / path).read_bytes()):
                            halves.append(root / path)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield halves
    finally:
        stop.set()
        thread.join()


def edit(root: Path, spare: Path, edits: dict[str, bytes | None]) -> None:
    """Make *edits* below *root*, each in one step (None deletes)."""
    for path, contents in edits.items():
        if contents is None:
            (root / path).unlink()
            continue
        spare.write_bytes(contents)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        spare.replace(root / path)


def some_edits(chance: random.Random, paths: list[str], model: Model) -> dict[str, bytes | None]:
    edits: dict[str, bytes | None] = {}
    for path in paths:
        if path == LARGE:
            edits[path] = sealed_again(chance, model.get(path, b""))
            continue
        edits[path] = None if path in model and chance.random() < 0.25 else sealed(chance)
    return edits


def files(root: Path) -> Model:
    return {path: node for path, node in read(root).items() if isinstance(node, bytes)}


@pytest.mark.slow
def test_a_sync_broken_at_any_byte_is_healed_by_the_next(folder: Path) -> None:
    """Both sides edit; the line is cut or the helper killed; whatever was newer is still there.

    After the break each file is the old one or the new one, after one more sync both trees are
    what both sides made of them, and at no moment a reader sees half a file.
    """
    seed = SEED
    print(f"seed {seed}")  # pytest shows it when the test fails
    chance = random.Random(seed)
    here, there, spare = folder / "here", folder / "there", folder / "spare"
    here.mkdir()
    model: Model = {}
    broken = 0
    with LocalTransport() as whole, watched(here, there) as halves:
        edit(here, spare, {path: sealed(chance) for path in PATHS[1:]})
        edit(here, spare, {LARGE: sealed_again(chance, b"")})
        model = files(here)
        sync(here, whole, str(there), peer=PEER)
        for _ in range(CUTS):
            touched = chance.sample(PATHS[1:], 5)
            touched.insert(chance.randrange(6), LARGE)
            mine = some_edits(chance, touched[:3], model)
            theirs = some_edits(chance, touched[3:], model)
            edit(here, spare, mine)
            edit(there, spare, theirs)
            wanted = {**model, **mine, **theirs}
            expected = {path: data for path, data in wanted.items() if data is not None}
            budget = chance.choice((chance.randrange(1, 2_500), chance.randrange(1, 300_000)))
            transport = BreakingTransport(budget, kills=chance.random() < 0.5)
            try:
                sync(here, transport, str(there), peer=PEER)
            except ColabdevError:
                broken += 1
            for root in (here, there):
                now = files(root)
                for path in PATHS:
                    assert now.get(path) in (model.get(path), expected.get(path))
            for side, made in ((here, mine), (there, theirs)):
                assert all(files(side).get(path) == data for path, data in made.items())
            report = sync(here, whole, str(there), peer=PEER)
            assert report.conflicts == ()
            assert files(here) == expected
            assert read(here) == read(there)
            assert (stages(here), stages(there)) == ([], [])
            model = expected
    assert halves == []
    assert broken > CUTS // 3
