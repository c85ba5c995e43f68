"""Files on their way out of a tree: read as they are, or found to change while they are read."""

import hashlib
import json
import os
from collections.abc import Generator

from colabdev.payload.frames import CHUNK, Frame
from colabdev.payload.tree import Row, make_row, open_file

TRIES = 3


class Unreadable(Exception):
    """A file cannot be sent; the text says why."""


def file_frames(
    root: str, path: str, most: int, expected: Row | None = None, bit: bool | None = None
) -> Generator[Frame, None, tuple[Row, str]]:
    """Yield the frames of a file; return its row and digest once it was read whole.

    A file that changes meanwhile is taken back and read again. *expected* travels along, and so
    does *bit*, if given, in the place of the file's own executable bit.

    Raises:
        Unreadable: it cannot be read, has more than *most* bytes, or kept changing.
    """
    for _ in range(TRIES):
        try:
            stream = open_file(root, path)
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror}") from error
        with stream:
            before = make_row(path, os.fstat(stream.fileno()))
            if before[1] != "f":
                raise Unreadable("it is no file any more")
            if before[2] > most:
                raise Unreadable("it grew beyond the limit while it was synced")
            row = before if bit is None else [*before[:5], bit, ""]
            yield b"p", json.dumps([row, expected]).encode("ascii")
            digest = hashlib.sha256()
            left = before[2]
            while left and (chunk := stream.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
                yield b"c", chunk
            whole = not left and make_row(path, os.fstat(stream.fileno())) == before
            yield b"f", digest.digest() if whole else b""
        if whole:
            return before, digest.hexdigest()
    raise Unreadable("it kept changing while it was read")
