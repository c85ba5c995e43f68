"""What is known of a runtime is not listed again, and never believed when it is no longer so."""

import json
from pathlib import Path
from typing import Any  # JSON

import pytest

from colabdev.errors import ProtocolError
from colabdev.sync.engine import sync
from tests.support.counting import CountingTransport
from tests.sync.conftest import PEER, Far
from tests.sync.test_replica import PRELUDE, Liar
from tests.sync.trees import Link, read, write

MANY = {f"{number:03}/한글.py": f"{number}".encode() for number in range(300)}


def received(project: Path, far: Far) -> int:
    """Sync and return how many bytes came from the far side."""
    with CountingTransport() as transport:
        sync(project, transport, str(far.folder), peer=PEER)
        return transport.count["told"]


def test_without_changes_next_to_nothing_comes_back(project: Path, far: Far) -> None:
    """After any sync a second one hears that all is the same; what changed there is listed."""
    write(project, MANY)
    assert received(project, far) < 500  # each of them became what was sent
    assert received(project, far) < 200
    (project / "000/한글.py").write_bytes(b"an edit here")
    assert received(project, far) < 500
    assert received(project, far) < 200
    (far.folder / "001/한글.py").write_bytes(b"an edit there")
    (far.folder / "002/한글.py").unlink()
    assert received(project, far) > 3_000
    assert received(project, far) < 200
    assert read(project) == read(far.folder)


def test_what_is_left_alone_is_known_too(project: Path, far: Far) -> None:
    """Conflicts, links that lead out and what is too large do not make the list come again."""
    write(project, {**MANY, "a": b"here"})
    write(far.folder, {"a": b"there, longer", "out": Link("/etc"), "large": b"x" * 1000})
    for _ in range(2):
        received(project, far)
    assert received(project, far) < 200
    assert [left.path for left in far.sync(project, limit=500).conflicts] == ["a"]


def test_a_wrong_memory_is_found_out(project: Path, far: Far) -> None:
    """An archive that remembers another tree than there is costs a listing, and nothing else."""
    write(project, MANY)
    far.sync(project)
    archive = project / ".colabdev" / "sync" / f"{PEER}.json"
    document = json.loads(archive.read_text())
    document["absent"] = ["000/한글.py"]
    document["extra"] = [["x", "f", 1, 2, 3, False, ""]]
    archive.write_text(json.dumps(document))
    report = far.sync(project)
    assert (report.unchanged, report.sent, report.received) == (300, (), ())
    assert received(project, far) < 200


def test_a_far_side_that_lists_what_it_calls_known_is_refused(project: Path, far: Far) -> None:
    """Either all is as it was or there is a list; both at once is an error, and changes nothing."""
    write(project, {"a": b"honest"})
    far.sync(project)
    same = "send(b'S', pack({'problems': [], 'now': 1, 'same': True}))"
    with pytest.raises(ProtocolError, match="said to be known"):
        sync(project, Liar(PRELUDE + "rows(row('b')); " + same), str(far.folder), peer=PEER)
    assert read(project) == {"a": b"honest"}
    assert sync(project, Liar(PRELUDE + same), str(far.folder), peer=PEER).unchanged == 1
    fresh = "e" * 32
    with pytest.raises(ProtocolError, match="ended early"):  # a stranger's word is no memory
        sync(project, Liar(PRELUDE + same), str(far.folder), peer=fresh)
    assert far.sync(project).unchanged == 1


def _line_of_before(line: list[Any]) -> list[Any]:
    """Return a line of the archive as two rows; one of a file just written is that already."""
    if len(line) == 3:
        return line
    path, digest, size, mtime, ctime, ctime_there, bit = line
    times = ((mtime, ctime), (mtime, ctime_there))
    return [*([path, "f", size, *pair, bit, ""] for pair in times), digest]


def test_an_archive_of_before_is_read(project: Path, far: Far) -> None:
    """An archive without a listing is one for which the list comes again."""
    write(project, MANY)
    far.sync(project)
    archive = project / ".colabdev" / "sync" / f"{PEER}.json"
    document = json.loads(archive.read_text())
    del document["absent"], document["extra"]
    document["entries"] = [_line_of_before(line) for line in document["entries"] if len(line) > 1]
    archive.write_text(json.dumps(document))
    assert received(project, far) > 3_000
    assert received(project, far) < 200
