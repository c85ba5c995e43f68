"""A program of ours that is asked its first question as it starts, which saves a round trip."""

import base64
import contextlib

from colabdev.errors import RemoteFailure
from colabdev.remote.frames import Conversation, NotKept
from colabdev.remote.kept import Kept
from colabdev.remote.program import KEEPS, Program, program
from colabdev.remote.transport import Process, Transport

# What may travel as an argument of the program: with that, it stays below Linux's 128 KiB.
_IN_ARGUMENT = 60_000


class Asked:
    """``payload/<name>.py`` on the machine that *transport* reaches, with *question* before it.

    A program that the machine keeps in this life of its, *boot_id*, does not travel there again;
    where it should and does not, the question is asked once more.
    """

    def __init__(
        self, transport: Transport, name: str, question: bytes, *, boot_id: str = ""
    ) -> None:
        self.question = question
        self._transport = transport
        self._name = name
        self._kept = Kept(boot_id)
        self._conversation, self._process, self._program = self._start()
        self._more = b""  # that was said without waiting

    @property
    def conversation(self) -> Conversation:
        """Return what may be spoken to already, and is to be heard after `greet`."""
        return self._conversation

    def greet(self) -> Conversation:
        """Wait for the program's hello and return the conversation with it.

        Raises:
            ProtocolError: the program did not start.
        """
        try:
            said = self._conversation.greet()
        except NotKept:
            self._process.close()
            self._kept.note(self._program, False)
            self._conversation, self._process, self._program = self._start(whole=True)
            self.write(self._more)
            said = self._conversation.greet()
        if KEEPS in said:
            self._kept.note(self._program, True)
        return self._conversation

    def write(self, more: bytes) -> None:
        """Say *more* before anything has been heard."""
        self._more += more
        with contextlib.suppress(RemoteFailure):  # it reads nothing: its greeting says why
            self._process.write(more)

    def close(self) -> None:
        """End the program, if it has not ended."""
        self._process.close()

    def _start(self, *, whole: bool = False) -> tuple[Conversation, Process, Program]:
        """Start the program; *whole*, it travels there whatever was noted of the machine."""
        started = opening(self._name, self.question, keep=True)
        if not whole and self._kept.has(started):
            started = opening(self._name, self.question, kept=True)
        process = self._transport.start(started)
        if not started.arguments:
            with contextlib.suppress(RemoteFailure):  # it reads nothing: its greeting says why
                process.write(self.question)
        return Conversation(process, self._name), process, started


def opening(name: str, question: bytes, *, keep: bool = False, kept: bool = False) -> Program:
    """Return what starts the program *name* with *question*, which goes along if it is short."""
    first = base64.b64encode(question).decode()
    arguments = [first] if len(first) <= _IN_ARGUMENT else []
    return program(name, *arguments, keep=keep, kept=kept)
