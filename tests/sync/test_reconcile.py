"""The decisions of a sync, over generated histories of two trees."""

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabdev.sync.reconcile import Agreed, Change, Digests, Plan, reconcile
from colabdev.sync.snapshot import Entry, Kind

LIMIT = 5
PATHS = ("a", "d", "d/x", "d/e", "d/e/y", "é")
CONTENTS = ("x", "y", "zz", "far too large")


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
        plan = reconcile(*sides, limit=LIMIT)
        if plan.ask_here or plan.ask_there:
            digests = Digests(
                {path: self.here.contents[path] for path in plan.ask_here},
                {path: self.there.contents[path] for path in plan.ask_there},
            )
            plan = reconcile(*sides, limit=LIMIT, digests=digests)
        return plan

    def sync(self) -> Plan:
        plan = self.plan()
        for path in plan.gone:
            del self.archive[path]
        self.archive |= plan.agreed
        for change in plan.send:
            self.apply(change)
        return plan

    def apply(self, change: Change) -> None:
        path, entry = change.path, change.entry
        assert self.there.entries.get(path) == change.expected
        parent = path.rpartition("/")[0]
        assert not parent or self.there.is_folder(parent)
        content = self.here.contents.get(path, "")
        ctime = self.now() if entry.kind is Kind.FILE else 0
        self.there.put(path, replace(entry, ctime_ns=ctime), content)
        self.archive[path] = Agreed(self.here.entries[path], self.there.entries[path], content)


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
            entry = replace(side.entries[path], ctime_ns=world.now())
            side.entries[path] = (
                replace(entry, mtime_ns=world.now())
                if what == "touch"
                else replace(entry, executable=not entry.executable)
            )
    else:
        stamp = world.now()
        side.put(path, Entry(Kind.FILE, len(what), stamp, stamp), what)


edits = st.tuples(
    st.sampled_from(["here", "here", "there"]),
    st.sampled_from(PATHS),
    st.sampled_from([*CONTENTS, "delete", "folder", "link:a", "link:../a", "touch", "chmod"]),
)
histories = st.lists(st.one_of(edits, st.just(("sync", "", ""))), max_size=14)


def play(world: World, history: list[tuple[str, str, str]]) -> None:
    for who, path, what in history:
        if who == "sync":
            world.sync()
        else:
            edit(world, world.here if who == "here" else world.there, path, what)


@settings(max_examples=500, deadline=None)
@given(histories)
def test_nothing_made_there_is_lost(history: list[tuple[str, str, str]]) -> None:
    """Whatever was edited there since the last agreement stands there after every sync."""
    world = World()
    made_there: dict[str, tuple[Kind, str, str] | None] = {}
    for who, path, what in history:
        if who == "sync":
            plan = world.sync()
            for path, state in made_there.items():
                assert world.there.state(path) == state
            kept = {left.path for left in plan.conflicts} | {*plan.changed_there}
            agreed = {*plan.agreed, *(change.path for change in plan.send)}
            assert not kept & agreed
            for path in agreed:  # ours and theirs from here on: what we left may be replaced
                made_there.pop(path, None)
        elif who == "here":
            edit(world, world.here, path, what)
        else:
            before = {path: world.there.state(path) for path in world.there.entries}
            edit(world, world.there, path, what)
            for path in before.keys() | world.there.entries.keys():
                if world.there.state(path) != before.get(path):
                    made_there[path] = world.there.state(path)
                    if made_there[path] is None:
                        del made_there[path]


@settings(max_examples=300, deadline=None)
@given(histories)
def test_a_second_sync_does_nothing(history: list[tuple[str, str, str]]) -> None:
    """After a sync, another one sends nothing, asks for nothing new, and finds the same."""
    world = World()
    play(world, history)
    first = world.sync()
    second = world.sync()
    assert not second.send
    assert second.conflicts == first.conflicts
    assert second.changed_there == first.changed_there
    assert second.too_large == first.too_large
    assert second.refused == first.refused


@settings(max_examples=300, deadline=None)
@given(histories)
def test_without_edits_there_the_trees_agree(history: list[tuple[str, str, str]]) -> None:
    """When only the laptop edits, all of its tree stands there, but what is too large or refused.

    What stands in the way of a file is at most a folder that an earlier sync made there.
    """
    world = World()
    play(world, [step for step in history if step[0] != "there"])
    plan = world.sync()
    assert not plan.changed_there
    for left in plan.conflicts:
        assert world.there.entries[left.path].kind is Kind.DIRECTORY
    apart = {left.path for left in (*plan.conflicts, *plan.refused)} | {*plan.too_large}
    for path in world.here.entries.keys() - apart:
        assert world.there.state(path) == world.here.state(path)


@settings(max_examples=300, deadline=None)
@given(histories)
def test_every_path_is_decided_once(history: list[tuple[str, str, str]]) -> None:
    """Every path of either side is in one place of the plan, or below a conflict."""
    world = World()
    play(world, history)
    plan = world.plan()
    assert not plan.ask_here
    assert not plan.ask_there
    named = [
        *(change.path for change in plan.send),
        *plan.agreed,
        *(left.path for left in (*plan.conflicts, *plan.refused)),
        *plan.changed_there,
        *plan.too_large,
        *plan.gone,
    ]
    assert len(named) == len(set(named))
    blocked = tuple(left.path + "/" for left in plan.conflicts)
    for path in world.here.entries:
        assert path in named or path.startswith(blocked)


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
        (file("x", 9), None, Digests(), "send"),
        (file("x", 1), file("yy", 9), Digests(), "changed_there"),
        (None, file("yy", 9), Digests(), "changed_there"),
        (None, file("x", 2), Digests(), "nothing"),
        (file("yy", 9), file("zzz", 9), Digests(), "conflicts"),
        (file("y", 9), file("y", 8), Digests({"p": "y"}, {"p": "y"}), "agreed"),
        (file("y", 9), file("x", 8), Digests({"p": "y"}, {"p": "x"}), "send"),
        (file("x", 9), file("y", 8), Digests({"p": "x"}, {"p": "y"}), "changed_there"),
        (file("far too large", 9), file("x", 2), Digests(), "too_large"),
        (file("x", 1, executable=True), file("x", 2), Digests({"p": "x"}), "send"),
        (Entry(Kind.SYMLINK, target="q"), file("x", 2), Digests(), "send"),
        (Entry(Kind.SYMLINK, target="/etc"), file("x", 2), Digests(), "refused"),
        (Entry(Kind.DIRECTORY), file("x", 2), Digests(), "send"),
        (Entry(Kind.DIRECTORY), file("yy", 9), Digests(), "conflicts"),
        (file("x", 1), Entry(Kind.DIRECTORY), Digests(), "conflicts"),
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
        limit=LIMIT,
        digests=digests,
    )
    lists = ("send", "agreed", "conflicts", "changed_there", "too_large", "refused", "gone")
    found = [name for name in (*lists, "ask_here", "ask_there") if getattr(plan, name)]
    assert found == ([] if expected == "nothing" else [expected])


def test_equal_sizes_are_asked_for() -> None:
    """Two files of one size that nobody knows of are compared by digest, on both sides."""
    plan = reconcile({"p": file("x")}, {}, {"p": file("y")}, limit=LIMIT)
    assert (plan.ask_here, plan.ask_there) == (["p"], ["p"])
    assert not plan.send


def test_the_executable_bit_follows_its_last_change() -> None:
    """A bit set there only is kept by a later edit here; one changed here is sent."""
    there = replace(AGREED.there, executable=True, ctime_ns=9)
    sides = ({"p": file("yy", 9)}, {"p": AGREED}, {"p": there})
    plan = reconcile(*sides, limit=LIMIT, digests=Digests({}, {"p": "x"}))
    assert plan.send[0].entry.executable
    here = file("yy", 9, executable=True)
    plan = reconcile({"p": here}, {"p": AGREED}, {"p": AGREED.there}, limit=LIMIT)
    assert plan.send[0].entry.executable


def test_what_is_below_a_conflict_is_not_sent() -> None:
    """Where a foreign file stands in the place of our folder, only the folder is named."""
    here = {"d": Entry(Kind.DIRECTORY), "d/x": file("x"), "d-": file("x")}
    plan = reconcile(here, {}, {"d": file("yy")}, limit=LIMIT)
    assert [left.path for left in plan.conflicts] == ["d"]
    assert [change.path for change in plan.send] == ["d-"]
