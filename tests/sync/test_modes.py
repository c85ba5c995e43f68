"""One-way syncs, mirrors, single things, and the plan of a dry run, on real folders."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from colabdev.errors import ConfigError, InputError, SyncHalted
from colabdev.sync.ignore import chooser
from colabdev.sync.options import Mode, Options
from colabdev.sync.report import Planned, plan_lines
from tests.sync.conftest import Far
from tests.sync.trees import Link, Tree, read, write

BOTH: Tree = dict.fromkeys(("same", "mine", "theirs", "clash", "gone here", "gone"), b"old")
BOTH |= {"d/gone here": b"old", "e/gone": b"old"}
HERE: Tree = {
    "same": b"old",
    "mine": b"edited here",
    "theirs": b"old",
    "clash": b"edited here",
    "gone": b"old",
    "new here": b"n",
    "e": None,
    "e/gone": b"old",
}
THERE: Tree = {
    "same": b"old",
    "mine": b"old",
    "theirs": b"edited there",
    "clash": b"edited there",
    "gone here": b"old",
    "d": None,
    "d/gone here": b"old",
    "new there": b"n",
}


@pytest.fixture
def apart(project: Path, far: Far) -> Path:
    """Return a project that was synced, and then both sides were changed."""
    write(project, BOTH)
    far.sync(project)
    for root, tree in ((project, HERE), (far.folder, THERE)):
        for path in sorted(read(root).keys() - tree.keys(), reverse=True):
            (root / path).unlink() if (root / path).is_file() else (root / path).rmdir()
        write(root, tree)
    assert (read(project), read(far.folder)) == (HERE, THERE)
    return project


def test_push_changes_nothing_here(apart: Path, far: Far) -> None:
    """What is new here goes there, what was deleted there is sent again, the rest is named."""
    report = far.sync(apart, options=Options(Mode.PUSH))
    assert read(apart) == HERE
    gone = {"gone here", "d", "d/gone here"}
    expected = {path: node for path, node in (HERE | THERE).items() if path not in gone}
    assert read(far.folder) == expected | {"mine": b"edited here"}
    assert report.received == report.deleted_here == ()
    assert report.changed_there == ("new there", "theirs")
    assert [left.path for left in report.conflicts] == ["clash"]
    again = far.sync(apart, options=Options(Mode.PUSH))
    assert (again.sent, again.deleted_there) == ((), ())


def test_pull_changes_nothing_there(apart: Path, far: Far) -> None:
    """Pull is push seen from the other side."""
    report = far.sync(apart, options=Options(Mode.PULL))
    assert read(far.folder) == THERE
    gone = {"gone", "e", "e/gone"}
    expected = {path: node for path, node in (THERE | HERE).items() if path not in gone}
    assert read(apart) == expected | {"theirs": b"edited there"}
    assert report.sent == report.deleted_there == ()
    assert report.changed_here == ("mine", "new here")
    assert [left.path for left in report.conflicts] == ["clash"]
    again = far.sync(apart, options=Options(Mode.PULL))
    assert (again.received, again.deleted_here) == ((), ())


def test_a_mirror_is_the_same_as_here(apart: Path, far: Far) -> None:
    """Nothing is left of what was made there, once the user has said so; here nothing changes."""
    with pytest.raises(SyncHalted, match="deletes 4 and replaces 3 entries") as halt:
        far.sync(apart, options=Options(Mode.MIRROR))
    assert halt.value.hint
    assert read(far.folder) == THERE
    report = far.sync(apart, options=Options(Mode.MIRROR, sure=True))
    assert read(far.folder) == read(apart) == HERE
    assert report.conflicts == ()
    assert far.sync(apart).unchanged == 7


def test_a_mirror_without_losses_needs_no_leave(project: Path, far: Far) -> None:
    """Into an empty folder everything goes without a question, and so it does after a push."""
    write(project, BOTH)
    assert len(far.sync(project, options=Options(Mode.MIRROR)).sent) == 10
    assert far.sync(project, options=Options(Mode.MIRROR)).sent == ()


def test_a_mirror_keeps_what_is_not_synced(project: Path, far: Far) -> None:
    """What is ignored there, and what is too large here, is no business of a mirror."""
    write(project, {".gitignore": b"*.pt\n", "a": b"a", "big": b"x" * 50})
    write(far.folder, {"w.pt": b"w", "big": b"old", "out": Link("/etc")})
    report = far.sync(project, options=Options(Mode.MIRROR, limit=20, sure=True))
    assert report.too_large == {"big": 50}
    assert read(far.folder) == {".gitignore": b"*.pt\n", "a": b"a", "big": b"old", "w.pt": b"w"}


def test_a_dry_run_does_nothing_and_tells_what_would_be(apart: Path, far: Far) -> None:
    """The plan has each step with its size; afterwards both trees and the archive are as before."""
    state = {path: path.read_bytes() for path in apart.rglob(".colabdev/**/*.json")}
    report = far.sync(apart, options=Options(dry_run=True))
    assert set(report.planned) == {
        Planned("send", "mine", 11, False),
        Planned("send", "new here", 1, False),
        Planned("fetch", "theirs", 12, False),
        Planned("fetch", "new there", 1, False),
        Planned("delete there", "gone here", 0, False),
        Planned("delete there", "d", 0, False),
        Planned("delete there", "d/gone here", 0, False),
        Planned("delete here", "gone", 0, False),
        Planned("delete here", "e", 0, False),
        Planned("delete here", "e/gone", 0, False),
    }
    assert (read(apart), read(far.folder)) == (HERE, THERE)
    assert {path: path.read_bytes() for path in apart.rglob(".colabdev/**/*.json")} == state
    assert "send         mine  11 B" in plan_lines(report)
    assert report.summary().startswith("10 to do: about ")
    assert "and at most 13 B down" in report.summary()
    done = far.sync(apart)
    assert {*done.sent, *done.received, *done.deleted_here, *done.deleted_there} == {
        one.path for one in report.planned
    }


NAMED: Tree = {
    ".gitignore": b"*.pt\n/out/\n.env\n",
    "a.py": b"a",
    "sub/b.py": b"b",
    "sub/w.pt": b"w" * 30,
    "out/last.pt": b"l" * 30,
    "out/log": b"log",
    ".env": b"secret",
}


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("a.py",), {"a.py"}),
        (("*.py",), {"a.py", "sub", "sub/b.py"}),
        (("sub/",), {"sub", "sub/b.py"}),
        (("sub/*.pt",), {"sub", "sub/w.pt"}),
        (("/out/last.pt",), {"out", "out/last.pt"}),
        (("out/*.pt", "a.py"), {"out", "out/last.pt", "a.py"}),
        (("out",), {"out", "out/log"}),
        (("[ab].py",), {"a.py", "sub", "sub/b.py"}),
    ],
)
@pytest.mark.parametrize("mode", [Mode.PUSH, Mode.PULL])
def test_what_is_named_travels_alone(
    mode: Mode, patterns: tuple[str, ...], expected: set[str], project: Path, far: Far
) -> None:
    """Named things go, with the folders they need, whatever their size and though ignored."""
    far.folder.mkdir(parents=True)
    source, target = (project, far.folder) if mode is Mode.PUSH else (far.folder, project)
    write(source, NAMED)
    if mode is Mode.PULL:
        write(project, {".gitignore": NAMED[".gitignore"]})
    far.sync(project, options=Options(mode, named=patterns, limit=10))
    arrived = read(target)
    arrived.pop(".gitignore", None)
    assert arrived.keys() == expected
    assert all(NAMED.get(path) == node for path, node in arrived.items())


@pytest.mark.parametrize("mode", [Mode.PUSH, Mode.PULL])
def test_force_settles_a_conflict(mode: Mode, apart: Path, far: Far) -> None:
    """A named file that differs stays as it is, and with force takes the sender's contents."""
    report = far.sync(apart, options=Options(mode, named=("clash", "mine", "theirs")))
    assert [left.path for left in report.conflicts] == ["clash"]
    far.sync(apart, options=Options(mode, named=("clash",), force=True))
    winner = HERE if mode is Mode.PUSH else THERE
    assert read(apart)["clash"] == read(far.folder)["clash"] == winner["clash"]
    assert far.sync(apart).conflicts == ()


def test_force_may_replace_a_folder_by_a_file_only_when_it_is_empty(
    project: Path, far: Far
) -> None:
    """What is in a folder is not taken away for the sake of a file of its name."""
    write(project, {"x": b"file"})
    write(far.folder, {"x/inside": b"precious"})
    report = far.sync(project, options=Options(Mode.PUSH, named=("x",), force=True))
    assert [left.path for left in report.refused] == ["x"]
    assert read(far.folder) == {"x": None, "x/inside": b"precious"}


def test_nothing_of_the_name_is_said(project: Path, far: Far) -> None:
    """A pattern without a match is an error with a next step; of a path, it is one for paths."""
    write(project, {"a": b"a"})
    with pytest.raises(InputError, match="Nothing matches nope") as refusal:
        far.sync(project, options=Options(Mode.PULL, named=("nope",)))
    assert "colabdev pull" in refusal.value.hint
    with pytest.raises(InputError, match="Nothing matches nope") as refusal:
        far.sync(project, options=Options(Mode.PUSH, named=("/nope",)))
    assert "--mode push" in refusal.value.hint


def test_large_files_travel_when_told_to(project: Path, far: Far) -> None:
    """By the option all of them do, by the project's own rules those that are named."""
    write(project, {"a.pt": b"x" * 30, "data/b.bin": b"x" * 30, "c.bin": b"x" * 30})
    rules = b'[tool.colabdev]\nlarge = ["*.pt", "/data/"]\n'
    write(project, {"pyproject.toml": rules})
    report = far.sync(project, options=Options(limit=20))
    assert report.too_large == {"c.bin": 30, "pyproject.toml": len(rules)}
    assert set(read(far.folder)) == {"a.pt", "data", "data/b.bin"}
    assert far.sync(project, options=Options(limit=20, large=True)).too_large == {}
    (project / "pyproject.toml").write_text('[tool.colabdev]\nlarge = "*.pt"\n')
    with pytest.raises(ConfigError, match="no list of patterns") as refusal:
        far.sync(project)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("patterns", "chosen", "not_chosen"),
    [
        (("*.pt",), ("a.pt", "d/a.pt", "x.pt/below"), ("a.pth", "pt")),
        (("/out/*.pt",), ("out/a.pt",), ("d/out/a.pt", "out/d/a.pt", "out")),
        (("out/",), ("out", "out/a", "d/out/a"), ("outer",)),
        ((r"/a\*b\ ",), ("a*b ",), ("axb ", "a*b")),
        ((), (), ("a", ".env")),
    ],
)
def test_patterns_choose(
    patterns: tuple[str, ...], chosen: tuple[str, ...], not_chosen: tuple[str, ...]
) -> None:
    """A pattern chooses what it matches as in .gitignore, and all below it."""
    chooses: Callable[[str], bool] = chooser(patterns)
    assert all(map(chooses, chosen))
    assert not any(map(chooses, not_chosen))


def test_a_dry_run_says_what_it_will_cost(project: Path, far: Far) -> None:
    """The estimate is of packed bytes: text costs little, noise its size, known blocks nothing."""
    write(project, {"noise": os.urandom(2_000_000)})
    dry = Options(dry_run=True)
    noise = far.sync(project, options=dry)
    assert 2_000_000 < noise.cost_up < 2_100_000
    assert "an estimate, after compression" in noise.summary()
    assert not far.folder.exists() or not list(far.folder.glob("[!.]*"))
    far.sync(project, options=Options())
    write(project, {"text": b"the same line again and again\n" * 50_000})
    with (project / "noise").open("r+b") as stream:
        stream.write(os.urandom(1000))
    assert far.sync(project, options=dry).cost_up < 150_000
