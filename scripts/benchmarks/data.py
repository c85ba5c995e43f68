"""The data sets, made anew from seeds, and whether a copy of one is right."""

import os
import random
import sysconfig
from pathlib import Path

SEED = 7
_BIG = 200_000_000
_MEGABYTE = 1_000_000


def sources(folder: Path, count: int = 1000) -> None:
    """Make *count* files of 2 to 8 kB in 40 folders: pieces of this Python's own library."""
    dice = random.Random(SEED)
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    texts = [text for path in library if len(text := path.read_bytes()) > 10_000]
    for number in range(count):
        text, size = dice.choice(texts), dice.randint(2_000, 8_000)
        start = dice.randrange(len(text) - size)
        _write(folder / f"pkg{number % 40:02d}" / f"mod{number:04d}.py", text[start : start + size])


def tiny(folder: Path, count: int = 20_000) -> None:
    """Make *count* files of 100 to 600 bytes, 100 to a folder."""
    dice = random.Random(SEED)
    text = Path(os.__file__).read_bytes()
    folders = max(1, count // 100)
    for number in range(folders):
        (folder / f"d{number:04d}").mkdir(parents=True)
    for number in range(count):
        start, size = dice.randint(0, 1_500), dice.randint(90, 590)
        head = b"# %d\n" % number
        name = f"{folder}/d{number % folders:04d}/f{number:06d}.txt"
        with open(name, "wb") as stream:  # noqa: PTH123 - there may be 200,000 of them
            stream.write(head + text[start : start + size])


def noise(path: Path, size: int = _BIG) -> None:
    """Write *size* bytes that nothing compresses; 64 MB of them come again and again."""
    block = random.Random(SEED).randbytes(min(size, 64 * _MEGABYTE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for start in range(0, size, len(block)):
            stream.write(block[: size - start])


def random_file(path: Path, size: int = _BIG) -> None:
    """Write *size* random bytes, none of them twice the same."""
    dice = random.Random(SEED)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for _ in range(size // _MEGABYTE):
            stream.write(dice.randbytes(_MEGABYTE))


def log(path: Path, size: int = _BIG) -> None:
    """Write *size* bytes of a training run's log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        written = 0
        while written < size:
            piece = _log_lines(written)[: size - written]
            written += stream.write(piece)


def edit_one(folder: Path, turn: int) -> None:
    """Append a line to one file of `sources`."""
    with (folder / "pkg07" / "mod0007.py").open("ab") as stream:
        stream.write(b"# edit %d\n" % turn)


def edit_middle(folder: Path, turn: int) -> None:
    """Put another megabyte into the middle of the big file."""
    with (folder / "big.bin").open("r+b") as stream:
        stream.seek(_BIG // 2)
        stream.write(random.Random(turn).randbytes(_MEGABYTE))


def append(folder: Path, turn: int) -> None:
    """Let the log grow by a megabyte."""
    with (folder / "train.log").open("ab") as stream:
        stream.write(_log_lines(-turn)[:_MEGABYTE])


def difference(source: Path, copy: Path) -> str:
    """Return what sets *copy* apart from *source*, nothing when they hold the same."""
    ours, theirs = _files(source), _files(copy)
    if ours != theirs:
        return f"{len(ours ^ theirs)} paths are on one side only"
    for name in sorted(ours):
        if not _same(f"{source}/{name}", f"{copy}/{name}"):
            return f"{name} differs"
    return ""


def _same(one: str, other: str) -> bool:
    with open(one, "rb", 0) as ours, open(other, "rb", 0) as theirs:  # noqa: PTH123
        while True:
            mine, its = ours.read(_MEGABYTE), theirs.read(_MEGABYTE)
            if mine != its:
                return False
            if not mine:
                return True


def _files(folder: Path) -> set[str]:
    found: set[str] = set()
    for place, folders, files in os.walk(folder):
        if ".colabdev" in folders:
            folders.remove(".colabdev")
        found.update(os.path.relpath(os.path.join(place, name), folder) for name in files)  # noqa: PTH118 - 200,000 of them
    return found


def _log_lines(seed: int) -> bytes:
    dice = random.Random(seed)
    return b"".join(
        b"2026-01-01 00:00:00 INFO step=%d loss=%.6f lr=%.3e grad=%.4f\n"
        % (dice.randrange(10**7), dice.random(), dice.random(), dice.random())
        for _ in range(18_000)
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
