"""The replica seam: a directory here and one elsewhere behave alike, and neither is trusted."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from colabdev.errors import ProtocolError, RemoteError, RemoteFailure, SyncHalted
from colabdev.payload import replica as wire
from colabdev.remote.local import LocalProcess, LocalTransport
from colabdev.sync.carried import Carried
from colabdev.sync.contents import LocalContents, Meter
from colabdev.sync.engine import sync
from colabdev.sync.far import RemoteReplica
from colabdev.sync.reconcile import Change
from colabdev.sync.replica import LocalReplica, Replica
from colabdev.sync.snapshot import Entry, Kind, Left, from_rows, shown
from tests.sync.conftest import PEER, Far
from tests.sync.trees import Link, Tree, read, stages, write

# --- the twins


@pytest.fixture(params=["directory", "by path", "elsewhere"])
def replica(request: pytest.FixtureRequest, far: Far) -> Iterator[Replica]:
    """Lend the folder of *far* as each of the two bindings, the first in both of its ways."""
    far.folder.mkdir(parents=True)
    with (
        RemoteReplica(far.transport, str(far.folder))
        if request.param == "elsewhere"
        else LocalReplica(far.folder, by_path=request.param == "by path")
    ) as lent:
        yield lent


def put(project: Path, paths: Sequence[str], there: dict[str, Entry]) -> LocalContents:
    """Return the contents that carry *paths* of *project* onto what is *there*."""
    with LocalReplica(project) as here:
        entries = here.snapshot(wire.Rules()).entries
    changes = [Change(path, entries[path], there.get(path)) for path in paths]
    return LocalContents(project, changes, lambda _path: 1_000_000, Meter())


def test_a_snapshot_tells_what_is_there(replica: Replica, far: Far) -> None:
    """Files, folders and links are listed with what matters of each; the state folder is not."""
    write(far.folder, {"a": b"12345", "d/b": b"", "l": Link("a"), ".colabdev/x": b""})
    (far.folder / "d/b").chmod(0o755)
    entries = replica.snapshot(wire.Rules()).entries
    assert {path: entry.kind.value for path, entry in entries.items()} == {
        "a": "f",
        "d": "d",
        "d/b": "f",
        "l": "l",
    }
    status = (far.folder / "a").stat()
    assert entries["a"] == Entry(Kind.FILE, 5, status.st_mtime_ns, status.st_ctime_ns)
    assert (entries["d/b"].executable, entries["l"].target) == (True, "a")


def test_digests_are_of_what_was_listed(replica: Replica, far: Far) -> None:
    """A file that changed since it was listed has no digest, nor one that went or is a link."""
    write(far.folder, {"a": b"a", "changed": b"a", "gone": b"a", "replaced": b"a"})
    replica.snapshot(wire.Rules())
    (far.folder / "changed").write_bytes(b"b")
    (far.folder / "gone").unlink()
    (far.folder / "replaced").unlink()
    (far.folder / "replaced").symlink_to("a")
    digests = replica.digests(["a", "changed", "gone", "replaced"])
    assert digests == {"a": hashlib.sha256(b"a").hexdigest()}


def test_applying_tells_what_became(replica: Replica, far: Far, project: Path) -> None:
    """Each change ends as done, with what stands there now, or as changed, with the reason."""
    write(project, {"new": b"new", "old": b"better", "moved": b"m", "d/x": b"x", "l": Link("new")})
    write(far.folder, {"old": b"old", "moved": b"moved"})
    there = dict(replica.snapshot(wire.Rules()).entries)
    (far.folder / "moved").write_bytes(b"meanwhile")
    contents = put(project, ["d", "d/x", "l", "moved", "new", "old"], there)
    carried = Carried(contents).account(replica.apply(contents.frames()))
    assert carried.left("changed") == [Left("moved", "it was changed during the sync")]
    done = {path: became for path, _, became in carried.done()}
    assert done.keys() == {"d", "d/x", "l", "new", "old"}
    with LocalReplica(far.folder) as after:
        entries = after.snapshot(wire.Rules()).entries
    assert all(became == entries[path] for path, became in done.items())
    assert read(far.folder) == {**read(project), "moved": b"meanwhile"}
    assert stages(far.folder) == []


def test_contents_travel_from_one_to_the_other(replica: Replica, far: Far, project: Path) -> None:
    """What is asked of a tree arrives in another one as it stands; what cannot come is told."""
    tree: Tree = {
        "a": b"a" * 700_000,
        "d/x": b"x",
        "l": Link("a"),
        "e": None,
        "gone": b"g",
        "grew": b"g",
    }
    write(far.folder, tree)
    entries = replica.snapshot(wire.Rules()).entries
    (far.folder / "gone").unlink()
    (far.folder / "grew").write_bytes(b"far more than it may have")
    changes = [Change(path, entries[path], None) for path in sorted(entries)]
    steps: list[int] = []
    meter = Meter(0, lambda done, _total: steps.append(done))
    contents = replica.contents(changes, lambda path: 10 if path == "grew" else 10**6, meter)
    with LocalReplica(project) as here:
        outcomes = here.apply(contents.frames())
    assert {outcome.path for outcome in outcomes} == contents.sent.keys() == {*read(project)}
    assert [left.path for left in contents.skipped] == ["gone", "grew"]
    assert read(project) == {k: v for k, v in read(far.folder).items() if k != "grew"}
    assert steps[-1] == 700_001
    assert contents.sent["a"].digest == hashlib.sha256(b"a" * 700_000).hexdigest()


def test_nothing_is_taken_away_but_what_is_expected(replica: Replica, far: Far) -> None:
    """What changed since the listing, or holds something, stays; what is gone already is gone."""
    write(far.folder, {"a": b"a", "b": b"b", "c": b"c", "d/x": b"x", "d/y": b"y", "e": None})
    entries = replica.snapshot(wire.Rules()).entries
    (far.folder / "b").write_bytes(b"changed")
    (far.folder / "c").unlink()
    (far.folder / "d/y").unlink()
    (far.folder / "d/y").symlink_to("x")
    changes = [Change(path, None, entry) for path, entry in entries.items()]
    contents = LocalContents(far.folder, changes, lambda _: 0, Meter())
    carried = Carried(contents).account(replica.apply(contents.frames()))
    assert {path for path, *_ in carried.done()} == {"a", "c", "d/x", "e"}
    assert sorted(left.path for left in carried.left("changed")) == ["b", "d/y"]
    assert [left.path for left in carried.left("kept")] == ["d"]
    assert read(far.folder) == {"b": b"changed", "d": None, "d/y": Link("x")}


def test_contents_that_arrive_damaged_change_nothing(
    replica: Replica, far: Far, project: Path
) -> None:
    """A stream with a wrong digest is refused as a whole."""
    write(project, {"a": b"a" * 1000, "b": b"b" * 1000})
    replica.snapshot(wire.Rules())
    frames = [
        (kind, body.replace(b"b" * 1000, b"B" * 1000))
        for kind, body in put(project, ["a", "b"], {}).frames()
    ]
    with pytest.raises((RemoteFailure, SyncHalted), match="did not arrive as it was sent"):
        replica.apply(frames)
    assert (read(far.folder), stages(far.folder)) == ({}, [])


def test_a_folder_that_is_gone_is_one_sentence(folder: Path) -> None:
    """Listing a directory here that does not exist is an error for the user."""
    with LocalReplica(folder / "gone") as replica, pytest.raises(SyncHalted, match="gone"):
        replica.snapshot(wire.Rules())


# --- a far side that lies

PRELUDE = (
    "import hashlib, itertools, json, lzma, os, struct, sys, zlib\n"
    "out = sys.stdout.buffer\n"
    "def send(kind, body): out.write(struct.pack('>cI', kind, len(body)) + body); out.flush()\n"
    "def pack(value): return zlib.compress(json.dumps(value).encode())\n"
    "def rows(*found): send(b's', pack(list(found)))\n"
    "def row(path, kind='f', size=1, mtime=0, ctime=0, bit=False, target=''):\n"
    "    return [path, kind, size, mtime, ctime, bit, target]\n"
    "def end(): send(b'S', pack({'problems': [], 'now': 1}))\n"
    "def drain():\n"
    "    while os.read(0, 65536): pass\n"
    "def receive():\n"
    "    kind, size = struct.unpack('>cI', sys.stdin.buffer.read(5))\n"
    "    sys.stdin.buffer.read(size)\n"
    "    return kind\n"
    "def drain_to_end():\n"
    "    while receive() != b'.': pass\n"
    "def outcome(value):\n"
    "    end(); drain_to_end(); send(b'a', pack([value])); send(b'.', b'')\n"
    "def brief(*later):\n"
    "    end(); drain_to_end(); send(b'A', pack(later)); send(b'.', b'')\n"
    "def frame(kind, body): return struct.pack('>cI', kind, len(body)) + body\n"
    "def put(*words, **more):\n"
    "    return frame(b'p', json.dumps([row(*words, **more), None]).encode())\n"
    "data = frame(b'c', b'x')\n"
    "done = frame(b'f', hashlib.sha256(b'x').digest())\n"
    "def blocks(start, size): return frame(b'k', struct.pack('>QQ', start, size))\n"
    "def batch(rows, contents):\n"
    "    listed = json.dumps([[one, None] for one in rows]).encode()\n"
    "    body = struct.pack('>I', len(listed)) + listed + contents\n"
    "    return frame(b'b', hashlib.sha256(body).digest() + body)\n"
    "def strong(contents):\n"
    f"    filters = {wire.strong_filters()!r}\n"
    "    return lzma.compress(contents, lzma.FORMAT_RAW, filters=filters)\n"
    "def give(contents, left=()):\n"
    "    rows(row('t')); end()\n"
    "    assert receive() == b'g'\n"
    "    send(b'r', contents); send(b'G', pack(left)); drain_to_end()\n"
    "out.write(b'\\0colabdev replica 1\\n')\n"
)

LIES = {
    "absolute": "rows(row('/etc/passwd'))",
    "climbing": "rows(row('../x'))",
    "climbing inside": "rows(row('a', 'd', 0), row('a/../../x'))",
    "empty path": "rows(row(''))",
    "empty part": "rows(row('a', 'd', 0), row('a//b'))",
    "NUL": "rows(row('a\\0b'))",
    "state folder": "rows(row('.colabdev', 'd', 0))",
    "git folder": "rows(row('.GIT', 'd', 0))",
    "too long": "rows(row('x' * 5000))",
    "lone surrogate": "rows(row('\\ud800'))",
    "twice": "rows(row('a'), row('a'))",
    "in no folder": "rows(row('a/b'))",
    "below a file": "rows(row('a'), row('a/b'))",
    "unknown kind": "rows(row('a', 'x'))",
    "negative size": "rows(row('a', size=-1))",
    "endless number": "rows(row('a', size=10 ** 400))",
    "a number for a bit": "rows(row('a', bit=1))",
    "a bit for a number": "rows(row('a', size=True))",
    "a target of a file": "rows(row('a', target='b'))",
    "too short a row": "rows(['a', 'f'])",
    "no row": "rows('a')",
    "no list": "send(b's', pack(7))",
    "an object": "send(b's', pack({'a': 1}))",
    "a bomb": "send(b's', zlib.compress(bytes(200_000_000)))",
    "deep nesting": "send(b's', zlib.compress(b'[' * 10 ** 6))",
    "no compression": "send(b's', b'[]')",
    "no JSON": "send(b's', zlib.compress(b'nonsense'))",
    "cut compression": "send(b's', pack([])[:-3])",
    "a huge length": "out.write(b's' + bytes([255] * 4)); out.flush(); drain()",
    "less than it says": "out.write(struct.pack('>cI', b's', 100) + b'x')",
    "an unknown message": "send(b'?', pack([]))",
    "the end too early": "pass",
    "a damaged error": "send(b'E', b'{}')",
    "an error": 'send(b\'E\', b\'{"kind": "k", "message": "m", "hint": 7}\')',
    "problems of no form": "send(b'S', pack([7]))",
    "a clock beyond all bounds": "send(b'S', pack({'problems': [], 'now': 1e999}))",
    "a clock of no form": "send(b'S', pack({'problems': [], 'now': [1]}))",
    "no outcome": "end(); drain_to_end(); send(b'.', b'')",
    "an outcome of nothing": "outcome(['other', 'done', row('other'), ''])",
    "an outcome without entry": "outcome(['a', 'done', None, ''])",
    "an outcome of no state": "outcome(['a', 'fine', row('a'), ''])",
    "an outcome of no form": "outcome(7)",
    "more done than was sent": "brief(0, 0)",
    "a change beyond all time": "brief(1 << 61 | 1)",
    "a change of no number": "brief('1')",
    "gone before the contents": "end(); os.close(0)",
    "an error among the contents": (
        "end(); os.read(0, 9)\n"
        "send(b'E', json.dumps({'kind': 'full', 'message': 'm', 'hint': ''}).encode())"
    ),
    "a file nobody asked for": "give(put('b') + data + done)",
    "a path that climbs": "give(put('../x') + data + done)",
    "a link for a file": "give(put('t', 'l', 0, target='/etc'))",
    "a folder for a file": "give(put('t', 'd', 0))",
    "a file that grew beyond all bounds": "give(put('t', size=10 ** 15) + data + done)",
    "more than was announced": "give(put('t') + data + data + done)",
    "less than was announced": "give(put('t') + done)",
    "another content": "give(put('t') + frame(b'c', b'y') + done)",
    "the same file twice": "give((put('t') + data + done) * 2)",
    "half a file": "give(put('t') + data)",
    "something taken away": "give(frame(b'x', json.dumps(['a', row('a')]).encode()))",
    "contents of no file": "give(data + done)",
    "no contents at all": "give(b'')",
    "blocks of a base that was not told": "give(put('t') + blocks(0, 1) + done)",
    "a batch nobody asked for": "give(batch([row('b')], b'x'))",
    "a batch that climbs": "give(batch([row('../x')], b'x'))",
    "a batch with a link": "give(batch([row('t', 'l', 0, target='/etc')], b''))",
    "a batch with the same file twice": "give(batch([row('t'), row('t')], b'xy'))",
    "a batch beyond all bounds": "give(batch([row('t', size=10 ** 15)], b'x'))",
    "a batch with another content": "give(batch([row('t')], b'x')[:-1] + b'y')",
    "a batch inside a file": "give(put('t') + batch([row('t')], b'x'))",
    "a strong stream of nonsense": "rows(row('t')); end(); receive(); send(b'l', b'nonsense')",
    "a strong stream without end": (
        "rows(row('t')); end(); receive()\n"
        "send(b'l', strong(batch([row('t')], b'x'))[:-1]); send(b'G', pack([])); drain_to_end()"
    ),
    "a strong bomb": "rows(row('t')); end(); receive(); send(b'l', strong(bytes(200_000_000)))",
    "a bomb for contents": "rows(row('t')); end(); send(b'z', zlib.compress(bytes(20_000_000)))",
    "contents for ever": "give(b''.join(put('t') + frame(b'f', b'') for _ in range(9)) + put('u'))",
    "leftovers of no form": "give(b'', 7)",
    "digests of no form": "rows(row('a', size=6)); end(); send(b'D', pack([1]))",
    "digests unasked": "rows(row('a', size=6)); end(); send(b'a', pack({}))",
}


ENDLESS = {
    "an empty list for ever": "for _ in itertools.count(): rows()",
    "an endless list": (
        "for n in itertools.count(): rows(*(row(f'{n}-{m}') for m in range(20_000)))"
    ),
    "endless names": (
        "for n in range(20): rows(*(row(f'{n}-{m}' + 'x' * 4000) for m in range(4000)))\nend()"
    ),
    "outcomes for ever": (
        "end(); drain_to_end()\n"
        "for _ in itertools.count():\n"
        "    send(b'a', pack([['a', 'done', row('a'), '']] * 20_000))"
    ),
}


class Liar(LocalTransport):
    """A transport whose far side is a script of the test's own."""

    def __init__(self, script: str) -> None:
        self._script = script

    def start(self, argv: Sequence[str]) -> LocalProcess:  # noqa: ARG002 - the seam's signature
        return LocalProcess([sys.executable, "-c", self._script])


@pytest.mark.parametrize("lie", LIES)
def test_a_far_side_that_lies_is_found_out(lie: str, project: Path, far: Far) -> None:
    """Whatever comes from there ends in a clear error, and nothing here is touched.

    The project, the archive and all around it stay as they were, and an honest sync goes on.
    """
    write(project, {"a": b"honest"})
    before = read(project.parent)
    with pytest.raises((RemoteError, SyncHalted)) as failure:
        sync(project, Liar(PRELUDE + LIES[lie]), str(far.folder), peer=PEER)
    assert failure.value.message
    assert len(failure.value.message) < 1000
    after = {path: node for path, node in read(project.parent).items() if ".colabdev" not in path}
    assert after == before
    assert not (project / ".colabdev" / "sync" / f"{PEER}.json").exists()
    assert far.sync(project).sent == ("a",)


@pytest.mark.parametrize("said", ["/" * 56 + "dev/zero", "../" * 20 + "file", "A" * 64, 7])
def test_what_is_no_digest_is_none(said: object, folder: Path) -> None:
    """By digests files of ours are named: none of them is a path."""
    answer = f"rows(row('a')); end(); receive(); send(b'D', pack({{'a': {said!r}}}))"
    with RemoteReplica(Liar(PRELUDE + answer), str(folder / "far")) as there:
        there.snapshot(wire.Rules())
        assert there.digests(["a"]) == {}


@pytest.mark.parametrize("lie", ENDLESS)
def test_a_far_side_without_end_is_stopped(lie: str, project: Path, far: Far) -> None:
    """Lists that would fill the laptop's memory are given up long before."""
    write(project, {"a": b"honest"})
    with pytest.raises(ProtocolError, match="has no end"):
        sync(project, Liar(PRELUDE + ENDLESS[lie]), str(far.folder), peer=PEER)


def test_a_foreign_program_is_no_replica(project: Path, far: Far) -> None:
    """A far side that says something else altogether, at any length, is a ProtocolError."""
    write(project, {"a": b"a"})
    for script in ("print('Welcome!')", "while True: print('Welcome!' * 1000)"):
        with pytest.raises(ProtocolError):
            sync(project, Liar(script), str(far.folder), peer=PEER)


def test_a_program_that_cannot_start_says_why(project: Path, far: Far) -> None:
    """A machine without Python ends the sync with what its shell said of it."""

    class Bare(LocalTransport):
        def start(self, argv: Sequence[str]) -> LocalProcess:  # noqa: ARG002 - the seam's signature
            return LocalProcess(["sh", "-c", "exec no-python-here"])

    write(project, {"a": b"a"})
    for _ in range(5):  # whether the request finds it still there or not
        with pytest.raises(ProtocolError, match=r"did not start .*no-python-here"):
            sync(project, Bare(), str(far.folder), peer=PEER)


def test_a_lying_digest_costs_only_the_liar(project: Path, far: Far) -> None:
    """A far side that claims to hold the same gets nothing, and nothing changes here."""
    write(project, {"a": b"honest"})
    digest = hashlib.sha256(b"honest").hexdigest()
    script = PRELUDE + (
        "rows(row('a', size=6)); end(); receive()\n"
        f"send(b'D', pack({{'a': '{digest}', '../x': '{digest}'}}))"
    )
    assert sync(project, Liar(script), str(far.folder), peer=PEER).unchanged == 1
    assert (project / "a").read_bytes() == b"honest"


def test_a_greeting_of_the_shell_is_skipped(project: Path, far: Far) -> None:
    """What a start-up file prints before the program's hello does no harm."""

    class Greeting(LocalTransport):
        def start(self, argv: Sequence[str]) -> LocalProcess:
            return LocalProcess(["sh", "-c", 'echo "Welcome!"; exec "$@"', "sh", *argv])

    write(project, {"a": b"a"})
    assert sync(project, Greeting(), str(far.folder), peer=PEER).sent == ("a",)


# --- names and rows


def test_names_are_shown_without_control_characters() -> None:
    """A name in a message is on one line, has no escapes for a terminal, and can be encoded."""
    text = shown("한글\n\x1b[31m\udcff\u202e")
    assert text == "한글\\n\\x1b[31m\\udcff\\u202e"
    text.encode()


def test_rows_come_folder_first() -> None:
    """A listing in which an entry comes before its folder is refused."""
    with pytest.raises(ValueError, match="is in no folder"):
        from_rows([["a/b", "f", 0, 0, 0, False, ""], ["a", "d", 0, 0, 0, False, ""]])
