"""A laptop that dies in the middle of a sync: at whatever step, nothing is lost or halved."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.sync.conftest import PEER, Far
from tests.sync.test_cuts import FULL, SEED, edit, files, is_whole, sealed, sealed_again
from tests.sync.test_faults import wait_until
from tests.sync.trees import read, stages

KILLS = 100 if FULL else 20
LARGE = "d/large"
PATHS = ["a", "b", "d/c", "d/e/f", "d/e/g"]

# Every step of Python's that can change a file system is told of before it is made.
DYING = f"""\
import os, signal, sys
from pathlib import Path
from colabdev.remote.local import LocalTransport
from colabdev.sync.engine import sync
steps = {{"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.utime"}}
left = int(sys.argv[3])
made = 0
def watch(event, _):
    global left, made
    if event in steps:
        made += 1
        if made == left:
            os.kill(os.getpid(), signal.SIGKILL)
with LocalTransport() as transport:
    sys.addaudithook(watch)
    sync(Path(sys.argv[1]), transport, sys.argv[2], peer={PEER!r})
    print(made)
"""


def dying(project: Path, far: Far, step: int) -> subprocess.CompletedProcess[bytes]:
    """Sync in a process that is killed before its *step*, if it makes so many.

    The program that it had there, and which ends of itself, is waited for.
    """
    words = [sys.executable, "-c", DYING, str(project), str(far.folder), str(step)]
    name = f"DYING_{random.randbytes(8).hex()}"
    done = subprocess.run(words, capture_output=True, check=False, env={**os.environ, name: "1"})
    wait_until(lambda: not any(_has(process, name) for process in psutil.process_iter()))
    return done


def _has(process: psutil.Process, name: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return name in process.environ()
    return False


@pytest.mark.skipif(os.name == "nt", reason="such a signal is no other system's")
def test_a_laptop_killed_at_any_step_is_healed_by_the_next_sync(
    project: Path, far: Far, folder: Path
) -> None:
    """Both sides edit; afterwards each file is old or new, and one more sync brings the rest."""
    print(f"seed {SEED}")  # pytest shows it when the test fails
    chance = random.Random(SEED)
    spare = folder / "spare"
    edit(project, spare, {path: sealed(chance) for path in PATHS})
    edit(project, spare, {LARGE: sealed_again(chance, b"")})
    far.sync(project, limit=2_000_000)
    model = files(project)
    steps, killed = 100, 0
    for turn in range(KILLS):
        mine = {path: sealed(chance) for path in chance.sample(PATHS[:3], 2)}
        theirs: dict[str, bytes | None] = {PATHS[3]: sealed(chance)}
        theirs[PATHS[4]] = None if PATHS[4] in model else sealed(chance)
        large = {LARGE: sealed_again(chance, model[LARGE])}
        (mine if turn % 2 else theirs).update(large)
        edit(project, spare, dict(mine))
        edit(far.folder, spare, theirs)
        wanted = {path: data for path, data in {**model, **mine, **theirs}.items() if data}
        done = dying(project, far, chance.randrange(1, steps) if turn else 1 << 60)
        if done.returncode == 0:
            steps = int(done.stdout)
        else:
            assert done.returncode == -signal.SIGKILL, done.stderr.decode()
            killed += 1
        for root in (project, far.folder):
            for path, data in files(root).items():
                assert is_whole(data)
                assert data in (model.get(path), wanted.get(path))
        report = far.sync(project, limit=2_000_000)
        assert report.conflicts == ()
        assert files(project) == wanted
        assert read(project) == read(far.folder)
        assert (stages(project), stages(far.folder)) == ([], [])
        model = wanted
    assert killed > KILLS // 2
