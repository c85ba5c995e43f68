"""Frames and JSON between the two sides of a sync: packed, bounded, and read back."""

import itertools
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any  # JSON is anything until it has been checked

MAX_JSON = 64 * 1024 * 1024
MAX_FRAME = 16 * 1024 * 1024
CHUNK = 256 * 1024
FIRST = 16 * 1024
NAMED = 16 * 1024 * 1024  # bytes of a file that are named, not sent, in one frame
BATCH = 1000
HEADER = struct.Struct(">cI")

Frame = tuple[bytes, bytes]


class Failure(Exception):
    """What ends a sync as a whole: a stable *kind*, a sentence, a next step."""

    def __init__(self, kind: str, message: str, hint: str = "Sync again.") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


def damaged(what: str) -> Failure:
    return Failure("damaged", f"The contents are damaged: {what}.")


def pack_json(value: Any) -> bytes:
    """Return *value* as compressed JSON; bytes of a name that are no UTF-8 survive as escapes."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"))


def unpack_json(body: bytes) -> Any:
    """Return what `pack_json` was given (ValueError: it is damaged or longer than MAX_JSON)."""
    return load_json(inflate(body, MAX_JSON))


def load_json(text: bytes) -> Any:
    """Return the value of a JSON *text* from elsewhere (ValueError: it is none)."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error


def inflate(body: bytes, limit: int) -> bytes:
    """Decompress *body*, which may not become longer than *limit* bytes (else ValueError)."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(body, limit)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not stream.eof:
        raise ValueError("a message is cut short or too long")
    return data


def frames(data: bytes) -> Iterator[Frame]:
    """Yield the frames that *data* is made of (ValueError: it ends inside one)."""
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise ValueError("a piece is cut short")
        kind, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        if length > len(data) - at:
            raise ValueError("a piece is shorter than it says")
        yield kind, data[at : at + length]
        at += length


def batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield *values* in lists short enough for one frame each."""
    rest = iter(values)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


class Packer:
    """Gathers frames into pieces worth compressing, and leaves raw what does not compress.

    The first pieces are small, so that what reads them can begin. What is more than one piece is
    one *strong* stream, if the other side can read such: it finds what came megabytes before.
    """

    def __init__(self, strong: bool = False) -> None:
        self.strong = strong
        self._stream: Any = None

    def pieces(self, contents: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the pieces that carry *contents*; while one is compressed the next is gathered."""
        piece = bytearray()
        size = FIRST
        under_way = _nothing
        for kind, body in contents:
            # Much is to be done there for what is named: it waits for nothing.
            at_once = kind == b"k" and int.from_bytes(body[8:], "big") >= NAMED
            if not piece and len(body) >= size:  # it is a piece by itself
                whole = HEADER.pack(kind, len(body)) + body
            else:
                piece += HEADER.pack(kind, len(body))
                piece += body
                if len(piece) < size and not at_once:
                    continue
                whole = bytes(piece)
                piece.clear()
            yield from under_way()
            under_way = _nothing
            if size == CHUNK and not at_once and _shrinks(whole):
                under_way = self._begun(whole)
            else:
                yield from self._packed(whole, more=True)
            size = min(2 * size, CHUNK)
        yield from under_way()
        if piece:
            yield from self._packed(bytes(piece), more=self._stream is not None)
        yield from self._end()

    def _begun(self, piece: bytes) -> Callable[[], list[Frame]]:
        """Compress *piece* in a thread, and return what waits for it."""
        import threading  # for much alone

        packed: list[list[Frame]] = []
        work = threading.Thread(target=lambda: packed.append(list(self._packed(piece, more=True))))
        work.start()

        def ended() -> list[Frame]:
            work.join()
            return packed.pop()

        return ended

    def _packed(self, piece: bytes, more: bool) -> Iterator[Frame]:
        if not _shrinks(piece):
            yield from self._end()
            yield b"r", piece
        elif self.strong and more:
            if self._stream is None:
                import lzma  # it costs, and whoever is strong has it

                self._stream = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=strong_filters())
            packed = self._stream.compress(piece)
            if packed:
                yield b"l", packed
        else:
            yield b"z", zlib.compress(piece)

    def _end(self) -> Iterator[Frame]:
        if self._stream is not None:
            yield b"l", self._stream.flush()
            self._stream = None


def _nothing() -> list[Frame]:
    return []


def _shrinks(piece: bytes) -> bool:
    """Tell by a part of *piece* whether it is worth compressing."""
    probe = piece[len(piece) // 2 :][:4096]
    return len(zlib.compress(probe)) <= 0.95 * len(probe)


class Unpacker:
    """Turns pieces back into frames; a frame of a strong stream may come in several pieces."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._rest = bytearray()

    def frames(self, kind: bytes, body: bytes) -> Iterator[Frame]:
        """Yield the frames of a piece (ValueError: it is damaged or too long)."""
        if kind == b"l":
            yield from self._strong(body)
        else:
            self.end()
            yield from frames(inflate(body, MAX_FRAME) if kind == b"z" else body)

    def end(self) -> None:
        """Say that no more comes (ValueError: a frame is under way)."""
        if self._stream is not None:
            raise ValueError("a piece is cut short")

    def _strong(self, body: bytes) -> Iterator[Frame]:
        import lzma

        try:
            while body or not (self._stream is None or self._stream.needs_input):
                if self._stream is None:
                    filters = strong_filters()
                    self._stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
                self._rest += self._stream.decompress(body, CHUNK)
                body = b""
                yield from self._whole()
                if self._stream.eof:
                    body = self._stream.unused_data
                    self._stream = None
                    if self._rest:
                        raise ValueError("a piece is shorter than it says")
        except lzma.LZMAError as error:
            raise ValueError(str(error)) from error

    def _whole(self) -> Iterator[Frame]:
        at = 0
        while len(self._rest) - at >= HEADER.size:
            kind, length = HEADER.unpack_from(self._rest, at)
            if length > MAX_FRAME:
                raise ValueError("a piece holds a frame that is too long")
            if len(self._rest) - at - HEADER.size < length:
                break
            at += HEADER.size
            yield kind, bytes(self._rest[at : at + length])
            at += length
        del self._rest[:at]


def strong_filters() -> list[dict[str, int]]:
    """Return how a strong stream is made: little work, but with a memory of four megabytes."""
    import lzma

    return [
        {
            "id": lzma.FILTER_LZMA2,
            "dict_size": 4 * 1024 * 1024,
            "mode": lzma.MODE_FAST,
            "mf": lzma.MF_HC4,
            "nice_len": 64,
            "depth": 4,
        }
    ]


def is_strong() -> bool:
    """Tell whether this Python reads and writes strong streams: some are built without."""
    try:
        import lzma
    except ImportError:
        return False
    return bool(lzma)
