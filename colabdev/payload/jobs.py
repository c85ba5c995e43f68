"""Start, follow, list and cancel this machine's jobs: commands that outlive the connection.

Verbs: ``start REQUEST`` (compressed JSON, as a word, or as a frame on stdin), ``run REQUEST TOKEN``
(the same, and then as ``follow`` from the beginning on; with a TOKEN once the sync that runs at the
same time has left word under it that all is well, else it answers ``u``), ``follow ID OFFSET``,
``find ID TAIL AGO`` (where in the log to begin), ``list``, ``cancel ID SIGNAL GRACE``,
``prune AGO`` and ``boot`` (which life of the machine this is).

A job is the folder ``~/.colabdev/jobs/<id>``: ``spec.json`` (what was asked for), ``state.json``
(how it stands, by its supervisor), ``report`` (rows the job appends), ``control`` (a FIFO to its
supervisor) and ``events``, the log: frames just as they go over the wire, in files named by the
offset at which each begins. What is older than the first of them has been dropped.
"""

import base64
import collections
import contextlib
import errno
import hashlib
import json
import os
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any  # requests and records are JSON: mappings of anything

from colabdev.payload.detach import detached
from colabdev.payload.marks import marked
from colabdev.payload.pace import Pace
from colabdev.payload.verdict import hear_verdict

HEADER = struct.Struct(">cI")
IDENTIFIER = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
SIGNALS = ("INT", "TERM", "KILL")
MAX_REQUEST = 16 * 1024 * 1024
MAX_BODY = 64 * 1024
CHUNK = 256 * 1024  # holds several whole frames
TICK = 0.02  # seconds between looks at a log that does not grow
IDLE = 0.25  # seconds between looks at one that has not grown for long: it tells when it does
WORTH = 512  # bytes from which on frames are compressed
STARTING = 10.0  # seconds that a command has to get going


class Failure(Exception):
    """A failure to tell the laptop: a stable *kind*, a sentence and a next step."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.record = {"kind": kind, "message": message, "hint": hint}


def main(verb: str, *arguments: str) -> int:
    verbs: dict[str, Callable[..., object]] = {
        "start": start,
        "run": run,
        "follow": follow,
        "find": find,
        "list": list_jobs,
        "cancel": cancel,
        "prune": prune,
        "boot": boot,
    }
    try:
        write_all(1, b"\0colabdev jobs 1\n")
        try:
            verbs[verb](*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            message = f"The far side cannot use {error.filename or ours()}: {error.strerror}."
            hint = "Mend its permissions there, or make room: colabdev shell"
            send(b"E", encode({"kind": "storage", "message": message, "hint": hint}))
        except Failure as failure:
            send(b"E", encode(failure.record))
        send(b".", b"")
    except BrokenPipeError:
        return 1  # nobody listens any more
    return 0


# The verbs --------------------------------------------------------------------------------------


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
        while not ended and not gone:
            alive = supervised(folder)  # asked before reading: the dead have written all they will
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
                gone = asker_gone(pace.pause())
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


def find(identifier: str, tail: str, ago: str) -> None:
    """Tell where the last *tail* lines begin, of those no older than *ago* seconds.

    An empty word is no bound. A line may begin within a frame: *skip* bytes of it come before.
    """
    folder = existing(identifier)
    with contextlib.closing(Log(os.path.join(folder, "events"))) as log:
        end, told = log.end(), log.begin()
        # A mark tells the second in which the frames after it came.
        since = time.time() - float(ago) - 1 if ago else float("-inf")
        begin = None if ago else (log.begin(), 0)
        lines: collections.deque[tuple[int, int]] = collections.deque(maxlen=int(tail or 1))
        fresh = True  # the next byte begins a line
        for at, kind, body in log.frames(end):
            told = at + HEADER.size + len(body)
            if begin is None and kind == b"t" and float(body) > since:
                begin = (at, 0)
            if begin is None or not tail or not body or kind not in (b"o", b"e"):
                continue
            if fresh:
                lines.append((at, 0))
            starts = [found.end() for found in re.finditer(b"\n", body)]
            fresh = body.endswith(b"\n")
            lines.extend((at, start) for start in starts[: len(starts) - fresh])
        if tail and begin:
            begin = lines[0] if lines else (told, 0)
        offset, skip = begin or (told, 0)
    # On a full disk a frame is cut short, and may stay so for long: it is not there yet.
    send(b"p", encode({"offset": offset, "skip": skip, "end": told}))


def list_jobs() -> None:
    """Tell of every job; one that is just being removed, or is damaged, is passed over."""
    for name in os.listdir(jobs_folder()):
        if IDENTIFIER.fullmatch(name):
            try:
                told = standing(os.path.join(jobs_folder(), name))
            except (OSError, ValueError, LookupError, TypeError):
                continue
            send(b"j", told)


def cancel(identifier: str, name: str, grace: str) -> None:
    """Pass the wish to end on to the supervisor; a job that has ended stays as it is."""
    folder = existing(identifier)
    if name not in SIGNALS:
        raise Failure("request", f"A job is ended by INT, TERM or KILL, not by {name}.")
    wish = f"{name} {float(grace)}\n".encode()
    try:
        with control_of(folder) as control:
            os.write(control, wish)
    except OSError:
        if json.loads(standing(folder))["orphaned"]:
            end_orphans(identifier, name, float(grace))
    send(b"j", standing(folder))


def end_orphans(identifier: str, name: str, grace: float) -> None:
    """End what a dead supervisor left running, as it would have: ever harder, and waited for."""
    for word in SIGNALS[SIGNALS.index(name) :]:
        deadline = time.monotonic() + grace
        for process in marked(identifier):
            with contextlib.suppress(OSError):
                os.kill(process, getattr(signal, f"SIG{word}"))
        if grace == float("inf"):
            return
        while marked(identifier):
            if time.monotonic() > deadline:
                break
            time.sleep(TICK)
        else:
            return


def prune(ago: str) -> None:
    """Remove the records of jobs that ended *ago* seconds ago or earlier, and tell of each."""
    for name in os.listdir(jobs_folder()):
        folder = os.path.join(jobs_folder(), name)
        if IDENTIFIER.fullmatch(name):
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                told = standing(folder)
                job = json.loads(told)
                over = job["state"] not in ("pending", "running") and not job["orphaned"]
                if over and (job["ended"] or job["created"]) <= time.time() - float(ago):
                    shutil.rmtree(folder)
                    send(b"j", told)


def boot() -> None:
    """Tell the id that the cell gave to this life of the machine, nothing where no cell ran."""
    folder = os.environ.get("COLABDEV_RUNTIME") or ours()
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        send(b"b", str(read_json(os.path.join(folder, "runtime.json"))["boot_id"]).encode())


# A job's folder ---------------------------------------------------------------------------------


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


def existing(identifier: str) -> str:
    folder = os.path.join(jobs_folder(), identifier)
    if not IDENTIFIER.fullmatch(identifier) or not os.path.isdir(folder):
        message = f"There is no job {identifier} on this machine."
        raise Failure("no-job", message, "List them: colabdev jobs")
    return folder


def standing(folder: str) -> bytes:
    """Return how the job in *folder* stands, as JSON."""
    alive = supervised(folder)  # asked before reading: an end written in between is not missed
    spec = read_json(os.path.join(folder, "spec.json"))
    try:
        state = read_json(os.path.join(folder, "state.json"))
    except FileNotFoundError:
        state = {}
    if "code" in state:
        word = "failed" if state["code"] else "succeeded"
        word = "cancelled" if state["cancelled"] else word
    elif alive:
        word = "running" if state else "pending"
    else:
        word = "lost"
    told = {key: spec[key] for key in ("id", "name", "command", "cwd", "created")}
    told.update((key, state.get(key)) for key in ("started", "ended"))
    orphaned = word == "lost" and bool(marked(spec["id"]))
    return encode({**told, "state": word, "exit_code": state.get("code"), "orphaned": orphaned})


def supervised(folder: str) -> bool:
    """Tell whether the supervisor lives: a FIFO that nobody reads cannot be opened to write."""
    try:
        with control_of(folder):
            return True
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return False
        raise


@contextlib.contextmanager
def control_of(folder: str) -> Iterator[int]:
    control = os.open(os.path.join(folder, "control"), os.O_WRONLY | os.O_NONBLOCK)
    try:
        yield control
    finally:
        os.close(control)


class Log:
    """The job's log, read while its supervisor writes it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._open: tuple[int, int] | None = None  # where a file begins, and its descriptor

    def begin(self) -> int:
        return self._begins()[0]

    def end(self) -> int:
        last = self._begins()[-1]
        return last + os.path.getsize(self._path(last))

    def read(self, position: int) -> bytes:
        """Return what stands at *position*, nothing when that is the end or was dropped."""
        if self._open:
            chunk = os.pread(self._open[1], CHUNK, position - self._open[0])
            if chunk:
                return chunk
        begin = max((begin for begin in self._begins() if begin <= position), default=None)
        if begin is None or (self._open and self._open[0] == begin):
            return b""
        self.close()
        with contextlib.suppress(FileNotFoundError):  # dropped just now
            self._open = (begin, os.open(self._path(begin), os.O_RDONLY))
            return os.pread(self._open[1], CHUNK, position - begin)
        return b""

    def frames(self, end: int) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield offset, kind and body of every frame before *end*."""
        position = self.begin()
        while position < end and (chunk := self.read(position)):
            size, _ = whole_frames(chunk)
            if not size:
                return
            at = 0
            while at < size:
                kind, length = HEADER.unpack_from(chunk, at)
                yield position + at, kind, chunk[at + HEADER.size : at + HEADER.size + length]
                at += HEADER.size + length
            position += size

    def close(self) -> None:
        if self._open:
            os.close(self._open[1])
            self._open = None

    def _begins(self) -> list[int]:
        return sorted(int(name) for name in os.listdir(self._folder)) or [0]

    def _path(self, begin: int) -> str:
        return os.path.join(self._folder, f"{begin:020d}")


# The protocol -----------------------------------------------------------------------------------


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


def whole_frames(chunk: bytes) -> tuple[int, bool]:
    """Return how many bytes of *chunk* are whole frames, and whether the last is the exit."""
    at = 0
    while at + HEADER.size <= len(chunk):
        kind, length = HEADER.unpack_from(chunk, at)
        if kind not in b"toemaxg" or length > MAX_BODY:
            raise Failure("log", "The job's log is damaged.")
        if at + HEADER.size + length > len(chunk):
            break
        at += HEADER.size + length
        if kind == b"x":
            return at, True
    return at, False


def asker_gone(seconds: float, *bells: int) -> bool:
    """Pause for *seconds*, or until a bell rings; return at once, and true, when stdin ends."""
    ready, _, _ = select.select([0, *bells], [], [], seconds)
    for descriptor in bells:
        if descriptor in ready:
            os.read(descriptor, MAX_BODY)
    return 0 in ready and not os.read(0, 4096)


def send(kind: bytes, body: bytes) -> None:
    write_all(1, HEADER.pack(kind, len(body)) + body)


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


# Files ------------------------------------------------------------------------------------------


def ours(*names: str) -> str:
    return os.path.join(os.path.expanduser("~"), ".colabdev", *names)


def jobs_folder() -> str:
    return private(ours("jobs"))


def private(folder: str) -> str:
    if not os.path.isdir(folder):
        if folder != ours():
            private(os.path.dirname(folder))
        os.makedirs(folder, mode=0o700, exist_ok=True)
    return folder


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


def read_json(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as stream:
        contents: dict[str, Any] = json.load(stream)
    return contents


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


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
