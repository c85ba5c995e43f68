"""Start a job and tell of it: a command that outlives the connection.

Verbs: ``start REQUEST`` (compressed JSON, as a word, or as a frame on stdin), ``run REQUEST TOKEN``
(the same, and then as ``follow`` from the beginning on; with a TOKEN once the sync that runs at the
same time has left word under it that all is well, else it answers ``u``) and ``follow ID OFFSET``.
"""

import base64
import contextlib
import errno
import hashlib
import json
import os
import select
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any  # requests and records are JSON: mappings of anything

from colabdev.payload.detach import detached
from colabdev.payload.jobfolder import (
    IDENTIFIER,
    control_of,
    existing,
    jobs_folder,
    ours,
    private,
    read_json,
    standing,
    supervised,
)
from colabdev.payload.joblog import CHUNK, MAX_BODY, Log, whole_frames
from colabdev.payload.pace import Pace
from colabdev.payload.records import HEADER, encode
from colabdev.payload.telling import Failure, answer, send, write_all
from colabdev.payload.verdict import hear_verdict

MAX_REQUEST = 16 * 1024 * 1024
TICK = 0.02  # seconds between looks at a log that does not grow
IDLE = 0.25  # seconds between looks at one that has not grown for long: it tells when it does
WORTH = 512  # bytes from which on frames are compressed
STARTING = 10.0  # seconds that a command has to get going


def run(word: str, token: str) -> None:
    """Start a job as `start` does, and tell of it from its first byte on."""
    request = read_request(word)
    if token and not hear_verdict(token, asker_gone):
        send(b"u", b"")
        return
    begin(request)
    follow(request["id"], "0")


def start(word: str) -> None:
    begin(read_request(word))


def begin(request: dict[str, Any]) -> None:
    """Make the job's folder, hand it to a supervisor of its own, and answer once the job runs.

    The programs that *request* names by their digests are asked for when they are not here yet.
    """
    programs = here(request.pop("programs"))
    folder = os.path.join(jobs_folder(), request["id"])
    request["modules"] = os.pathsep.join(
        os.path.dirname(path) for name, path in programs.items() if name != "supervisor"
    )
    while (control := claim(folder, request)) is None:
        if settled(folder):
            break
    else:
        try:
            supervise(programs["supervisor"], folder, control, request)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # what never ran is no job
            raise
        finally:
            os.close(control)
    send(b"j", standing(folder))


def follow(identifier: str, offset: str) -> None:
    """Stream the log from *offset* on until the job has ended or stdin has.

    Frames go as they stand in the log, and a burst of them as one frame ``z``, compressed. Two are
    ours: ``d``, how much was dropped where we are, and ``w``, that the disk is full and all waits.
    """
    folder = existing(identifier)
    position = int(offset)
    pace = Pace()
    idle = TICK
    full = False  # as was said
    with contextlib.closing(Log(os.path.join(folder, "events"))) as log, bell(folder) as rung:
        if not 0 <= position <= log.end():
            raise Failure("offset", f"The log of job {identifier} has no offset {offset}.")
        ended = gone = False
        alive = True
        while not ended and not gone:
            chunk = log.read_on(position)
            size, ended = whole_frames(chunk)
            if not size:
                # Asked before reading: the dead have written all they will.
                alive = supervised(folder)
                if position < (begin := log.begin()):
                    send(b"d", encode({"dropped": begin - position}))
                    position = begin
                chunk = log.read(position)
                size, ended = whole_frames(chunk)
            tell(chunk[:size])
            position += size
            if not size and not alive:
                message = f"Nobody can say how job {identifier} ended: its supervisor is gone."
                hint = f"If 'colabdev jobs' says that it still runs: colabdev cancel {identifier}"
                raise Failure("lost", message, hint)
            if ended or size >= CHUNK // 2:
                continue
            if size:
                idle, full = TICK, False
                gone = asker_gone(pace.pause(size))
            else:
                if idle == IDLE and not full and (full := no_room(folder)):
                    send(b"w", b"")
                gone = asker_gone(idle, *rung)
                idle = min(1.1 * idle, IDLE)


def tell(frames: bytes) -> None:
    """Send whole *frames* of the log."""
    if len(frames) >= WORTH:
        packed = zlib.compress(frames, 1)
        if len(packed) < 0.9 * len(frames):
            send(b"z", packed)
            return
    write_all(1, frames)


def no_room(folder: str) -> bool:
    """Tell whether nothing more can be written to the disk of *folder*."""
    room = os.statvfs(folder)
    return not (room.f_bavail if os.getuid() else room.f_bfree)


@contextlib.contextmanager
def bell(folder: str) -> "Iterator[list[int]]":
    """Lend what becomes readable when the supervisor of *folder* has written, in a list."""
    name = f"bell-{os.getpid()}"
    path = os.path.join(folder, name)
    try:
        os.mkfifo(path, 0o600)
        # Open both ways it never comes to an end when the supervisor goes.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:  # a full disk, a folder that was removed: looks now and then will do
        yield []
        return
    try:
        with contextlib.suppress(OSError), control_of(folder) as control:
            os.write(control, f"LISTEN {name}\n".encode())
        yield [descriptor]
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):  # the supervisor has taken it away
            os.unlink(path)


def claim(folder: str, request: dict[str, Any]) -> int | None:
    """Make *folder*, complete from the moment it is seen, and return its open control FIFO.

    None when it was there already: the rename decides, so of two requests one starts the job.
    """
    draft = tempfile.mkdtemp(prefix=".", dir=os.path.dirname(folder))
    control = -1
    try:
        kept = ("id", "name", "command", "cwd", "code_digest", "pull")
        spec = {key: request[key] for key in kept}
        spec.update(env=sorted(request["env"]), created=time.time())  # names: values may be secret
        write_atomic(os.path.join(draft, "spec.json"), encode(spec))
        os.mkdir(os.path.join(draft, "events"), 0o700)
        for name in ("report", "supervisor.log"):
            os.close(os.open(os.path.join(draft, name), os.O_CREAT | os.O_WRONLY, 0o600))
        os.mkfifo(os.path.join(draft, "control"), 0o600)
        # Open both ways it never comes to an end when one who wrote to it goes.
        control = os.open(os.path.join(draft, "control"), os.O_RDWR | os.O_NONBLOCK)
        os.rename(draft, folder)
        return control
    except OSError as error:
        if control >= 0:
            os.close(control)
        shutil.rmtree(draft, ignore_errors=True)
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            return None
        raise


def supervise(program: str, folder: str, control: int, request: dict[str, Any]) -> None:
    """Start the supervisor of *folder* and wait until the command runs.

    Raises:
        Failure: it could not be started; the kind is the supervisor's own.
    """
    with open(os.path.join(folder, "supervisor.log"), "r+b") as log:
        # The environment's values stay in memory: never on the disk or in a list.
        verdict = detached(program, [folder, control], encode(request), log.fileno(), control)
        if verdict != b"{}":
            log.seek(0)
            said = log.read().decode(errors="replace").splitlines() or ["it left no word"]
            failure = Failure("start", f"The job's supervisor did not start: {said[-1]}.")
            failure.record.update(json.loads(verdict or b"{}"))
            raise failure


def settled(folder: str) -> bool:
    """Wait until the job that another request started runs; false when it never did and is gone.

    That request may be the lost one which this one repeats: its answer is the one to give.
    """
    deadline = time.monotonic() + STARTING
    while supervised(folder) and time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            if "command" in read_json(os.path.join(folder, "state.json")):
                break
        time.sleep(TICK)
    return os.path.isdir(folder)


def read_request(word: str) -> dict[str, Any]:
    """Return the request that is *word*, or comes on stdin where that is ``-``."""
    packed = read_body() if word == "-" else base64.b64decode(word)
    request: dict[str, Any] = json.loads(unpacked(packed))
    if not IDENTIFIER.fullmatch(request["id"]) or not request["command"]:
        raise Failure("request", "A job needs an id of letters and digits, and a command.")
    return request


def read_body() -> bytes:
    size = HEADER.unpack(read_exactly(HEADER.size))[1]
    return read_exactly(min(size, MAX_REQUEST))


def unpacked(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    text = stream.decompress(body, MAX_REQUEST)
    if not stream.eof:
        raise Failure("request", f"The request is larger than {MAX_REQUEST} bytes.")
    return text


def read_exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = os.read(0, min(size - len(data), CHUNK))
        if not chunk:
            raise Failure("request", "The request ended early.")
        data += chunk
    return bytes(data)


def asker_gone(seconds: float, *bells: int) -> bool:
    """Pause for *seconds*, or until a bell rings; return at once, and true, when stdin ends."""
    ready, _, _ = select.select([0, *bells], [], [], seconds)
    for descriptor in bells:
        if descriptor in ready:
            os.read(descriptor, MAX_BODY)
    return 0 in ready and not os.read(0, 4096)


def here(digests: dict[str, str]) -> dict[str, str]:
    """Return the paths of the programs with these *digests*, by name, sent for where missing."""
    paths = {name: place(name, digest) for name, digest in digests.items()}
    missing = [name for name, path in paths.items() if not os.path.exists(path)]
    if missing:
        send(b"n", encode(missing))
        texts = json.loads(unpacked(read_body()))
        for name in missing:
            text = texts[name].encode()
            if hashlib.sha256(text).hexdigest() != digests[name]:
                raise Failure("request", f"The program {name} did not arrive as it was sent.")
            private(os.path.dirname(paths[name]))
            write_atomic(paths[name], text)
    return paths


def place(name: str, digest: str) -> str:
    """Return where a program lies, its digest in the path: a file there never changes."""
    if name == "supervisor":
        return ours("payload", f"{name}-{digest[:12]}.py")
    return ours("payload", f"{name}-{digest[:12]}", f"colabdev_{name}.py")  # the job imports it


def write_atomic(path: str, data: bytes) -> None:
    descriptor, draft = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
    try:
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


VERBS: dict[str, Callable[..., Any]] = {"start": start, "run": run, "follow": follow}

if __name__ == "__main__":
    sys.exit(answer("jobs", VERBS[sys.argv[1]], tuple(sys.argv[2:])))
