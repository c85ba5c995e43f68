"""Digests that are remembered beside a tree: a file that stays is read once."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from colabdev.payload import replica as wire


def row_of(root: Path, path: str) -> wire.Row:
    return wire.make_row(path, (root / path).lstat())


def in_an_hour() -> int:
    return time.time_ns() + 3_600_000_000_000


def asked(root: Path, *paths: str, now: Callable[[], int] = in_an_hour) -> dict[str, str]:
    """Ask for the digests of *paths* as a sync does, which ends with remembering them."""
    digests = wire.Digests(str(root), now)
    found = digests.of(row_of(root, path) for path in paths)
    digests.save()
    return found


def remembered(root: Path) -> dict[str, list[object]]:
    text = (root / ".colabdev" / wire.MEMORY).read_text()
    files: dict[str, list[object]] = json.loads(text)["files"]
    return files


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def settled(folder: Path) -> Path:
    """Return a tree whose files were written an hour ago, by the clock of `asked`."""
    for name in ("a", "b"):
        (folder / name).write_bytes(name.encode() * 1000)
    return folder


def test_a_file_that_stays_is_read_once(settled: Path) -> None:
    """What was read before is answered from memory; the memory is private."""
    right = {"a": sha(b"a" * 1000), "b": sha(b"b" * 1000)}
    assert asked(settled, "a", "b") == right
    memory = settled / ".colabdev" / wire.MEMORY
    assert memory.stat().st_mode & 0o777 == 0o600
    files = remembered(settled)
    files["a"][4] = "f" * 64  # so that it shows where the answer comes from
    memory.write_text(json.dumps({"version": 1, "files": files}))
    assert asked(settled, "a", "b") == {**right, "a": "f" * 64}


def test_a_file_that_changed_is_read_again(settled: Path) -> None:
    """Another size, time or file of the name is another file, whatever is remembered."""
    asked(settled, "a", "b")
    (settled / "a").write_bytes(b"x" * 1000)
    status = (settled / "b").stat()
    (settled / "new").write_bytes(b"y" * 1000)
    os.utime(settled / "new", ns=(status.st_mtime_ns, status.st_mtime_ns))
    (settled / "new").replace(settled / "b")
    assert asked(settled, "a", "b") == {"a": sha(b"x" * 1000), "b": sha(b"y" * 1000)}
    assert asked(settled, "a", "b") == {"a": sha(b"x" * 1000), "b": sha(b"y" * 1000)}


def test_what_was_written_just_now_is_not_remembered(folder: Path) -> None:
    """A later write might bear the same times."""
    later = in_an_hour()
    (folder / "a").write_bytes(b"a")
    os.utime(folder / "a", ns=(later, later))
    assert asked(folder, "a", now=time.time_ns) == {"a": sha(b"a")}
    assert not (folder / ".colabdev" / wire.MEMORY).exists()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b"[" * 100_000,
        b'{"files": 7}',
        b'{"files": {"a": 7, "b": [1, 2, 3, 4, 5]}}',
        b'{"files": {"a": [1, 2, 3, 4, "short"], "b": [true, 2, 3, 4, "x"]}}',
    ],
)
def test_a_damaged_memory_is_none(damaged: bytes, settled: Path) -> None:
    """Files are read where it makes no sense, and it is written anew."""
    (settled / ".colabdev").mkdir()
    (settled / ".colabdev" / wire.MEMORY).write_bytes(damaged)
    assert asked(settled, "a") == {"a": sha(b"a" * 1000)}
    assert list(remembered(settled)) == ["a"]


def test_a_memory_that_is_a_link_is_not_followed(settled: Path) -> None:
    """What a link leads to is neither believed nor written to."""
    outside = settled / "outside"
    outside.write_text("{}")
    (settled / ".colabdev").mkdir()
    (settled / ".colabdev" / wire.MEMORY).symlink_to(outside)
    assert asked(settled, "a") == {"a": sha(b"a" * 1000)}
    assert outside.read_text() == "{}"
    assert not (settled / ".colabdev" / wire.MEMORY).is_symlink()


def test_where_nothing_can_be_remembered_files_are_read(settled: Path) -> None:
    """A file in the place of the folder costs the memory and nothing else."""
    (settled / ".colabdev").write_bytes(b"in the way")
    assert asked(settled, "a") == {"a": sha(b"a" * 1000)}
