"""Frames: whole messages over a stream that may be cut anywhere, and nothing else."""

import base64
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabdev.errors import ProtocolError, RemoteFailure
from colabdev.remote.frames import MAX_FRAME, Conversation, pack
from colabdev.remote.local import LocalTransport

HELLO = b"\0colabdev talk 1\n"

# Says what it is given, in pieces of as many bytes as asked, then what it hears.
PARROT = (
    "import base64, sys; data = base64.b64decode(sys.argv[1]); size = int(sys.argv[2])\n"
    "out = sys.stdout.buffer\n"
    "for at in range(0, len(data), size): out.write(data[at:at+size]); out.flush()\n"
    "sys.stderr.write(sys.argv[3]); sys.stderr.flush()\n"
    "while byte := sys.stdin.buffer.read(1): out.write(byte); out.flush()\n"
)


class Talk(Conversation):
    """A conversation with a program that says *data*."""

    def __init__(self, data: bytes, piece: int = 1 << 20, complaint: str = "") -> None:
        encoded = base64.b64encode(data).decode()
        argv = ["python3", "-c", PARROT, encoded, str(piece), complaint]
        self.process = LocalTransport().start(argv)
        super().__init__(self.process, "talk")


@pytest.fixture
def talks() -> Iterator[list[Talk]]:
    """Lend a list; what is put into it is closed afterwards."""
    opened: list[Talk] = []
    yield opened
    for talk in opened:
        talk.process.close()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"Z", b"."]), st.binary(max_size=300)), max_size=5)
)
def test_a_frame_is_its_kind_length_and_body(messages: list[tuple[bytes, bytes]]) -> None:
    """Packed frames laid end to end can be taken apart by kind and length alone."""
    stream = b"".join(pack(kind, body) for kind, body in messages)
    found = []
    while stream:
        kind, length = struct.unpack_from(">cI", stream)
        found.append((kind, stream[5 : 5 + length]))
        stream = stream[5 + length :]
    assert found == messages


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_cut_anywhere(talks: list[Talk], piece: int) -> None:
    """Messages arrive whole and in order, in whatever pieces the stream comes."""
    messages = [(b"a", b"first"), (b"b", b""), (b"c", bytes(range(256)))]
    talk = Talk(b"noise\n" + HELLO + b"".join(pack(*message) for message in messages), piece)
    talks.append(talk)
    talk.greet()
    assert [talk.receive() for _ in messages] == messages


def test_a_greeting_is_skipped(talks: list[Talk]) -> None:
    """What a shell's start-up files print before the hello is no part of the conversation."""
    talk = Talk(b"Welcome!\n\0colabdev other 1\n" + HELLO + pack(b"a", b"x"))
    talks.append(talk)
    talk.greet()
    assert talk.receive() == (b"a", b"x")


def test_what_is_sent_arrives(talks: list[Talk]) -> None:
    """A frame that goes there and back is the same frame."""
    talk = Talk(HELLO)
    talks.append(talk)
    talk.greet()
    talk.send(b"q", b"\0\xff question")
    assert talk.receive() == (b"q", b"\0\xff question")


def test_an_endless_greeting_is_given_up(talks: list[Talk]) -> None:
    """A far side that only talks is left after a bounded number of bytes."""
    talk = Talk(b"x" * 90_000, complaint="sh: python3: not found\n")
    talks.append(talk)
    with pytest.raises(ProtocolError) as caught:
        talk.greet()
    assert "did not start" in caught.value.message


def test_an_early_end_quotes_the_complaint(talks: list[Talk]) -> None:
    """A program that dies is told with the last line of its stderr."""
    talk = Talk(HELLO + pack(b"a", b"whole")[:-1], complaint="one\nKilled: no memory\n")
    talks.append(talk)
    talk.greet()
    talk.process.close_stdin()
    with pytest.raises(ProtocolError) as caught:
        talk.receive()
    assert caught.value.message.endswith("ended early: Killed: no memory")


def test_an_endless_message_is_refused(talks: list[Talk]) -> None:
    """A length beyond the limit is refused before anything is read into memory."""
    talk = Talk(HELLO + struct.pack(">cI", b"a", MAX_FRAME + 1))
    talks.append(talk)
    talk.greet()
    with pytest.raises(ProtocolError):
        talk.receive()


def test_an_error_record_is_raised(talks: list[Talk]) -> None:
    """The far side's own failure keeps its kind, sentence and next step."""
    talk = Talk(HELLO + pack(b"E", b'{"kind": "full", "message": "No space.", "hint": "Tidy."}'))
    talks.append(talk)
    talk.greet()
    with pytest.raises(RemoteFailure) as caught:
        talk.receive()
    assert (caught.value.kind, caught.value.message, caught.value.hint) == (
        "full",
        "No space.",
        "Tidy.",
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"\xff", b"null", b'{"kind": 1}'])
def test_a_damaged_error_record(talks: list[Talk], body: bytes) -> None:
    """A record that is none is our sentence, not a traceback."""
    talk = Talk(HELLO + pack(b"E", body))
    talks.append(talk)
    talk.greet()
    with pytest.raises(ProtocolError):
        talk.receive()
