"""Frames in pieces, and out of them again."""

import random
from collections.abc import Iterator

import pytest

from colabdev.payload.frames import CHUNK, FIRST, NAMED, Frame, Packer, Unpacker
from colabdev.payload.sending import SPAN


def _contents(chance: random.Random) -> list[Frame]:
    frames: list[Frame] = []
    for _ in range(chance.randrange(1, 40)):
        size = chance.choice((0, 10, 1000, FIRST, CHUNK // 2, CHUNK, CHUNK + 1000))
        noise, text = chance.randbytes(size), b"the same line again\n" * (size // 20)
        frames.append((b"c", chance.choice((noise, text, text + noise[:1000]))))
        if chance.random() < 0.2:
            frames.append((b"k", SPAN.pack(0, chance.choice((1, NAMED)))))
    return frames


@pytest.mark.parametrize("strong", [False, True])
def test_what_was_packed_comes_out_as_it_was(strong: bool) -> None:
    """Frames of all sizes, that shrink or do not, come in the order in which they were packed."""
    chance = random.Random(7)
    for _ in range(25):
        contents = _contents(chance)
        unpacker = Unpacker()
        pieces = Packer(strong).pieces(iter(contents))
        assert [frame for piece in pieces for frame in unpacker.frames(*piece)] == contents
        unpacker.end()


def test_what_is_named_waits_for_nothing() -> None:
    """The first of many blocks to be copied there are told of before the next are looked at."""
    named = (b"k", SPAN.pack(0, NAMED))
    asked: list[int] = []

    def contents() -> Iterator[Frame]:
        for number in range(20):
            yield b"c", b"text" * (CHUNK // 4)
            asked.append(number)
            yield named

    unpacker = Unpacker()
    for piece in Packer().pieces(contents()):
        if named in unpacker.frames(*piece):
            break
    assert asked == [0]
