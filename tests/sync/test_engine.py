"""A sync from end to end, on real folders through real transports."""

import json
import mmap
import os
import random
import shutil
import threading
from pathlib import Path

import pytest

from colabdev.errors import ConfigError, InputError, RemoteFailure, SyncHalted
from colabdev.sync.engine import sync
from colabdev.sync.options import Mode, Options
from colabdev.sync.snapshot import Left
from tests.sync.conftest import PEER, Far
from tests.sync.trees import Link, Tree, read, stages, write

ODD = os.fsdecode(b"odd \xff\xfe bytes")
TREE: Tree = {
    "train.py": b"print('hi')\n",
    "empty.txt": b"",
    "src/model.py": b"class Model: ...\n",
    "src/deep/er/x.py": b"1\n",
    "no files": None,
    "한글 이름.py": "안녕\n".encode(),
    "new\nline": b"named so\n",
    ODD: b"stray\n",
    "'quoted' $HOME `x`": b"quoted\n",
    "back\\slash": b"on POSIX a letter like others\n",
    "text": b"the same line again and again\n" * 20_000,
    "noise": random.Random(7).randbytes(700_000),
    "link": Link("src/model.py"),
    "src/up": Link("../train.py"),
    "dangling": Link("nowhere"),
}


def test_a_first_sync_carries_everything(project: Path, every_far: Far) -> None:
    """All files, folders and links arrive as they are, with their times and executable bits."""
    write(project, TREE)
    (project / "run.sh").write_bytes(b"#!/bin/sh\n")
    (project / "run.sh").chmod(0o755)
    os.utime(project / "train.py", ns=(1, 1_234_567_890_123_456_789))
    report = every_far.sync(project)
    assert read(every_far.folder) == read(project)
    assert (every_far.folder / "train.py").stat().st_mtime_ns == 1_234_567_890_123_456_789
    assert os.access(every_far.folder / "run.sh", os.X_OK)
    assert not (every_far.folder / "train.py").stat().st_mode & 0o111
    assert set(report.sent) == {*read(project)}
    assert report.bytes == sum(len(node) for node in read(project).values() if type(node) is bytes)
    assert stages(every_far.folder) == []


def test_a_second_sync_sends_only_what_changed(project: Path, every_far: Far) -> None:
    """Without changes nothing is sent; an edit, a new file and a new mode are, and alone."""
    write(project, TREE)
    before = every_far.sync(project)
    again = every_far.sync(project)
    assert (again.sent, again.bytes) == ((), 0)
    assert again.unchanged == sum(type(node) is bytes for node in TREE.values())
    assert again.code_digest == before.code_digest
    (project / "train.py").write_bytes(b"print('ho')\n")  # of the same size
    (project / "src/new.py").write_bytes(b"")
    (project / "text").chmod(0o755)
    os.utime(project / "noise")  # touched, not changed
    third = every_far.sync(project)
    assert third.sent == ("src/new.py", "text", "train.py")
    assert third.code_digest != before.code_digest
    assert read(every_far.folder) == read(project)
    assert os.access(every_far.folder / "text", os.X_OK)


def test_both_sides_become_the_same(project: Path, every_far: Far) -> None:
    """Edits, new files and deletions of either side reach the other; a conflict stays on both."""
    write(project, {name: name.encode() for name in ("a", "b", "c", "e", "f", "old/x", "old/y")})
    every_far.sync(project)
    (every_far.folder / "a").write_bytes(b"there")
    (every_far.folder / "b").write_bytes(b"there")
    (every_far.folder / "f").unlink()
    write(every_far.folder, {"checkpoints/last.pt": b"weights" * 100_000, "run.sh": b"#!/bin/sh\n"})
    (every_far.folder / "run.sh").chmod(0o755)
    os.utime(every_far.folder / "run.sh", ns=(1, 1_234_567_890_123_456_789))
    write(every_far.folder, {"empty": None, "link": Link("a"), "old/y": b"edited"})
    (project / "b").write_bytes(b"here")
    (project / "c").write_bytes(b"here too")
    (project / "e").unlink()
    for name in ("old/x", "old/y"):
        (project / name).unlink()
    (project / "old").rmdir()
    report = every_far.sync(project)
    assert report.sent == ("c",)
    assert report.received == (
        "a",
        "checkpoints",
        "checkpoints/last.pt",
        "empty",
        "link",
        "old",
        "old/y",
        "run.sh",
    )
    assert (report.deleted_here, report.deleted_there) == (("f",), ("e", "old/x"))
    assert report.conflicts == (Left("b", "it was changed here and there"),)
    assert (project / "b").read_bytes() == b"here"
    assert (every_far.folder / "b").read_bytes() == b"there"
    assert {**read(project), "b": None} == {**read(every_far.folder), "b": None}
    assert os.access(project / "run.sh", os.X_OK)
    assert (project / "run.sh").stat().st_mtime_ns == 1_234_567_890_123_456_789
    assert (stages(project), stages(every_far.folder)) == ([], [])
    again = every_far.sync(project)
    assert (again.sent, again.received, again.deleted_here, again.deleted_there) == ((),) * 4
    assert again.conflicts == report.conflicts


def test_a_conflict_ends_where_one_copy_is_taken_away(project: Path, far: Far) -> None:
    """Whichever copy is deleted, the other one takes its place."""
    write(project, {"a": b"a", "b": b"b"})
    far.sync(project)
    for root in (project, far.folder):
        (root / "a").write_bytes(os.fsencode(root))
        (root / "b").write_bytes(os.fsencode(root))
    assert len(far.sync(project).conflicts) == 2
    (project / "a").unlink()
    (far.folder / "b").unlink()
    report = far.sync(project)
    assert (report.received, report.sent, report.conflicts) == (("a",), ("b",), ())
    assert read(project) == read(far.folder)
    assert read(project) == {"a": os.fsencode(far.folder), "b": os.fsencode(project)}


def test_a_folder_with_what_is_ignored_stays_where_it_is(project: Path, far: Far) -> None:
    """A folder taken away here stays there while something ignored is in it, and is not brought."""
    write(project, {"src/a.py": b"a", "b": b"b"})
    far.sync(project)
    write(far.folder, {"src/__pycache__/a.pyc": b"compiled"})
    (project / "src/a.py").unlink()
    (project / "src").rmdir()
    assert far.sync(project).deleted_there == ("src/a.py",)
    again = far.sync(project)
    assert (again.received, again.deleted_there, again.conflicts) == ((), (), ())
    assert not (project / "src").exists()
    (far.folder / "src/__pycache__/a.pyc").unlink()
    (far.folder / "src/__pycache__").rmdir()
    assert far.sync(project).deleted_there == ("src",)


def test_rules_are_only_taken_from_here(project: Path, far: Far) -> None:
    """A runtime cannot make the laptop send what its project keeps from it."""
    write(project, {".gitignore": b".env\n", ".env": b"secret", "a": b"a"})
    far.sync(project)
    write(far.folder, {".gitignore": b"", "sub/.colabdevignore": b"!.env\n"})
    (far.folder / ".gitignore").write_bytes(b"")
    report = far.sync(project)
    reason = "rules about what is synced are only taken from here"
    assert report.refused == (
        Left(".gitignore", reason),
        Left("sub/.colabdevignore", reason),
    )
    (far.folder / ".gitignore").unlink()
    assert far.sync(project).refused[0] == Left(".gitignore", reason)
    assert (project / ".gitignore").read_bytes() == b".env\n"
    assert not (far.folder / ".env").exists()


def test_a_runtime_that_lost_everything_halts(project: Path, far: Far) -> None:
    """A folder there that was emptied or is gone is no wish to delete the project."""
    write(project, {"a": b"a", "b": b"b"})
    far.sync(project)
    shutil.rmtree(far.folder)
    with pytest.raises(SyncHalted, match="Nothing is left on the runtime") as halt:
        far.sync(project)
    assert halt.value.hint
    assert read(project) == {"a": b"a", "b": b"b"}


@pytest.mark.parametrize("side", ["here", "there"])
def test_a_deletion_of_more_than_half_is_asked_for(side: str, project: Path, far: Far) -> None:
    """Where more than half of a tree would go nothing is done, unless that is meant."""
    write(project, {f"{number:02}": b"x" for number in range(20)})
    far.sync(project)
    for number in range(11):
        ((project if side == "here" else far.folder) / f"{number:02}").unlink()
    with pytest.raises(SyncHalted, match="delete 11 of 20") as halt:
        far.sync(project)
    assert halt.value.hint
    assert len(read(project)) + len(read(far.folder)) == 29
    report = far.sync(project, options=Options(sure=True))
    assert len(report.deleted_here) + len(report.deleted_there) == 11
    assert read(project) == read(far.folder)
    assert len(read(project)) == 9


def test_an_edit_there_that_hides_itself_is_found(project: Path, far: Far) -> None:
    """An edit of the same size with the old time put back is still seen as an edit."""
    write(project, {"a": b"one"})
    far.sync(project)
    there = far.folder / "a"
    before = there.stat()
    there.write_bytes(b"two")
    os.utime(there, ns=(before.st_atime_ns, before.st_mtime_ns))
    (project / "a").write_bytes(b"three")
    assert far.sync(project).conflicts == (Left("a", "it was changed here and there"),)
    assert there.read_bytes() == b"two"


def test_the_same_edit_on_both_sides_is_no_conflict(project: Path, far: Far) -> None:
    """Contents decide: equal edits agree, and from then on an edit here is sent again."""
    write(project, {"a": b"one"})
    far.sync(project)
    (far.folder / "a").write_bytes(b"same")
    (project / "a").write_bytes(b"same")
    report = far.sync(project)
    assert (report.sent, report.conflicts, report.unchanged) == ((), (), 1)
    (project / "a").write_bytes(b"next")
    assert far.sync(project).sent == ("a",)


def test_a_first_sync_onto_files_that_are_there(project: Path, any_far: Far) -> None:
    """Equal files agree without being sent, different ones are conflicts, others travel."""
    write(project, {"same": b"same", "other": b"here!", "mine": b"m"})
    any_far.folder.mkdir(parents=True)
    write(any_far.folder, {"same": b"same", "other": b"there", "theirs": b"t"})
    report = any_far.sync(project)
    assert (report.sent, report.received) == (("mine",), ("theirs",))
    assert report.conflicts == (Left("other", "it differs here and there"),)
    assert (any_far.folder / "other").read_bytes() == b"there"


def test_a_write_that_no_time_tells_of_is_seen(project: Path, far: Far) -> None:
    """An edit right after a sync that leaves size and times as they were is sent all the same.

    Coarse clocks do that; here it is a write into a page that is mapped and dirty already.
    """
    write(project, {"a": b"one"})
    with (project / "a").open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as page:
        page[:] = b"two"
        far.sync(project)
        page[:] = b"six"
        assert far.sync(project).sent == ("a",)
    assert read(far.folder) == {"a": b"six"}


def test_ignored_paths_are_not_sent_nor_counted(project: Path, any_far: Far) -> None:
    """.gitignore, .colabdevignore and the defaults hold on both sides."""
    write(
        project,
        {
            ".gitignore": b"*.pt\ndata/\n",
            ".colabdevignore": b"notes/\n!keep.pt\n",
            "sub/.gitignore": b"!wanted.pt\n/only\n",
            "a.pt": b"",
            "keep.pt": b"",
            "sub/wanted.pt": b"",
            "sub/only": b"",
            "only": b"",
            "data/x": b"",
            "notes/x": b"",
            ".venv/bin/python": b"",
            "__pycache__/a.pyc": b"",
            ".git/config": b"",
        },
    )
    any_far.folder.mkdir(parents=True)
    write(any_far.folder, {"data/huge": b"", "b.pt": b"", ".venv/there": b"", "made": b""})
    report = any_far.sync(project)
    files = {path for path in report.sent if (project / path).is_file()}
    assert files == {
        ".gitignore",
        ".colabdevignore",
        "keep.pt",
        "only",
        "sub/.gitignore",
        "sub/wanted.pt",
    }
    assert report.received == ("made",)


def test_what_cannot_go_is_named(project: Path, any_far: Far) -> None:
    """Large files, links that lead out, and special files are named, and the rest goes."""
    write(
        project,
        {
            "large": b"x" * 2001,
            "fits": b"x" * 2000,
            "out": Link("/etc/passwd"),
            "climbs": Link("../far"),
            "sub/climbs": Link("../../far"),
            "sub/inside": Link("../fits"),
        },
    )
    os.mkfifo(project / "pipe")
    report = any_far.sync(project, limit=2000)
    assert report.too_large == {"large": 2001}
    assert [left.path for left in report.refused] == ["climbs", "out", "sub/climbs"]
    assert report.skipped == (Left("pipe", "it is a pipe, a socket or a device"),)
    assert set(read(any_far.folder)) == {"fits", "sub", "sub/inside"}


def test_a_link_there_is_never_written_through(project: Path, any_far: Far, folder: Path) -> None:
    """Where a link stands there in the place of a folder or a file, it stays, and so its target."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"precious")
    write(project, {"data/x": b"mine", "file": b"mine"})
    any_far.folder.mkdir(parents=True)
    (any_far.folder / "data").symlink_to(outside)
    (any_far.folder / "file").symlink_to(outside / "x")
    report = any_far.sync(project)
    assert [left.path for left in report.refused] == ["data", "file"]
    assert read(outside) == {"x": b"precious"}
    assert (any_far.folder / "data").is_symlink()


@pytest.mark.parametrize("side", ["here", "there"])
def test_what_both_had_may_change_its_kind(side: str, project: Path, far: Far) -> None:
    """On either side a file becomes a link, a link a file, a file a folder, a folder a file."""
    write(project, {"a": b"a", "b": Link("a"), "c": b"c", "d/x": b"x", "d/e/y": b"y"})
    far.sync(project)
    root = project if side == "here" else far.folder
    for name in ("a", "b", "c"):
        (root / name).unlink()
    shutil.rmtree(root / "d")
    write(root, {"a": Link("b"), "b": b"b", "c/y": b"y", "d": b"file now"})
    report = far.sync(project)
    assert (report.sent or report.received) == ("a", "b", "c", "c/y", "d")
    assert (report.deleted_there or report.deleted_here) == ("d/e", "d/e/y", "d/x")
    assert report.conflicts == ()
    assert read(far.folder) == read(project)
    assert read(project) == {"a": Link("b"), "b": b"b", "c": None, "c/y": b"y", "d": b"file now"}


def test_permissions_there_are_kept(project: Path, far: Far) -> None:
    """A file that was made private there stays private when its contents are replaced."""
    write(project, {"a": b"one"})
    far.sync(project)
    (far.folder / "a").chmod(0o600)
    (project / "a").write_bytes(b"two, longer")
    assert far.sync(project).sent == ("a",)
    assert (far.folder / "a").stat().st_mode & 0o777 == 0o600


def test_a_file_that_keeps_changing_is_skipped_whole(project: Path, far: Far) -> None:
    """While a file is written to all the time it is not sent in pieces; the rest arrives.

    The writer changes the file in each of the moments in which the sender looks at its progress,
    so that no reading of it is ever whole.
    """
    write(project, {"busy": b"x" * 500_000, "calm": b"calm"})

    def scribble(done: int, total: int) -> None:
        if done > 4:
            with (project / "busy").open("ab") as stream:
                stream.write(b"more")

    report = sync(project, far.transport, str(far.folder), peer=PEER, progress=scribble)
    assert report.skipped == (Left("busy", "it kept changing while it was read"),)
    assert read(far.folder) == {"calm": b"calm"}
    assert far.sync(project).sent == ("busy",)


def test_a_file_that_changed_once_is_sent_as_it_became(project: Path, far: Far) -> None:
    """A file that shrinks or grows while it is read is read again, and arrives whole."""
    write(project, {"a": b"x" * 500_000})
    changed: list[int] = []

    def change_once(done: int, total: int) -> None:
        if not changed:
            changed.append(done)
            (project / "a").write_bytes(b"short")

    report = sync(project, far.transport, str(far.folder), peer=PEER, progress=change_once)
    assert report.sent == ("a",)
    assert read(far.folder) == {"a": b"short"}
    assert far.sync(project).sent == ()


def test_unreadable_files_are_named(project: Path, far: Far) -> None:
    """A file that goes between the listing and the reading is named, and the rest arrives."""
    write(project, {"a": b"first" * 50_000, "b": b"second"})

    def remove(done: int, total: int) -> None:
        (project / "b").unlink(missing_ok=True)

    report = sync(project, far.transport, str(far.folder), peer=PEER, progress=remove)
    assert [left.path for left in report.skipped] == ["b"]
    assert read(far.folder) == {"a": b"first" * 50_000}


def test_progress_counts_the_bytes(project: Path, far: Far) -> None:
    """Progress rises to the total and ends there."""
    write(project, {"a": b"x" * 600_000, "b": b"y" * 10})
    steps: list[tuple[int, int]] = []
    sync(
        project,
        far.transport,
        str(far.folder),
        peer=PEER,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == sorted(steps)
    assert steps[-1] == (600_010, 600_010)


def test_a_fresh_machine_gets_everything(project: Path, far: Far, folder: Path) -> None:
    """Another boot id, or another folder there, starts from nothing."""
    write(project, {"a": b"a"})
    far.sync(project)
    elsewhere = folder / "elsewhere"
    assert sync(project, far.transport, str(elsewhere), peer="f" * 32).sent == ("a",)
    moved = folder / "moved"
    assert sync(project, far.transport, str(moved), peer=PEER).sent == ("a",)
    shutil.rmtree(far.folder)
    report = sync(project, far.transport, str(far.folder), peer="e" * 32)
    assert (report.sent, report.deleted_here) == (("a",), ())


def test_an_unreadable_archive_is_said_and_put_aside(project: Path, far: Far) -> None:
    """A damaged archive is kept as .bad, said, and the sync compares contents instead."""
    write(project, {"a": b"a", "b": b"b"})
    far.sync(project)
    archive = project / ".colabdev" / "sync" / f"{PEER}.json"
    archive.write_bytes(archive.read_bytes()[:-20])
    (far.folder / "b").write_bytes(b"B")
    report = far.sync(project)
    assert (report.sent, report.unchanged) == ((), 1)
    assert [left.path for left in report.conflicts] == ["b"]
    assert f"{PEER}.bad" in report.notices[0]
    assert archive.with_suffix(".bad").exists()
    assert far.sync(project).notices == ()


def test_the_archive_forgets_what_is_gone_on_both_sides(project: Path, far: Far) -> None:
    """A path that neither side has any more is in no archive, whoever took it away."""
    write(project, {"gone": b"g", "gone here": b"k", "kept": b"k"})
    far.sync(project)
    for path in (project / "gone", project / "gone here", far.folder / "gone"):
        path.unlink()
    far.sync(project)
    archive = json.loads((project / ".colabdev" / "sync" / f"{PEER}.json").read_text())
    assert [line[0] for line in archive["entries"]] == ["kept"]


def test_a_project_that_lost_everything_halts(project: Path, far: Far) -> None:
    """An emptied project is not taken for an empty one."""
    write(project, {"a": b"a"})
    far.sync(project)
    (project / "a").unlink()
    for mode in (Mode.TWO_WAY, Mode.PUSH, Mode.MIRROR):
        with pytest.raises(SyncHalted, match="Nothing is left") as halt:
            far.sync(project, options=Options(mode=mode))
    assert "--mode pull" in halt.value.hint
    assert read(far.folder) == {"a": b"a"}
    assert far.sync(project, options=Options(mode=Mode.PULL)).received == ("a",)
    assert read(project) == {"a": b"a"}


def test_an_empty_project_makes_its_folder(project: Path, far: Far) -> None:
    """A project with no file yet is synced to an empty folder, in which a command can run."""
    assert far.sync(project).sent == ()
    assert far.folder.is_dir()


def test_two_at_once_take_turns(project: Path, far: Far) -> None:
    """A second sync of a project waits for the first one, up to a bound, and then says so."""
    write(project, {"a": b"a" * 300_000})
    inside, leave = threading.Event(), threading.Event()

    def hold(done: int, total: int) -> None:
        inside.set()
        assert leave.wait(30)

    first = threading.Thread(
        target=sync,
        args=(project, far.transport, str(far.folder)),
        kwargs={"peer": PEER, "progress": hold},
    )
    first.start()
    try:
        assert inside.wait(30)
        with pytest.raises(SyncHalted, match="Another colabdev"):
            sync(project, far.transport, str(far.folder), peer=PEER, wait=0.1)
    finally:
        leave.set()
        first.join()
    assert far.sync(project).unchanged == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to make a file system")
def test_a_full_disk_is_one_sentence(project: Path, any_far: Far, folder: Path) -> None:
    """A disk that runs full ends the sync with the kind 'full', and nothing is left over."""
    disk = folder / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=200k tmpfs '{disk}'"):
        pytest.skip("tmpfs cannot be mounted here")
    try:
        root = disk / "project"
        write(project, {"a": random.Random(1).randbytes(900_000), "b": b"b"})
        with pytest.raises(RemoteFailure) as failure:
            sync(project, any_far.transport, str(root), peer=PEER)
        assert failure.value.kind == "full"
        assert failure.value.hint
        assert (read(root), stages(root)) == ({}, [])
    finally:
        assert not os.system(f"umount '{disk}'")


def test_an_unusable_workspace_is_one_sentence(project: Path, far: Far) -> None:
    """A file where the project's folder should be ends the sync with the kind 'root'."""
    write(project, {"a": b"a"})
    far.folder.parent.parent.mkdir(exist_ok=True)
    far.folder.parent.write_bytes(b"in the way")
    with pytest.raises(RemoteFailure) as failure:
        far.sync(project)
    assert failure.value.kind == "root"
    far.folder.parent.unlink()
    (far.folder / ".colabdev").parent.mkdir(parents=True)
    (far.folder / ".colabdev").symlink_to("/")
    with pytest.raises(RemoteFailure) as failure:
        far.sync(project)
    assert failure.value.kind == "io"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to mount")
def test_a_read_only_workspace_is_one_sentence(project: Path, far: Far, folder: Path) -> None:
    """A workspace that nobody may write to ends the sync with the kind 'unwritable'."""
    disk = folder / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o ro tmpfs '{disk}'"):
        pytest.skip("tmpfs cannot be mounted here")
    try:
        write(project, {"a": b"a"})
        with pytest.raises(RemoteFailure) as failure:
            sync(project, far.transport, str(disk / "project"), peer=PEER)
        assert failure.value.kind == "unwritable"
        with pytest.raises(RemoteFailure) as failure:
            sync(project, far.transport, str(disk), peer=PEER)
        assert failure.value.kind == "unwritable"
    finally:
        assert not os.system(f"umount '{disk}'")


def test_what_is_no_project_is_refused(project: Path, far: Far, home: Path, folder: Path) -> None:
    """A missing folder, a file, the home folder and what is above it are refused."""
    file = folder / "file"
    file.write_bytes(b"")
    for wrong in (folder / "missing", file, home, home.parent, Path("/")):
        with pytest.raises(InputError) as refusal:
            far.sync(wrong)
        assert refusal.value.hint
    assert not far.folder.exists()


def test_a_project_with_our_keys_in_it_is_refused(
    project: Path, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project that holds colabdev's own state, and so a private key, is not sent anywhere."""
    monkeypatch.setenv("COLABDEV_HOME", str(project / "state"))
    with pytest.raises(InputError, match="private key"):
        far.sync(project)


def test_the_state_folder_may_be_no_link(project: Path, far: Far, folder: Path) -> None:
    """A project cannot lead colabdev's own files elsewhere."""
    (folder / "elsewhere").mkdir()
    (project / ".colabdev").symlink_to(folder / "elsewhere")
    with pytest.raises(ConfigError, match="is a link"):
        far.sync(project)
    assert not any((folder / "elsewhere").iterdir())


def test_the_rules_of_the_repository_above_hold(folder: Path, far: Far) -> None:
    """In a folder of a larger repository the .gitignore files above it count as git counts them."""
    repository = folder / "mono"
    write(
        repository,
        {
            ".git/HEAD": b"",
            ".gitignore": b"*.pt\n/exp/one/out\none/\n",
            "exp/.gitignore": b"!keep.pt\n",
            "exp/one/a.pt": b"",
            "exp/one/keep.pt": b"",
            "exp/one/out": b"",
            "exp/one/sub/out": b"",
        },
    )
    far.sync(repository / "exp" / "one")
    assert set(read(far.folder)) == {"keep.pt", "sub", "sub/out"}
