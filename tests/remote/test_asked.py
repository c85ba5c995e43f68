"""Programs that a machine keeps: they travel there once, and nothing hangs on their being there."""

import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.payload.replica import inflate, load_json, pack_json
from colabdev.remote.asked import Asked
from colabdev.remote.frames import pack
from colabdev.remote.kept import Kept
from colabdev.remote.local import LocalProcess, LocalTransport

LIFE = "0123456789abcdef" * 2
TEXT = 10_000  # bytes: the program is longer, what starts a kept one is shorter


class Listening(LocalTransport):
    """The transport to this machine, which tells how much was said to start each process."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def start(self, argv: Sequence[str]) -> LocalProcess:
        self.sizes.append(sum(map(len, argv)))
        return super().start(argv)


@pytest.fixture
def transport() -> Iterator[Listening]:
    """Lend the transport to this machine."""
    with Listening() as lent:
        yield lent


def names(transport: Listening, folder: Path, more: int = 0) -> list[str]:
    """Ask for the names in *folder*, with a question that is *more* bytes longer than it needs."""
    request = {"root": str(folder), "rules": [], "more": os.urandom(more).hex()}
    asked = Asked(transport, "replica", pack(b"q", pack_json(request)), boot_id=LIFE)
    try:
        conversation = asked.greet()
        found = []
        while (message := conversation.receive())[0] == b"s":
            found += [row[0] for row in load_json(inflate(message[1], 1 << 20))]
        conversation.send(b".", b"")
        assert conversation.receive() == (b".", b"")
        return found
    finally:
        asked.close()


def kept(home: Path) -> list[Path]:
    """Return the files in which the machine keeps programs."""
    return sorted((home / ".colabdev" / "payload").glob("*.code"))


@pytest.mark.parametrize("more", [0, 100_000])
def test_a_program_travels_once(transport: Listening, folder: Path, home: Path, more: int) -> None:
    """The second time it is started from what is kept, whose user alone may read and write it."""
    (folder / "a").touch()
    assert names(transport, folder, more) == names(transport, folder, more) == ["a"]
    assert [size > TEXT for size in transport.sizes] == [True, False]
    (file,) = kept(home)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0


def _damage(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _open_up(file: Path) -> None:
    file.chmod(0o666)


def _link(file: Path) -> None:
    file.rename(file.with_suffix(".elsewhere"))
    file.symlink_to(file.with_suffix(".elsewhere"))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(Path.unlink, id="gone"),
        pytest.param(_damage, id="damaged"),
        pytest.param(lambda file: file.write_bytes(b""), id="empty"),
        pytest.param(lambda file: os.truncate(file, 1000), id="cut short"),
        pytest.param(_open_up, id="open to others"),
        pytest.param(_link, id="a link"),
    ],
)
def test_one_that_is_not_as_it_was_travels_again(
    transport: Listening, folder: Path, home: Path, spoil: Callable[[Path], None]
) -> None:
    """The machine runs nothing of it and says so; it is sent, and kept anew."""
    (folder / "a").touch()
    names(transport, folder)
    spoil(kept(home)[0])
    assert names(transport, folder) == ["a"]
    assert names(transport, folder) == ["a"]
    carried = [size > TEXT for size in transport.sizes]
    assert carried == [True, False, True, False]


def test_a_note_that_stays_wrong_harms_nothing(
    transport: Listening, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be written, or another command puts it back, the program travels again."""
    names(transport, folder)
    kept(home)[0].unlink()
    monkeypatch.setattr(Kept, "note", lambda *_: None)
    assert names(transport, folder) == []
    assert [size > TEXT for size in transport.sizes] == [True, False, True]


def test_a_machine_that_keeps_nothing_is_sent_everything(
    transport: Listening, folder: Path, home: Path
) -> None:
    """Where a file stands in the folder's place nothing is kept, and nothing taken to be."""
    (home / ".colabdev").mkdir()
    (home / ".colabdev" / "payload").touch()
    for _ in range(2):
        assert names(transport, folder) == []
    assert min(transport.sizes) > TEXT


def test_what_is_kept_is_bounded(transport: Listening, folder: Path, home: Path) -> None:
    """Of old programs few stay, there and in what is noted of the lives of machines here."""
    place = home / ".colabdev" / "payload"
    place.mkdir(parents=True)
    paths.kept_dir().mkdir(parents=True)
    for number in range(50):
        for old in (place / f"old-{number}-0.code", paths.kept_dir() / f"{number}"):
            old.touch()
            os.utime(old, (number, number))
    names(transport, folder)
    assert len(kept(home)) < 20
    assert len(list(paths.kept_dir().iterdir())) <= 20
    names(transport, folder)
    assert [size > TEXT for size in transport.sizes] == [True, False]


def test_a_program_is_packed_once(home: Path) -> None:
    """Another process finds it packed, and packs it itself where the file is not what it was."""
    code = (
        "from colabdev.remote.program import program\n"
        "first = program('replica').packed\n"
        "print(first[-40:])\n"
    )

    def packed() -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    file = paths.programs_dir() / "replica"
    plain = packed()
    kept = file.read_bytes()
    assert file.parent.stat().st_mode & 0o077 == 0
    marked = kept.replace(kept[-40:], b"A" * 40)
    file.write_bytes(marked)
    assert packed() == plain  # damaged
    assert file.read_bytes() == kept
    line = marked.split(b"\n", 1)[1]
    state = kept.split(b" ", 1)[0]
    file.write_bytes(b"%s %d\n%s" % (state, zlib.crc32(line), line))
    assert packed().startswith("A" * 40)  # taken as it stands
    file.write_bytes(b"of-before %d\n%s" % (zlib.crc32(line), line))
    assert packed() == plain
