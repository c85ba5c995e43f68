"""Jobs on the far side: started, listened to, listed and cancelled."""

import base64
import contextlib
import functools
import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Self

from colabdev import texts
from colabdev.errors import JobNotFound, ProtocolError, RemoteFailure
from colabdev.jobs.job import NOTEBOOK, DiskFull, Dropped, Event, Job, JobSpec
from colabdev.jobs.wire import Place, read_event, read_job, read_place, unpacked_burst
from colabdev.language import tr
from colabdev.remote.frames import Conversation, pack
from colabdev.remote.program import Program, bare, program
from colabdev.remote.transport import Transport

_PROGRAM = "jobs"
_REGISTER = "register"  # of the jobs that there are; it says hello as the other one
_MOST_JOBS = 10_000
_LONGEST_WORD = 30_000  # beside the program there is little room in one argument


def new_job_id() -> str:
    """Return an id that no other job has."""
    return os.urandom(6).hex()


def asking(spec: JobSpec) -> Program:
    """Return the program that starts *spec* and listens to it.

    What it is made of is kept: asked for while a connection is opened, it is ready afterwards.
    """
    return program(_PROGRAM, "run", _Asking(spec).word, "")


def start(transport: Transport, spec: JobSpec) -> Job:
    """Start *spec* and return once its command runs; from then on it needs no connection.

    An id that is known there is that very job and is not started again, so that a request whose
    answer was lost can be sent anew.

    Raises:
        RemoteFailure: it cannot be started; kinds ``command`` (no such program), ``cwd`` (no such
            folder), ``request``, ``start`` and ``storage`` (no records can be written there).
    """
    asking = _Asking(spec)
    process = transport.start(program(_PROGRAM, "start", asking.word))
    try:
        conversation = Conversation(process, _PROGRAM)
        asking.ask(conversation)
        job = asking.answered(conversation)
        assert job, "it waits for no word"
        _receive(conversation)
        return job
    finally:
        process.close()


class _Asking:
    """The request to start *spec*: its *word* travels with the program that is to heed it.

    Only what must be in no argument list, and what would not fit into one, goes to stdin.
    """

    def __init__(self, spec: JobSpec) -> None:
        self._id = spec.id
        names = ["supervisor", "report"]
        if NOTEBOOK[-1] in spec.command:
            names.append("notebook")
        self._programs = {name: _text(name) for name in names}
        digests = {
            name: hashlib.sha256(text.encode()).hexdigest() for name, text in self._programs.items()
        }
        self._packed = zlib.compress(json.dumps({**asdict(spec), "programs": digests}).encode())
        self.word = base64.b64encode(self._packed).decode()
        self._on_stdin = bool(spec.env) or len(self.word) > _LONGEST_WORD
        if self._on_stdin:
            self.word = "-"

    def ask(self, conversation: Conversation) -> None:
        """Say what does not travel with the program."""
        if self._on_stdin:
            # A program that does not start reads nothing either: the missing greeting says why.
            with contextlib.suppress(RemoteFailure):
                conversation.send(b"j", self._packed)

    def answered(self, conversation: Conversation) -> Job | None:
        """Return the job once it runs; None when it was to wait for word, and there was none."""
        conversation.greet()
        frame = _receive(conversation)
        if frame and frame[0] == b"u":
            return None
        if frame and frame[0] == b"n":
            programs = json.dumps(self._programs).encode()
            conversation.send(b"p", zlib.compress(programs))
            frame = _receive(conversation)
        return _one([read_job(frame[1])] if frame else [], self._id)


@functools.cache
def _text(name: str) -> str:
    return bare(texts.payload(name))


def follow(transport: Transport, job_id: str, offset: int = 0) -> "Following":
    """Listen to a job from *offset* of its log on, until it has ended."""
    return Following(transport, job_id, offset)


def run(transport: Transport, spec: JobSpec) -> "Following":
    """Start *spec* as `start` does and listen to it from its first byte on, in one request.

    Raises:
        RemoteFailure: as `start`.
    """
    following = Following(transport, spec.id, 0, spec)
    following.begin()
    return following


def find(
    transport: Transport, job_id: str, *, tail: int | None = None, ago: float | None = None
) -> Place:
    """Return where the last *tail* lines of a job begin, of those no older than *ago* seconds.

    Raises:
        JobNotFound: there is no such job.
    """
    words = ("" if bound is None else str(bound) for bound in (tail, ago))
    return read_place(b"".join(_answers(transport, "find", job_id, *words)))


def prune(transport: Transport, ago: float) -> list[Job]:
    """Remove the records of jobs that ended *ago* seconds ago or earlier, and return those."""
    return _ask(transport, "prune", str(ago))


def cancel(transport: Transport, job_id: str, signal: str = "INT", *, grace: float = 10.0) -> Job:
    """Send *signal* (INT, TERM or KILL) to the whole job and return how it stands right then.

    *grace* seconds after INT its supervisor sends TERM, and as long after that KILL; an infinite
    grace leaves it at the one signal. A job that has ended stays as it is. One that lost its
    supervisor is ended here and now, in as long.

    Raises:
        JobNotFound: there is no such job.
    """
    return _one(_ask(transport, "cancel", job_id, signal, str(grace)), job_id)


def jobs(transport: Transport) -> list[Job]:
    """Return the jobs of the far side, the newest first."""
    found = _ask(transport, "list")
    return sorted(found, key=lambda job: job.created, reverse=True)


def boot_id(transport: Transport) -> str:
    """Return which life of the machine this is, ``""`` where it does not know."""
    return "".join(body.decode(errors="replace") for body in _answers(transport, "boot"))


class Following(Iterator[tuple[int, Event]]):
    """What a job tells: each event, with the offset at which to continue after it.

    It ends after `Exited`, or early after *stop*, and hangs up by itself then. With *spec* the job
    is asked for first, and `begin` comes before all else; it starts when the sync that is asked for
    at the same time leaves word under *token* that all is well, or at once without one.
    """

    job: Job | None = None  # as it was when it was started by us

    def __init__(
        self,
        transport: Transport,
        job_id: str,
        offset: int,
        spec: JobSpec | None = None,
        token: str = "",
    ) -> None:
        self._offset = offset
        self._events = self._converse()
        self._asking = _Asking(spec) if spec else None
        words = ("follow", job_id, str(offset))
        if self._asking:
            words = ("run", self._asking.word, token)
        self._process = transport.start(program(_PROGRAM, *words))
        self._conversation = Conversation(self._process, _PROGRAM)
        if self._asking:
            try:
                self._asking.ask(self._conversation)
            except BaseException:
                self.close()
                raise

    def begin(self) -> bool:
        """Wait until the job runs; false when there was no word for it, and nothing was started.

        Raises:
            RemoteFailure: as `start`.
        """
        assert self._asking, "a job was asked for"
        try:
            self.job = self._asking.answered(self._conversation)
        finally:
            if not self.job:
                self.close()
        return bool(self.job)

    def __next__(self) -> tuple[int, Event]:
        """Wait for the next event.

        Raises:
            ConnectionLost: the connection ended; a new `follow` continues at the last offset.
            JobNotFound: there is no such job.
            RemoteFailure: (kind ``lost``) nobody can say how the job ended, as its supervisor is
                gone; what it wrote down has all been given before.
        """
        return next(self._events)

    def stop(self) -> None:
        """Ask the far side to tell no more; any thread may, while another waits for an event."""
        self._process.close_stdin()

    def close(self) -> None:
        """Hang up; the job goes on."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _converse(self) -> Iterator[tuple[int, Event]]:
        try:
            if not self.job:
                self._conversation.greet()
            for kind, body in self._frames():
                if kind == b"t":  # when the next ones came: of use to `find` alone
                    self._offset += len(pack(kind, body))
                    continue
                event = read_event(kind, body, self._offset)
                # These two frames are none of the log's; what was dropped is.
                size = 0 if isinstance(event, DiskFull) else len(pack(kind, body))
                self._offset += event.size if isinstance(event, Dropped) else size
                yield self._offset, event
        finally:
            self.close()

    def _frames(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the frames of the log, those of a compressed burst one by one."""
        while (frame := _receive(self._conversation)) is not None:
            if frame[0] == b"z":
                yield from unpacked_burst(frame[1])
            else:
                yield frame


def _ask(transport: Transport, verb: str, *arguments: str) -> list[Job]:
    return [read_job(body) for body in _answers(transport, verb, *arguments)]


def _answers(transport: Transport, verb: str, *arguments: str) -> list[bytes]:
    """Return the bodies of all frames with which the far side answers."""
    process = transport.start(program(_REGISTER, verb, *arguments))
    try:
        conversation = Conversation(process, _PROGRAM)
        conversation.greet()
        found: list[bytes] = []
        while (frame := _receive(conversation)) is not None:
            found.append(frame[1])
            if len(found) > _MOST_JOBS:
                raise ProtocolError(
                    tr("The far side tells of more than {MOST_JOBS} jobs.", MOST_JOBS=_MOST_JOBS)
                )
        return found
    finally:
        process.close()


def _one(found: list[Job], job_id: str) -> Job:
    if [job.id for job in found] != [job_id]:
        raise ProtocolError(
            tr("The far side was asked of job {job_id} and told of others or none.", job_id=job_id)
        )
    return found[0]


def _receive(conversation: Conversation) -> tuple[bytes, bytes] | None:
    """Wait for a frame and return its kind and body, None at the explicit end."""
    try:
        frame = conversation.receive()
    except RemoteFailure as failure:
        if failure.kind == "no-job":
            raise JobNotFound(failure.message, failure.hint) from failure
        raise
    return None if frame[0] == b"." else frame
