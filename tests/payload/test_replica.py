"""The far program of a sync, as a laptop of any kind would talk to it."""

import hashlib
import json
import lzma
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colabdev.errors import ProtocolError, RemoteFailure
from colabdev.payload import replica
from colabdev.remote.frames import Conversation, pack
from colabdev.remote.local import LocalProcess, LocalTransport
from colabdev.remote.program import program


def row(path: str, kind: str = "f", size: int = 1, target: str = "") -> list[Any]:
    return [path, kind, size, 0, 0, False, target]


def header(announced: object, expected: object = None) -> bytes:
    return pack(b"p", json.dumps([announced, expected]).encode())


def whole(path: str, data: bytes = b"x") -> bytes:
    """Return the frames that carry one new file."""
    digest = hashlib.sha256(data).digest()
    return header(row(path, size=len(data))) + pack(b"c", data) + pack(b"f", digest)


def based(path: str, size: int) -> bytes:
    """Return the header of a file that takes blocks from what stands there, whatever it is."""
    expected = row(path, size=4)
    return pack(b"p", json.dumps([row(path, size=size), expected, True]).encode())


def batch(rows: object, contents: bytes, digest: bytes | None = None) -> bytes:
    """Return the frame that carries small files, each where nothing is expected."""
    listed = [[one, None] for one in rows] if isinstance(rows, list) else rows
    text = json.dumps(listed).encode()
    body = struct.pack(">I", len(text)) + text + contents
    return pack(b"b", (digest or hashlib.sha256(body).digest()) + body)


def strong(contents: bytes) -> bytes:
    """Return *contents* as a whole strong stream."""
    return lzma.compress(contents, lzma.FORMAT_RAW, filters=replica.strong_filters())


class Session:
    """A conversation with the program about *root*."""

    def __init__(self, process: LocalProcess, root: Path) -> None:
        self.process = process
        self.talk = Conversation(process, "replica")
        self.root = root

    def open(self, rules: object = ()) -> dict[str, list[Any]]:
        """Ask for the listing and return its rows by path."""
        self.talk.send(b"q", replica.pack_json({"root": str(self.root), "rules": rules}))
        self.talk.greet()
        rows: dict[str, list[Any]] = {}
        while True:
            kind, body = self.talk.receive()
            if kind == b"S":
                return rows
            rows.update((found[0], found) for found in replica.unpack_json(body))

    def send(self, contents: bytes) -> None:
        self.talk.send(b"r", contents)

    def finish(self) -> list[Any]:
        """End the contents and return the outcomes."""
        self.talk.send(b".", b"")
        outcomes: list[Any] = []
        while True:
            kind, body = self.talk.receive()
            if kind == b".":
                assert self.process.wait() == 0
                return outcomes
            outcomes += replica.unpack_json(body)


@pytest.fixture
def session(folder: Path) -> Iterator[Session]:
    """Lend a session with the real program, about an empty root."""
    root = folder / "root"
    root.mkdir()
    with LocalTransport() as transport:
        process = transport.start(program("replica"))
        yield Session(process, root)
        process.close()
        assert not list((root / ".colabdev").glob("stage-*"))
        assert process.errors() == b""


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_contents_are_put_in_place(session: Session) -> None:
    """What is announced, sent and confirmed stands there afterwards, compressed or not."""
    session.open()
    session.send(whole("a", b"raw") + header(row("d", "d", 0)))
    session.talk.send(b"z", zlib.compress(whole("d/b", b"packed") + whole("empty", b"")))
    outcomes = session.finish()
    assert [(path, state) for path, state, *_ in outcomes] == [
        ("a", "done"),
        ("d", "done"),
        ("d/b", "done"),
        ("empty", "done"),
    ]
    assert tree(session.root) == {"a": b"raw", "d/b": b"packed", "empty": b""}


BAD = {
    "absolute path": header(row("/etc/x")),
    "climbing path": header(row("../x")),
    "climbing inside": header(row("a/../../x")),
    "NUL": header(row("a\0b")),
    "empty path": header(row("")),
    "our own folder": header(row(".colabdev/stage-1/x")),
    "git's folder": header(row(".git/hooks/post-checkout")),
    "a link to the root": header(row("l", "l", 0, "/")),
    "a link that climbs": header(row("d/l", "l", 0, "../../x")),
    "a link that climbs late": header(row("l", "l", 0, "d/../../x")),
    "a link without target": header(row("l", "l", 0)),
    "an unknown kind": header(row("p", "?", 0)),
    "a header of no form": pack(b"p", b"7"),
    "no header": pack(b"p", b"nonsense"),
    "nested": pack(b"p", b"[" * 100_000),
    "data of no file": pack(b"c", b"x"),
    "an end of no file": pack(b"f", b"x" * 32),
    "a file in a file": header(row("a")) + header(row("b")),
    "more than announced": header(row("a")) + pack(b"c", b"xx"),
    "less than announced": header(row("a", size=5)) + pack(b"c", b"x") + pack(b"f", bytes(32)),
    "a wrong digest": header(row("a")) + pack(b"c", b"x") + pack(b"f", bytes(32)),
    "an unknown piece": pack(b"?", b""),
    "a cut piece": whole("a")[:-1],
    "a cut header": whole("a") + b"p",
    "blocks of nothing": header(row("a")) + pack(b"k", struct.pack(">QQ", 0, 1)),
    "blocks beyond the end": based("base", 4) + pack(b"k", struct.pack(">QQ", 0, 5)),
    "blocks from elsewhere": based("base", 4) + pack(b"k", struct.pack(">QQ", 2, 1)),
    "blocks without end": based("base", 4) + pack(b"k", struct.pack(">QQ", 0, (1 << 64) - 1)),
    "blocks of no form": based("base", 4) + pack(b"k", b"x"),
    "blocks of no file": pack(b"k", struct.pack(">QQ", 0, 1)),
    "a batch with a wrong digest": batch([row("a")], b"x", digest=bytes(32)),
    "a batch that climbs": batch([row("a"), row("../x")], b"xx"),
    "a batch with git's folder": batch([row(".git/hooks/post-checkout")], b"x"),
    "a batch with a link": batch([row("l", "l", 0, "/etc")], b""),
    "a batch with a folder": batch([row("d", "d", 0)], b""),
    "a batch with less than it says": batch([row("a", size=9)], b"x"),
    "a batch with more than it says": batch([row("a")], b"xx"),
    "a batch of a size below nothing": batch([row("a", size=-1), row("b", size=2)], b"x"),
    "a batch of no form": batch(7, b""),
    "a batch of no files": batch([7], b""),
    "a batch with a list that is too long": pack(
        b"b", hashlib.sha256(b"\xff" * 9).digest() + b"\xff" * 9
    ),
    "half a batch": pack(b"b", b"x" * 10),
    "a batch in a file": header(row("a")) + batch([row("b")], b"x"),
    "a lying length": struct.pack(">cI", b"c", 1 << 31) + b"x",
}


@pytest.mark.parametrize("bad", BAD)
def test_a_damaged_stream_changes_nothing(bad: str, session: Session, folder: Path) -> None:
    """Contents that are not as agreed are refused as a whole, whatever came before them."""
    (folder / "x").write_bytes(b"outside")
    session.open()
    session.send(whole("good"))
    session.send(BAD[bad])
    with pytest.raises(RemoteFailure) as failure:
        session.talk.receive()
    assert failure.value.kind == "damaged"
    assert session.process.wait() == 1
    assert tree(session.root) == {}
    assert tree(folder) == {"x": b"outside"}


@pytest.mark.parametrize(
    "packed",
    [
        b"no stream of LZMA",
        strong(pack(b"c", b"x")),
        strong(whole("a")[:-1]),
        strong(whole("a"))[:-9],
        strong(struct.pack(">cI", b"c", 1 << 31)),
        strong(batch([row("../x")], b"x")),
    ],
)
def test_a_damaged_strong_stream_changes_nothing(packed: bytes, session: Session) -> None:
    """What is one stream from the first to the last piece is refused like any other."""
    session.open()
    session.send(whole("good"))
    session.talk.send(b"l", packed)
    with pytest.raises(RemoteFailure) as failure:
        session.finish()
    assert failure.value.kind == "damaged"
    assert tree(session.root) == {}


def test_a_strong_stream_may_swell_no_further_than_its_frames(session: Session) -> None:
    """A bomb is opened piece by piece and ends where it says what cannot be."""
    session.open()
    session.talk.send(b"l", strong(bytes(300_000_000)))
    with pytest.raises(RemoteFailure) as failure:
        session.finish()
    assert failure.value.kind == "damaged"


def test_a_new_folder_comes_whole_or_among_what_is_there(session: Session) -> None:
    """A folder that is made there meanwhile keeps what is in it, and takes what comes."""
    session.open()
    folders = [
        row("new", "d", 0),
        row("new/sub", "d", 0),
        row("met", "d", 0),
        row("met/sub", "d", 0),
    ]
    contents = b"".join(map(header, folders))
    files = [row(f"{place}/{name}") for place in ("new/sub", "met", "met/sub") for name in "ab"]
    session.send(contents + batch(files, b"123456") + header(row("met/l", "l", 0, "a")))
    (session.root / "met").mkdir()
    (session.root / "met" / "b").write_bytes(b"by a job")
    outcomes = {path: (state, found) for path, state, found, _ in session.finish()}
    states = {path: state for path, (state, _) in outcomes.items()}
    assert states.pop("met/b") == "changed"
    assert set(states.values()) == {"done"}
    assert set(states) == {*(one[0] for one in (*folders, *files)), "met/l"} - {"met/b"}
    assert tree(session.root) == {
        "new/sub/a": b"1",
        "new/sub/b": b"2",
        "met/a": b"3",
        "met/b": b"by a job",
        "met/l": b"3",
        "met/sub/a": b"5",
        "met/sub/b": b"6",
    }
    for path, (state, found) in outcomes.items():
        place = session.root / path
        if state == "done" and place.is_file() and not place.is_symlink():
            assert found == replica.make_row(path, place.lstat())


def test_what_stands_in_the_way_of_a_new_folder_stays(session: Session) -> None:
    """A file or a link where a new folder should go stays, and nothing goes through it."""
    session.open()
    outside = session.root.parent / "outside"
    outside.mkdir()
    session.send(header(row("f", "d", 0)) + header(row("l", "d", 0)))
    session.send(batch([row("f/a"), row("l/a"), row("g")], b"xyz"))
    (session.root / "f").write_bytes(b"a file")
    (session.root / "l").symlink_to(outside)
    states = {path: state for path, state, *_ in session.finish()}
    assert states == {
        "f": "changed",
        "f/a": "changed",
        "l": "changed",
        "l/a": "changed",
        "g": "done",
    }
    assert tree(session.root.parent) == {"root/f": b"a file", "root/g": b"z"}
    assert list(outside.iterdir()) == []


def test_names_a_new_folder_does_not_take_are_refused(session: Session) -> None:
    """What has an impossible name in a new folder is refused by itself; its neighbours arrive."""
    session.open()
    long, folder = "d/" + "n" * 300, "d/" + "m" * 300
    session.send(b"".join(header(row(path, "d", 0)) for path in ("d", "d/e", folder)))
    files = [row(path) for path in ("d/a", long, "d/e/a", f"{folder}/a")]
    session.send(batch(files, b"1234") + header(row(long + "l", "l", 0, "a")))
    session.send(whole("d/" + "o" * 300, bytes(70_000)) + whole("d/b"))
    states = {path[:5]: state for path, state, *_ in session.finish()}
    assert states == {
        "d": "done",
        "d/a": "done",
        "d/b": "done",
        "d/e": "done",
        "d/e/a": "done",
        "d/nnn": "refused",
        "d/mmm": "refused",
        "d/ooo": "refused",
    }
    assert tree(session.root) == {"d/a": b"1", "d/e/a": b"3", "d/b": b"x"}


def test_a_very_deep_tree_arrives(session: Session) -> None:
    """Folders in folders are staged as one only so far down."""
    session.open()
    paths = ["/".join("d" * depth) for depth in range(1, 300)]
    session.send(b"".join(header(row(path, "d", 0)) for path in paths))
    session.send(batch([row(path + "/f") for path in paths], b"x" * len(paths)))
    assert {state for _, state, *_ in session.finish()} == {"done"}
    assert len(tree(session.root)) == len(paths)


def test_a_file_without_its_end_changes_nothing(session: Session) -> None:
    """An end of the contents inside a file is no end."""
    session.open()
    session.send(whole("good") + header(row("a", size=2)) + pack(b"c", b"x"))
    with pytest.raises(RemoteFailure, match="end inside a file"):
        session.finish()
    assert tree(session.root) == {}


def test_a_stream_that_is_cut_changes_nothing(session: Session) -> None:
    """Without the explicit end nothing is moved into place."""
    session.open()
    session.send(whole("a"))
    session.process.close_stdin()
    with pytest.raises(RemoteFailure) as failure:
        session.talk.receive()
    assert failure.value.kind == "truncated"
    assert tree(session.root) == {}


def test_blocks_of_what_is_not_there_are_not_taken(session: Session) -> None:
    """A base that is another file than was expected, or none, or a link, gives nothing."""
    outside = session.root.parent / "secret"
    outside.write_bytes(b"key!")
    (session.root / "other").write_bytes(b"else")
    (session.root / "link").symlink_to(outside)
    session.open()
    digest = hashlib.sha256(b"key!").digest()
    blocks = pack(b"k", struct.pack(">QQ", 0, 4)) + pack(b"f", digest)
    session.send(b"".join(based(path, 4) + blocks for path in ("other", "link", "none", "d/none")))
    states = {path: state for path, state, *_ in session.finish()}
    assert states == dict.fromkeys(("other", "link", "none", "d/none"), "changed")
    assert tree(session.root) == {"other": b"else", "link": b"key!"}
    assert (session.root / "link").is_symlink()


def test_a_file_taken_back_is_forgotten(session: Session) -> None:
    """An empty digest takes a file back; it may come again."""
    session.open()
    taken_back = header(row("a", size=9)) + pack(b"c", b"half") + pack(b"f", b"")
    session.send(taken_back + whole("a", b"whole") + taken_back.replace(b'"a"', b'"b"'))
    assert [path for path, *_ in session.finish()] == ["a"]
    assert tree(session.root) == {"a": b"whole"}


@pytest.mark.parametrize(
    "message",
    [
        (b"z", b"no zlib"),
        (b"z", zlib.compress(bytes(replica.MAX_FRAME + 1))),
        (b"d", replica.pack_json(7)),
        (b"d", b"nonsense"),
        (b"?", b""),
        (b"q", replica.pack_json({})),
    ],
)
def test_a_message_of_no_form_is_refused(message: tuple[bytes, bytes], session: Session) -> None:
    """Messages that are damaged, too long when unpacked, or unknown end the program in order."""
    session.open()
    session.talk.send(*message)
    with pytest.raises(RemoteFailure) as failure:
        session.talk.receive()
    assert failure.value.kind == "damaged"


@pytest.mark.parametrize(
    "request_body",
    [
        b"nonsense",
        replica.pack_json([]),
        replica.pack_json({"root": "relative", "rules": []}),
        replica.pack_json({"root": 7, "rules": []}),
        replica.pack_json({"root": "/nonexistent\0", "rules": []}),
        replica.pack_json({"root": "/", "rules": [["", "", [[True, "(", ""]]]]}),
        replica.pack_json({"root": "/", "rules": [7]}),
    ],
)
def test_a_request_of_no_form_is_refused(request_body: bytes, session: Session) -> None:
    """A request that makes no sense ends in an error record, before anything is made."""
    session.talk.send(b"q", request_body)
    session.talk.greet()
    with pytest.raises(RemoteFailure) as failure:
        session.talk.receive()
    assert failure.value.kind == "damaged"


def test_a_laptop_that_hangs_up_leaves_no_trace(session: Session) -> None:
    """When nobody listens any more the program ends by itself, quietly."""
    session.talk.send(b"q", replica.pack_json({"root": str(session.root), "rules": []}))
    session.process.close()
    with pytest.raises((ProtocolError, ValueError)):
        session.talk.greet()
    assert tree(session.root) == {}


def test_only_listed_files_have_digests(session: Session, folder: Path) -> None:
    """A path that was not listed, ours or anybody's, is not read for the one who asks."""
    (folder / "secret").write_bytes(b"s")
    (session.root / "a").write_bytes(b"a")
    (session.root / "ignored").write_bytes(b"i")
    (session.root / "link").symlink_to("../secret")
    session.open([["", "", [[True, "ignored", ""]]]])
    asked = ["a", "ignored", "link", "../secret", "/etc/passwd", "none"]
    session.talk.send(b"d", replica.pack_json(asked))
    _, body = session.talk.receive()
    assert replica.unpack_json(body) == {"a": hashlib.sha256(b"a").hexdigest()}
    session.finish()


def test_what_is_no_file_is_not_replaced(session: Session) -> None:
    """A pipe or a folder that stands where a file should go stays, and is not waited at."""
    session.open()
    os.mkfifo(session.root / "pipe")
    (session.root / "folder").mkdir()
    session.send(whole("pipe") + whole("folder"))
    states = {path: state for path, state, *_ in session.finish()}
    assert states == {"pipe": "changed", "folder": "changed"}
    assert (session.root / "pipe").is_fifo()


def test_names_the_disk_does_not_take_are_refused(session: Session) -> None:
    """A name too long for the file system is refused by itself; the rest arrives."""
    session.open()
    session.send(whole("n" * 300) + whole("a"))
    states = {path[:1]: state for path, state, *_ in session.finish()}
    assert states == {"n": "refused", "a": "done"}
    assert tree(session.root) == {"a": b"x"}


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("a", True),
        ("한글/이름 x", True),
        ("new\nline", True),
        ("...", True),
        ("a:b", True),
        ("c\\d", True),
        ("", False),
        ("/a", False),
        ("a/", False),
        ("a//b", False),
        (".", False),
        ("a/./b", False),
        ("..", False),
        ("a/..", False),
        ("a\0", False),
        ("x" * 4097, False),
        ("a/.git/config", False),
        (".GIT", False),
        (".colabdev", False),
    ],
)
def test_which_paths_are_safe(path: str, safe: bool) -> None:
    """A safe path names something below the root and nothing of git's or ours."""
    assert (replica.why_unsafe(path, windows=False) == "") is safe


@pytest.mark.parametrize("path", ["a\\b", "..\\x", "C:x", "C:\\x", "\\\\host\\share", "a:stream"])
def test_paths_that_mean_more_on_windows_are_unsafe_there(path: str) -> None:
    """Drives, shares, streams and backslashes reach out of the root on Windows."""
    assert replica.why_unsafe(path, windows=True)


@pytest.mark.parametrize(
    ("path", "target", "leads_out"),
    [
        ("l", "a", False),
        ("l", "./a/b", False),
        ("d/l", "../a", False),
        ("d/e/l", "../../a", False),
        ("d/l", "..", False),
        ("l", "..", True),
        ("l", "../a", True),
        ("d/l", "../../a", True),
        ("l", "a/../b", True),
        ("d/l", "x/../../..", True),
        ("l", "/etc", True),
        ("l", "", True),
        ("l", "a\0", True),
    ],
)
def test_which_links_lead_out(path: str, target: str, leads_out: bool) -> None:
    """A link may climb as far as its own folder is deep, and not after a name."""
    assert replica.leads_out(path, target, windows=False) is leads_out
    assert replica.leads_out(path, target.replace("/", "\\"), windows=True) is (
        leads_out or "/" in target
    )


def test_a_tree_of_too_many_files_is_one_sentence(folder: Path) -> None:
    """A listing ends with a sentence where it would grow beyond all use."""
    for number in range(6):
        (folder / str(number)).touch()
    with pytest.raises(replica.Failure, match="more than 5 files") as failure:
        list(replica.scan(str(folder), replica.Rules(), [], most=5))
    assert failure.value.hint
