"""This machine as the far side, with every byte counted that goes to and comes from it."""

from collections import Counter
from collections.abc import Sequence

from colabdev.remote.local import LocalProcess, LocalTransport


class CountingTransport(LocalTransport):
    """A transport whose *count* tells the bytes that were ``sent`` there, and ``told`` us."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def start(self, argv: Sequence[str]) -> LocalProcess:
        return _CountingProcess(argv, self.count)


class _CountingProcess(LocalProcess):
    def __init__(self, argv: Sequence[str], count: Counter[str]) -> None:
        super().__init__(argv)
        self._count = count

    def write(self, data: bytes) -> None:
        self._count["sent"] += len(data)
        super().write(data)

    def read(self, size: int = 65536) -> bytes:
        chunk = super().read(size)
        self._count["told"] += len(chunk)
        return chunk
