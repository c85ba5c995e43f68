"""Syncs that are cut short, interrupted, or meet what they may not touch."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from colabdev import paths
from colabdev.errors import ConfigError, ConnectionLost, RemoteError, SyncHalted
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.ssh import SSHTransport
from colabdev.sync.engine import sync
from tests.remote.relay import relay_to
from tests.support.disk import fill, small_disk
from tests.support.runtime import start_runtime
from tests.sync.conftest import PEER, Far
from tests.sync.trees import read, stages, write

TREE = {"a": b"a" * 600_000, "b": b"b" * 600_000}
# What compresses to little is there at once: this travels as it is.
CHANGED = {"a": os.urandom(600_000), "b": os.urandom(500_000), "c": b"c"}


@pytest.fixture
def synced(project: Path, far: Far) -> Path:
    """Return a project that was synced and then changed."""
    write(project, TREE)
    far.sync(project)
    write(project, CHANGED)
    return project


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until *holds*, and fail when it never does."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_interrupt_changes_nothing_there(synced: Path, far: Far) -> None:
    """Ctrl-C in the middle leaves the far tree as it was and no stage; the next sync goes on."""

    def interrupt(done: int, total: int) -> None:
        if done > 700_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(synced, far.transport, str(far.folder), peer=PEER, progress=interrupt)
    assert (read(far.folder), stages(far.folder)) == (TREE, [])
    assert far.sync(synced).sent == ("a", "b", "c")
    assert read(far.folder) == CHANGED


def test_a_killed_far_side_changes_nothing(synced: Path, far: Far) -> None:
    """A far side killed in the middle changes nothing; the next sync sweeps what it left."""

    def kill(done: int, total: int) -> None:
        if done > 700_000:
            wait_until(lambda: bool(stages(far.folder)))
            for child in psutil.Process().children():
                child.kill()
                child.wait()

    with pytest.raises(RemoteError, match="ended early"):
        sync(synced, far.transport, str(far.folder), peer=PEER, progress=kill)
    assert read(far.folder) == TREE
    assert len(stages(far.folder)) == 1
    assert far.sync(synced).sent == ("a", "b", "c")
    assert (read(far.folder), stages(far.folder)) == (CHANGED, [])


@pytest.mark.sshd
def test_a_cut_connection_changes_nothing(project: Path, home: Path) -> None:
    """A connection cut in the middle is ConnectionLost, and the far tree is as it was."""
    write(project, TREE)
    with start_runtime(home / "vm") as runtime:
        address = parse_connect_string(runtime.connect_string)
        root = Path(address.root) / "project"
        with SSHTransport.connect(address.destination, paths.key_file()) as transport:
            sync(project, transport, str(root), peer=PEER)
        write(project, CHANGED)
        with relay_to(address.destination.port) as relay:
            through = replace(address.destination, port=relay.port)
            with SSHTransport.connect(through, paths.key_file()) as transport:

                def cut(done: int, total: int) -> None:
                    if done > 700_000:
                        relay.cut()

                with pytest.raises(ConnectionLost):
                    sync(project, transport, str(root), peer=PEER, progress=cut)
        assert read(root) == TREE
        with SSHTransport.connect(address.destination, paths.key_file()) as transport:
            sync(project, transport, str(root), peer=PEER)
        assert read(root) == CHANGED
        wait_until(lambda: not stages(root))  # the one that was cut off clears up behind itself


def test_a_sync_cut_after_it_was_applied_heals(synced: Path, far: Far) -> None:
    """When the far side has changed its files and nobody here learned of it, both still agree."""
    archive = synced / ".colabdev" / "sync" / f"{PEER}.json"
    before = archive.read_bytes()
    far.sync(synced)
    archive.write_bytes(before)
    report = far.sync(synced)
    assert (report.sent, report.conflicts, report.unchanged) == ((), (), 3)
    (synced / "a").write_bytes(b"next")
    assert far.sync(synced).sent == ("a",)


def test_an_edit_there_during_the_sync_is_kept(synced: Path, far: Far) -> None:
    """What changes there while contents are on their way is a conflict, not overwritten."""

    def edit(done: int, total: int) -> None:
        (far.folder / "a").write_bytes(b"by a job")
        (far.folder / "c").write_bytes(b"by a job too")

    report = sync(synced, far.transport, str(far.folder), peer=PEER, progress=edit)
    assert report.sent == ("b",)
    assert [left.path for left in report.conflicts] == ["a", "c"]
    assert read(far.folder) == {"a": b"by a job", "b": CHANGED["b"], "c": b"by a job too"}


def test_a_folder_there_that_becomes_a_link_is_not_followed(
    project: Path, far: Far, folder: Path
) -> None:
    """A folder replaced by a link while contents are on their way leads nothing out of the root."""
    outside = folder / "outside"
    outside.mkdir()
    write(project, {"d/e/x": b"x" * 100})
    far.sync(project)
    write(project, {"d/e/x": os.urandom(900_000), "d/e/new": b"new"})

    def swap(done: int, total: int) -> None:
        if done > 600_000 and not (far.folder / "d" / "e").is_symlink():  # others went along
            (far.folder / "d" / "e").rename(far.folder / "d" / "was")
            (far.folder / "d" / "e").symlink_to(outside)

    report = sync(project, far.transport, str(far.folder), peer=PEER, progress=swap)
    assert [left.path for left in report.conflicts] == ["d/e/new", "d/e/x"]
    assert list(outside.iterdir()) == []


def test_two_laptops_at_once_do_not_disturb_each_other(
    project: Path, far: Far, folder: Path
) -> None:
    """A sync does not sweep the stage of another one that is still under way."""
    other = folder / "other"
    other.mkdir()
    write(project, {"a": os.urandom(600_000)})
    write(other, {"b": b"b"})

    def also(done: int, total: int) -> None:
        if done > 400_000 and not (far.folder / "b").exists():
            assert sync(other, far.transport, str(far.folder), peer=PEER).sent == ("b",)
            assert len(stages(far.folder)) == 1

    report = sync(project, far.transport, str(far.folder), peer=PEER, progress=also)
    assert report.sent == ("a",)
    assert (stages(far.folder), sorted(read(far.folder))) == ([], ["a", "b"])


@pytest.fixture
def locked(folder: Path) -> Iterator[list[Path]]:
    """Lend a list of paths that get their rights back at the end."""
    places: list[Path] = []
    yield places
    for place in places:
        place.chmod(0o700)


def without_privileges(project: Path, root: Path) -> dict[str, Any]:
    """Sync in a process that permissions bind, as root is not bound by them."""
    code = (
        "import dataclasses, json, sys\n"
        "from pathlib import Path\n"
        "from colabdev.errors import ColabdevError\n"
        "from colabdev.remote.local import LocalTransport\n"
        "from colabdev.sync.engine import sync\n"
        "try:\n"
        "    report = sync(Path(sys.argv[1]), LocalTransport(), sys.argv[2], peer='f' * 32)\n"
        "    print(json.dumps(dataclasses.asdict(report)))\n"
        "except ColabdevError as error:\n"
        "    print(json.dumps({'error': type(error).__name__, 'message': error.message,\n"
        "                      'kind': getattr(error, 'kind', '')}))\n"
    )
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*drop, sys.executable, "-c", code, project, root], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_cannot_be_read_is_named(project: Path, far: Far, locked: list[Path]) -> None:
    """Unreadable files and folders are named, and the rest arrives."""
    write(project, {"file": b"secret", "folder/x": b"x", "rest": b"rest"})
    locked += [project / "file", project / "folder"]
    for place in locked:
        place.chmod(0)
    report = without_privileges(project, far.folder)
    assert sorted(one["path"] for one in report["skipped"]) == ["file", "folder"]
    assert read(far.folder) == {"folder": None, "rest": b"rest"}


def test_unreadable_rules_halt(project: Path, far: Far, locked: list[Path]) -> None:
    """Rules that cannot be read may keep a secret from being sent: nothing is."""
    write(project, {".gitignore": b"secret", "secret": b""})
    locked.append(project / ".gitignore")
    (project / ".gitignore").chmod(0)
    answer = without_privileges(project, far.folder)
    assert answer["error"] == "SyncHalted"
    assert ".gitignore cannot be read" in answer["message"]
    assert not far.folder.exists()


def test_an_unwritable_workspace_is_one_sentence(
    project: Path, far: Far, locked: list[Path]
) -> None:
    """A workspace without the right to write ends the sync with the kind 'unwritable'."""
    write(project, {"a": b"a", "sub/b": b"b", "sub/c": b"c"})
    far.folder.parent.mkdir()
    locked.append(far.folder.parent)
    far.folder.parent.chmod(0o500)
    answer = without_privileges(project, far.folder)
    assert (answer["error"], answer["kind"]) == ("RemoteFailure", "unwritable")
    assert "Permission denied" in answer["message"]
    far.folder.parent.chmod(0o700)
    far.folder.mkdir()
    locked.append(far.folder)
    far.folder.chmod(0o500)
    assert without_privileges(project, far.folder)["kind"] == "unwritable"


def test_an_unwritable_folder_there_is_named(project: Path, far: Far, locked: list[Path]) -> None:
    """Where one folder there cannot be written to, its files are named and the rest arrives."""
    write(project, {"a": b"a", "sub/b": b"b"})
    (far.folder / "sub").mkdir(parents=True)
    locked.append(far.folder / "sub")
    (far.folder / "sub").chmod(0o500)
    report = without_privileges(project, far.folder)
    assert report["refused"] == [{"path": "sub/b", "reason": "Permission denied"}]
    assert report["sent"] == ["a"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to make a file system")
@pytest.mark.parametrize("room", [200, 60])
def test_a_full_disk_here_is_one_sentence(room: int, project: Path, far: Far) -> None:
    """Where what comes does not fit nothing half comes, and a sync with more room brings it."""
    fetched = {"big": os.urandom(400_000), "small": b"s"}
    with small_disk(project, f"{room}k"):
        write(project, {"mine": b"m" * 20_000})
        far.sync(project)
        write(far.folder, fetched)
        with pytest.raises((SyncHalted, ConfigError)) as failure:
            far.sync(project)
        assert re.search("is full|No space left", failure.value.message)
        assert failure.value.hint
        assert (read(project), stages(project)) == ({"mine": b"m" * 20_000}, [])
        subprocess.run(["mount", "-o", "remount,size=2m", project], check=True)
        assert far.sync(project).received == ("big", "small")
        assert read(project) == read(far.folder) == {"mine": b"m" * 20_000} | fetched


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to make a file system")
def test_a_disk_without_room_for_the_archive_loses_nothing(project: Path, far: Far) -> None:
    """What was sent is there; only that it was is forgotten, and found out by the next sync."""
    with small_disk(project, "128k"):
        write(project, {"a": b"one"})
        far.sync(project)
        write(project, {"a": b"two", "b": b"b"})
        filler = project / ".colabdev" / "filler"
        fill(filler)
        with pytest.raises(ConfigError, match="No space left") as failure:
            far.sync(project)
        assert failure.value.hint
        filler.unlink()
        report = far.sync(project)
        assert (report.conflicts, report.skipped) == ((), ())
        assert read(project) == read(far.folder) == {"a": b"two", "b": b"b"}
        assert far.sync(project).unchanged == 2
