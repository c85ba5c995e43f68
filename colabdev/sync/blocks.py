"""The blocks of large files that both sides hold, so that neither is read again for them."""

import contextlib
from pathlib import Path

from colabdev.payload import replica as wire
from colabdev.store import private_dir, write_atomic
from colabdev.sync.archive import state_dir

_KEPT = 1000  # files; the marks of each take a 4096th of it


class Blocks:
    """Marks of blocks by the SHA-256 of the file they are of, below the project's own folder."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._folder = state_dir(project) / "sync" / "blocks"

    def recall(self, digest: str) -> bytes:
        """Return the marks of the file with this *digest*, none if they are not known."""
        with contextlib.suppress(OSError):
            marks = (self._folder / digest).read_bytes()
            if digest and len(marks) % wire.MARK == 0:
                return marks
        return b""

    def remember(self, digest: str, marks: bytes) -> None:
        """Keep *marks*, and forget those not written for longest."""
        if not digest or not marks:
            return
        write_atomic(private_dir(self._folder) / digest, marks)
        with contextlib.suppress(OSError):
            others = sorted(self._folder.iterdir(), key=lambda file: -file.stat().st_mtime)
            for file in others[_KEPT:]:
                file.unlink()

    def learn(self, row: wire.Row, digest: str) -> None:
        """Keep the marks of a file as it stands in the project, unless they are known."""
        if row[1] == "f" and row[2] >= wire.LARGE and not self.recall(digest):
            self.remember(digest, wire.marks_of(str(self._project), row))

    def forget(self, digest: str) -> None:
        """Let the next sync send the file as a whole."""
        (self._folder / digest).unlink(missing_ok=True)


class Marking:
    """The marks of a file's blocks, made while it comes; *base* are those of what it replaces."""

    def __init__(self, base: bytes = b"") -> None:
        self._base = base
        self._begun = bytearray()  # of a block
        self._marks: list[bytes] = []

    def take(self, data: bytes) -> None:
        """Take the next bytes of it."""
        view = memoryview(data)
        while view:
            if not self._begun and len(view) >= wire.BLOCK:
                self._marks.append(wire.mark(view[: wire.BLOCK]))
                view = view[wire.BLOCK :]
                continue
            missing = wire.BLOCK - len(self._begun)
            self._begun += view[:missing]
            view = view[missing:]
            self._end_block(wire.BLOCK)

    def skip(self, start: int, size: int) -> None:
        """Take it that *size* bytes are those from *start* on of what it replaces."""
        self._end_block(1)
        first = start // wire.BLOCK * wire.MARK
        last = -(-(start + size) // wire.BLOCK) * wire.MARK
        self._marks.append(self._base[first:last])

    def done(self) -> bytes:
        """Return the marks, the file having come whole."""
        self._end_block(1)
        return b"".join(self._marks)

    def _end_block(self, size: int) -> None:
        if len(self._begun) >= size:
            self._marks.append(wire.mark(self._begun))
            self._begun.clear()
