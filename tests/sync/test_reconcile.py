"""The decisions of a sync, over generated histories of two trees."""

import itertools
import os
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabdev.sync.reconcile import Agreed, Change, Digests, Plan, reconcile
from colabdev.sync.snapshot import Entry, Kind

PATHS = ("a", "d", "d/x", "d/e", "d/e/y", "é")
CONTENTS = ("x", "y", "zz", "far too large")


def limit(path: str) -> int:
    """Let files of up to 5 bytes travel, and any large one."""
    return 1000 if path == "é" else 5


@dataclass
class Side:
    """One tree in memory: entries and the contents of its files."""

    entries: dict[str, Entry] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)

    def remove(self, path: str) -> None:
        for below in [one for one in self.entries if one == path or one.startswith(path + "/")]:
            del self.entries[below]
            self.contents.pop(below, None)

    def put(self, path: str, entry: Entry, content: str = "") -> None:
        if not (entry.kind is Kind.DIRECTORY and self.is_folder(path)):
            self.remove(path)
        for parent in itertools.accumulate(path.split("/")[:-1], "{}/{}".format):
            if not self.is_folder(parent):
                self.remove(parent)
                self.entries[parent] = Entry(Kind.DIRECTORY)
        self.entries[path] = entry
        if entry.kind is Kind.FILE:
            self.contents[path] = content

    def is_folder(self, path: str) -> bool:
        return path in self.entries and self.entries[path].kind is Kind.DIRECTORY

    def state(self, path: str) -> tuple[Kind, str, str] | None:
        entry = self.entries.get(path)
        return (entry.kind, entry.target, self.contents.get(path, "")) if entry else None


@dataclass
class World:
    """A laptop, a runtime, the archive between them, and a clock."""

    here: Side = field(default_factory=Side)
    there: Side = field(default_factory=Side)
    archive: dict[str, Agreed] = field(default_factory=dict)
    time: int = 0

    def now(self) -> int:
        self.time += 1
        return self.time

    def plan(self) -> Plan:
        sides = (self.here.entries, self.archive, self.there.entries)
        plan = reconcile(*sides, limit=limit)
        if plan.ask_here or plan.ask_there:
            digests = Digests(
                {path: self.here.contents[path] for path in plan.ask_here},
                {path: self.there.contents[path] for path in plan.ask_there},
            )
            plan = reconcile(*sides, limit=limit, digests=digests)
        return plan

    def sync(self) -> Plan:
        plan = self.plan()
        for path in plan.gone:
            del self.archive[path]
        self.archive |= plan.agreed
        self.carry(plan.fetch, self.there, self.here)
        self.carry(plan.send, self.here, self.there)
        return plan

    def carry(self, changes: list[Change], source: Side, target: Side) -> None:
        """Do what a stage does: takings first and from the inside out, then puttings in order."""
        for change in reversed(changes):
            if change.entry is None:
                assert target.entries[change.path] == change.expected
                assert not any(one.startswith(change.path + "/") for one in target.entries)
                target.remove(change.path)
                del self.archive[change.path]
        for change in changes:
            if change.entry:
                self.put(change, change.entry, source, target)

    def put(self, change: Change, entry: Entry, source: Side, target: Side) -> None:
        path = change.path
        assert target.entries.get(path) == change.expected
        assert not any(one.startswith(path + "/") for one in target.entries)
        parent = path.rpartition("/")[0]
        assert not parent or target.is_folder(parent)
        content = source.contents.get(path, "")
        ctime = self.now() if entry.kind is Kind.FILE else 0
        target.put(path, entry._replace(ctime_ns=ctime), content)
        self.archive[path] = Agreed(self.here.entries[path], self.there.entries[path], content)

    def last(self, path: str) -> tuple[Kind, str, str] | None:
        """Return the state of *path* that both agreed on last."""
        agreed = self.archive.get(path)
        return (agreed.here.kind, agreed.here.target, agreed.digest) if agreed else None


def edit(world: World, side: Side, path: str, what: str) -> None:
    """Do to *path* on *side* what a user could do."""
    if what == "delete":
        side.remove(path)
    elif what == "folder":
        side.put(path, Entry(Kind.DIRECTORY))
    elif what.startswith("link:"):
        side.put(path, Entry(Kind.SYMLINK, target=what[5:]))
    elif what in ("touch", "chmod"):
        if path in side.contents:
            entry = side.entries[path]._replace(ctime_ns=world.now())
            side.entries[path] = (
                entry._replace(mtime_ns=world.now())
                if what == "touch"
                else entry._replace(executable=not entry.executable)
            )
    else:
        stamp = world.now()
        side.put(path, Entry(Kind.FILE, len(what), stamp, stamp), what)


edits = st.tuples(
    st.sampled_from(["here", "there"]),
    st.sampled_from(PATHS),
    st.sampled_from([*CONTENTS, "delete", "folder", "link:a", "link:../a", "touch", "chmod"]),
)
FULL = bool(os.environ.get("COLABDEV_TEST_FULL"))
History = list[tuple[str, str, str]]
histories = st.lists(st.one_of(edits, st.just(("sync", "", ""))), max_size=14)


def play(world: World, history: History) -> None:
    for who, path, what in history:
        if who == "sync":
            world.sync()
        else:
            edit(world, world.here if who == "here" else world.there, path, what)


counts = settings(max_examples=max(400, settings.get_profile("full").max_examples if FULL else 0))


@counts
@given(histories)
def test_no_side_loses_what_is_newer_than_the_archive(history: History) -> None:
    """A file or link that was made or edited since both agreed stands where it stood."""
    world = World()
    for step in [*history, ("sync", "", "")]:
        if step[0] != "sync":
            play(world, [step])
            continue
        newer = [
            (side, path, side.state(path))
            for side in (world.here, world.there)
            for path, entry in side.entries.items()
            if entry.kind is not Kind.DIRECTORY and side.state(path) != world.last(path)
        ]
        world.sync()
        for side, path, state in newer:
            assert side.state(path) == state


@counts
@given(histories)
def test_off_conflicts_the_trees_become_equal(history: History) -> None:
    """Whatever is not named as left alone is the same on both sides after one sync."""
    world = World()
    play(world, history)
    plan = world.sync()
    left = {one.path for one in (*plan.conflicts, *plan.refused)} | {*plan.too_large}
    for path in world.here.entries.keys() | world.there.entries.keys():
        if not any(path == one or path.startswith(one + "/") for one in left):
            assert world.here.state(path) == world.there.state(path)
            assert world.archive[path].here == world.here.entries[path]
            assert world.archive[path].there == world.there.entries[path]


@counts
@given(histories)
def test_a_second_sync_does_nothing(history: History) -> None:
    """After a sync, another one carries nothing and leaves the same alone."""
    world = World()
    play(world, history)
    first = world.sync()
    second = world.sync()
    assert not second.send
    assert not second.fetch
    assert second.conflicts == first.conflicts
    assert second.too_large == first.too_large
    assert second.refused == first.refused


@counts
@given(histories)
def test_the_sides_are_alike(history: History) -> None:
    """With here and there exchanged, what was sent is fetched and all else is the same."""
    world = World()
    play(world, history)
    plan = world.plan()
    flipped = {path: Agreed(a.there, a.here, a.digest) for path, a in world.archive.items()}
    mirrored = World(world.there, world.here, flipped).plan()
    assert mirrored.send == plan.fetch
    assert mirrored.fetch == plan.send
    assert [one.path for one in mirrored.conflicts] == [one.path for one in plan.conflicts]
    assert mirrored.too_large == plan.too_large
    assert mirrored.refused == plan.refused
    assert mirrored.gone == plan.gone
    assert mirrored.agreed.keys() == plan.agreed.keys()


@counts
@given(histories)
def test_every_path_is_decided_once(history: History) -> None:
    """Every path of either side is in one place of the plan, or below what is left alone."""
    world = World()
    play(world, history)
    plan = world.plan()
    assert not plan.ask_here
    assert not plan.ask_there
    left = [*(one.path for one in (*plan.conflicts, *plan.refused)), *plan.too_large]
    named = [
        *(change.path for change in (*plan.send, *plan.fetch)),
        *left,
        *plan.agreed,
        *plan.gone,
    ]
    assert len(named) == len(set(named))
    blocked = tuple(path + "/" for path in left)
    for path in world.here.entries.keys() | world.there.entries.keys():
        assert path in named or path.startswith(blocked)


@counts
@given(histories, st.sets(st.sampled_from(PATHS)))
def test_what_cannot_be_read_is_not_taken_for_gone(history: History, unread: set[str]) -> None:
    """Of a path that one side could not read nothing is done on the other, nor below it."""
    world = World()
    play(world, history)
    seen = {
        path: entry
        for path, entry in world.there.entries.items()
        if not any(path.startswith(one + "/") for one in unread)
        and (path not in unread or entry.kind is Kind.DIRECTORY)
    }
    plan = reconcile(world.here.entries, world.archive, seen, limit=limit, unread=unread)
    for change in (*plan.send, *plan.fetch):
        assert not any(change.path.startswith(one + "/") for one in unread)
        assert change.entry is not None or change.path not in unread
    assert not unread & {*plan.gone}


def file(content: str, time: int = 1, *, executable: bool = False) -> Entry:
    return Entry(Kind.FILE, len(content), time, time, executable)


AGREED = Agreed(file("x", 1), file("x", 2), "x")


@pytest.mark.parametrize(
    ("here", "there", "digests", "expected"),
    [
        (file("x", 1), file("x", 2), Digests(), "agreed"),
        (file("yy", 9), file("x", 2), Digests(), "send"),
        (file("y", 9), file("x", 2), Digests({"p": "y"}), "send"),
        (file("x", 9), file("x", 2), Digests({"p": "x"}), "agreed"),
        (file("x", 9), None, Digests(), "ask_here"),
        (file("x", 9), None, Digests({"p": "x"}), "fetch"),
        (file("y", 9), None, Digests({"p": "y"}), "send"),
        (file("x", 1), None, Digests(), "fetch"),
        (file("yy", 9), None, Digests(), "send"),
        (file("x", 1), file("yy", 9), Digests(), "fetch"),
        (None, file("yy", 9), Digests(), "fetch"),
        (None, file("x", 2), Digests(), "send"),
        (None, file("x", 9), Digests(), "ask_there"),
        (None, Entry(Kind.DIRECTORY), Digests(), "fetch"),
        (file("yy", 9), file("zzz", 9), Digests(), "conflicts"),
        (file("y", 9), file("y", 8), Digests({"p": "y"}, {"p": "y"}), "agreed"),
        (file("y", 9), file("x", 8), Digests({"p": "y"}, {"p": "x"}), "send"),
        (file("x", 9), file("y", 8), Digests({"p": "x"}, {"p": "y"}), "fetch"),
        (file("far too large", 9), file("x", 2), Digests(), "too_large"),
        (file("x", 1, executable=True), file("x", 2), Digests({"p": "x"}), "send"),
        (Entry(Kind.SYMLINK, target="q"), file("x", 2), Digests(), "send"),
        (file("x", 1), file("x", 2, executable=True), Digests({}, {"p": "x"}), "fetch"),
        (Entry(Kind.SYMLINK, target="/etc"), file("x", 2), Digests(), "refused"),
        (file("x", 1), Entry(Kind.SYMLINK, target="/etc"), Digests(), "refused"),
        (file("x", 1), Entry(Kind.SYMLINK, target="q"), Digests(), "fetch"),
        (Entry(Kind.DIRECTORY), file("x", 2), Digests(), "send"),
        (Entry(Kind.DIRECTORY), file("yy", 9), Digests(), "conflicts"),
        (file("x", 1), Entry(Kind.DIRECTORY), Digests(), "fetch"),
        (file("yy", 9), Entry(Kind.DIRECTORY), Digests(), "conflicts"),
        (None, None, Digests(), "gone"),
    ],
)
def test_a_file_once_agreed_on(
    here: Entry | None, there: Entry | None, digests: Digests, expected: str
) -> None:
    """The whole table for one path that both sides agreed on before."""
    plan = reconcile(
        {"p": here} if here else {},
        {"p": AGREED},
        {"p": there} if there else {},
        limit=limit,
        digests=digests,
    )
    lists = ("send", "fetch", "agreed", "conflicts", "too_large", "refused", "gone")
    found = [name for name in (*lists, "ask_here", "ask_there") if getattr(plan, name)]
    assert found == [expected]


def test_equal_sizes_are_asked_for() -> None:
    """Two files of one size that nobody knows of are compared by digest, on both sides."""
    plan = reconcile({"p": file("x")}, {}, {"p": file("y")}, limit=limit)
    assert (plan.ask_here, plan.ask_there) == (["p"], ["p"])
    assert not plan.send


FOLDER = Agreed(Entry(Kind.DIRECTORY), Entry(Kind.DIRECTORY))
BOTH = {"d": FOLDER, "d/x": AGREED, "d/y": AGREED}


def carried(here: dict[str, Entry], there: dict[str, Entry]) -> tuple[list[str], list[str]]:
    """Return what is sent and fetched of a folder both agreed on, deletions with a minus."""
    plan = reconcile(here, BOTH, there, limit=limit)
    sides = [
        [("" if change.entry else "-") + change.path for change in changes]
        for changes in (plan.send, plan.fetch)
    ]
    return sides[0], sides[1]


def test_a_folder_goes_with_all_that_is_in_it() -> None:
    """A folder that was taken away on one side goes from the other."""
    there = {path: agreed.there for path, agreed in BOTH.items()}
    assert carried({}, there) == (["-d", "-d/x", "-d/y"], [])


def test_an_edit_keeps_its_folder() -> None:
    """Where a file of a folder taken away there was edited here, the two of them go back."""
    here = {path: agreed.here for path, agreed in BOTH.items()} | {"d/x": file("yy", 9)}
    assert carried(here, {}) == (["d", "d/x"], ["-d/y"])


def test_a_folder_becomes_a_file_only_where_nothing_in_it_is_newer() -> None:
    """A folder made a file on one side is replaced on the other, unless something in it changed."""
    there = {path: agreed.there for path, agreed in BOTH.items()}
    assert carried({"d": file("yy", 9)}, there) == (["d", "-d/x", "-d/y"], [])
    assert carried({"d": file("yy", 9)}, there | {"d/new": file("n")}) == ([], [])


def test_the_executable_bit_follows_its_last_change() -> None:
    """A bit set there only is kept by a later edit here; one changed here is sent."""
    there = AGREED.there._replace(executable=True, ctime_ns=9)
    sides = ({"p": file("yy", 9)}, {"p": AGREED}, {"p": there})
    plan = reconcile(*sides, limit=limit, digests=Digests({}, {"p": "x"}))
    assert plan.send[0].entry
    assert plan.send[0].entry.executable
    here = file("yy", 9, executable=True)
    plan = reconcile({"p": here}, {"p": AGREED}, {"p": AGREED.there}, limit=limit)
    assert plan.send[0].entry
    assert plan.send[0].entry.executable


def test_what_is_below_a_conflict_is_not_sent() -> None:
    """Where a foreign file stands in the place of our folder, only the folder is named."""
    here = {"d": Entry(Kind.DIRECTORY), "d/x": file("x"), "d-": file("x")}
    plan = reconcile(here, {}, {"d": file("yy")}, limit=limit)
    assert [left.path for left in plan.conflicts] == ["d"]
    assert [change.path for change in plan.send] == ["d-"]
