"""See one job through: run its command, record what it tells, end it when asked, note its end.

``main(FOLDER, CONTROL)`` runs detached from ``jobs.py``, with the request on stdin and the job's
FIFO open as descriptor CONTROL; it answers ``{}`` once the command runs, else an error
record. The log is made of frames (a kind byte, four bytes of length, the body): ``t`` the time
(seconds since 1970) from which on the next ones came, ``o`` stdout, ``e`` stderr, ``m`` a report
row, ``a`` a file that was asked for and is complete, ``g`` how busy a GPU is, and at last ``x``,
the exit.
"""

import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any  # requests and records are JSON: mappings of anything

from colabdev.payload.ending import Ending
from colabdev.payload.gpus import Gpus
from colabdev.payload.harvest import Harvest
from colabdev.payload.marks import born
from colabdev.payload.outlet import POKE, Outlet
from colabdev.payload.records import encode, frame

MAX_BODY = 64 * 1024
MAX_NOTE = 8 * 1024
CHUNK = 256 * 1024
TICK = 0.02  # seconds between looks at what no descriptor announces: the report, the exit
LINGER = 0.5  # seconds that a background process may hold the output after the command's end
PATIENCE = 3600  # seconds that a full disk is given to get room after the command's end
SEGMENTS = 8  # files that a log of full size is made of
SECOND = 1.0  # seconds between two marks of the time in the log


class Failure(Exception):
    """The command cannot be started: a stable *kind*, a sentence and a next step."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.record = {"kind": kind, "message": message, "hint": hint}


def main(folder: str, control: int) -> int:
    os.set_inheritable(control, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # an ignored signal would stay ignored in the job
    signal.signal(POKE, lambda *_: None)
    request = json.loads(sys.stdin.buffer.read())
    bells = Bells(folder)
    log = Log(os.path.join(folder, "events"), request["log_limit"], bells.ring)
    report = Report(os.path.join(folder, "report"))
    harvest = Harvest(os.path.expanduser(request["cwd"]), request["pull"])
    state = {"pid": os.getpid(), "pid_born": born(os.getpid()), "started": time.time()}
    state_file = os.path.join(folder, "state.json")
    write_atomic(state_file, encode(state))
    try:
        child = spawn(request, report.path)
    except Failure as failure:
        os.write(1, encode(failure.record))
        return 1
    state.update(command=child.pid, command_born=born(child.pid))
    with contextlib.suppress(OSError):  # a full disk: the job runs all the same
        write_atomic(state_file, encode(state))
    with contextlib.suppress(OSError):  # who asked for it has been ended
        os.write(1, b"{}")
    let_go()

    harvest.begin()
    with contextlib.closing(Gpus()) as gpus:
        records = Records(log, report, harvest, gpus)
        end = watch(request["id"], child, control, records, bells)
    state.update(end, ended=time.time())
    last = [frame(b"x", encode(end))]
    for _ in range(PATIENCE):
        try:
            # The state comes first: who hears of the end from the log may ask for it at once.
            write_atomic(state_file, encode(state))
        except FileNotFoundError:
            return 1  # the job's folder was removed: nobody will ask
        except OSError:
            time.sleep(1)
            continue
        log.add(*last)
        last.clear()
        if log.flush():
            return 0
        time.sleep(1)
    return 1


def spawn(request: dict[str, Any], report: str) -> "subprocess.Popen[bytes]":
    """Start the command in a session of its own.

    Raises:
        Failure: there is no such folder or program.
    """
    environment = {**os.environ, **request["env"]}
    path = (request["modules"], environment.get("PYTHONPATH"))
    environment.update(
        PYTHONUNBUFFERED="1",
        PYTHONPATH=os.pathsep.join(filter(None, path)),
        COLABDEV_REPORT=report,
        COLABDEV_JOB=request["id"],
    )
    command = list(request["command"])
    if command[0] == "python":
        command[0] = environment.get("COLABDEV_PYTHON") or sys.executable
    folder = os.path.expanduser(request["cwd"])
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        if error.filename == folder:
            message = f"The folder {folder} cannot be entered on the far side: {error.strerror}."
            raise Failure("cwd", message, "Send the project there: colabdev sync") from error
        message = f"{command[0]} cannot be run on the far side: {error.strerror}."
        hint = "Check its name, that it is executable, and that it is installed there."
        raise Failure("command", message, hint) from error
    except ValueError as error:
        raise Failure("request", f"The command cannot be passed on: {error}.") from error


def let_go() -> None:
    """Keep nothing open of the connection that started us."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def watch(
    job: str, child: "subprocess.Popen[bytes]", control: int, records: "Records", bells: "Bells"
) -> dict[str, Any]:
    """Record all that *child*, the command of *job*, tells until its end; return how it ended.

    A background process that holds the output for longer than a moment after the end is left
    alone, unless the job was cancelled: then nothing of its process group stays.
    """
    kinds = {child.stdout: b"o", child.stderr: b"e"}
    outlets = [
        Outlet(stream.fileno(), functools.partial(records.output, kind))
        for stream, kind in kinds.items()
        if stream
    ]
    end = ready_at_end(child.pid)
    ending = Ending(child.pid, job)
    begun = time.monotonic()
    deadline = float("inf")
    while any(outlet.is_open() for outlet in outlets) or child.poll() is None:
        for outlet in outlets:
            outlet.check()
        over = child.poll() is not None
        heard = [control] if over else [control, *end]
        ready, _, _ = select.select(heard, [], [], 0 if over else TICK)
        wishes = os.read(control, CHUNK) if control in ready else b""
        bells.heed(wishes)
        records.look()
        if not over:
            ending.heed(wishes)
            records.begin()
            continue
        now = time.monotonic()
        deadline = min(deadline, now + LINGER)
        for outlet in outlets:
            outlet.wait(TICK)
            if now > deadline:
                outlet.cut()
        if now > deadline + PATIENCE:
            records.give_up()
            break
    if ending.asked:
        ending.sweep()
    seconds = round(min(time.monotonic(), deadline - LINGER) - begun, 3)
    records.rest()
    code = child.returncode
    return {
        "code": code if code >= 0 else 128 - code,
        "signal": -code if code < 0 else None,
        "cancelled": ending.asked,
        "seconds": seconds,
    }


def ready_at_end(process: int) -> list[int]:
    """Return, in a list, a descriptor that is ready when *process* ends, where there are such."""
    try:
        return [os.pidfd_open(process)]
    except (AttributeError, OSError):  # not Linux, or an old one: the next look will tell
        return []


class Records:
    """What is told of a job, whichever thread has it: into the *log*, one after the other."""

    def __init__(self, log: "Log", report: "Report", harvest: Harvest, gpus: Gpus) -> None:
        self._log = log
        self._report = report
        self._harvest = harvest
        self._gpus = gpus
        self._turn = threading.Lock()
        self._given_up = False

    def begin(self) -> None:
        """Record how busy the GPUs are from now on."""
        with self._turn:
            self._gpus.begin()

    def output(self, kind: bytes, data: bytes) -> None:
        """Record *data*; while the disk is full it waits, and with it the job, whose pipe fills."""
        pieces = [data[at : at + MAX_BODY] for at in range(0, len(data), MAX_BODY)]
        while not self.look(*(frame(kind, piece) for piece in pieces)) and not self._given_up:
            time.sleep(TICK)

    def look(self, *frames: bytes) -> bool:
        """Record what is new, and *frames*; nothing, and return false, when the disk is full."""
        with self._turn:
            if not self._log.flush():
                return False
            told = self._report.rows()  # first, so that a row is told before the line after it
            self._log.add(*told, *self._harvest.ripe(), *self._gpus.samples(), *frames)
            return True

    def rest(self) -> None:
        """Record all else that the job has left."""
        with self._turn:
            self._log.add(*self._report.rest())
            self._log.add(*self._harvest.rest())

    def give_up(self) -> None:
        """Let no output wait any more."""
        self._given_up = True


class Bells:
    """Those who follow the log, each with a FIFO in *folder* by which it hears that it grew."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._open: list[int] = []

    def heed(self, wishes: bytes) -> None:
        """Take in who wants to hear; its FIFO needs no name any more then."""
        for wish in wishes.decode(errors="replace").splitlines():
            name = wish[len("LISTEN ") :]
            if wish.startswith("LISTEN ") and "/" not in name:
                path = os.path.join(self._folder, name)
                with contextlib.suppress(OSError):  # it has gone meanwhile
                    self._open.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                    os.unlink(path)

    def ring(self) -> None:
        for bell in list(self._open):
            try:
                os.write(bell, b"!")
            except BlockingIOError:  # it has not even heard the last thousands
                continue
            except OSError:
                os.close(bell)
                self._open.remove(bell)


class Log:
    """The job's log: files named by the offset at which they begin, the oldest dropped in time.

    What the disk does not take yet is kept and tried again; *ring* is called when it has grown.
    """

    def __init__(self, folder: str, limit: int, ring: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._limit = limit
        self._ring = ring
        self._begins = [0]
        self._end = 0
        self._descriptor = self._opened(0)
        self._unwritten = bytearray()
        self._marked = float("-inf")

    def add(self, *frames: bytes) -> None:
        """Append whole *frames*, with the time where a second has passed since it was told."""
        if not frames:
            return
        if time.monotonic() - self._marked > SECOND:
            self._marked = time.monotonic()
            frames = (frame(b"t", b"%.3f" % time.time()), *frames)
        for one in frames:
            if len(self._unwritten) >= MAX_BODY:
                self._write()  # in pieces, so that no file becomes much larger than its share
            if not self._unwritten and self._end - self._begins[-1] >= self._limit // SEGMENTS:
                self._turn()
            self._unwritten += one
        self._write()
        self._ring()

    def flush(self) -> bool:
        """Write what is left; return whether all of it is written."""
        if self._unwritten and self._write():
            self._ring()
        return not self._unwritten

    def _write(self) -> bool:
        while self._unwritten:
            try:
                size = os.write(self._descriptor, self._unwritten)
            except OSError:
                return False
            self._end += size
            del self._unwritten[:size]
        return True

    def close(self) -> None:
        os.close(self._descriptor)

    def _turn(self) -> None:
        """Go on in another file, and drop the oldest ones beyond the limit."""
        with contextlib.suppress(OSError):  # a full disk: the file at hand will do
            descriptor = self._opened(self._end)
            os.close(self._descriptor)
            self._descriptor = descriptor
            self._begins.append(self._end)
        room = self._limit - self._limit // SEGMENTS
        while len(self._begins) > 1 and self._end - self._begins[0] > room:
            with contextlib.suppress(OSError):
                os.unlink(self._path(self._begins[0]))
            del self._begins[0]

    def _opened(self, begin: int) -> int:
        return os.open(self._path(begin), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _path(self, begin: int) -> str:
        return os.path.join(self._folder, f"{begin:020d}")


class Report:
    """The rows that the job appends to its report, as frames."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        self._offset = 0
        self._begun = b""

    def rows(self) -> list[bytes]:
        """Return the lines that became whole since, at most one chunk of them."""
        data = os.pread(self._descriptor, CHUNK, self._offset)
        self._offset += len(data)
        *lines, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > MAX_BODY:
            lines.append(self._begun)
            self._begun = b""
        return [frame(b"m", proper_row(line)) for line in lines if line.strip()]

    def rest(self) -> list[bytes]:
        """Return all that is there by now, though others may go on appending."""
        size = os.fstat(self._descriptor).st_size
        frames = self.rows()
        while self._offset < size:
            frames += self.rows()
        return frames

    def close(self) -> None:
        os.close(self._descriptor)


def proper_row(line: bytes) -> bytes:
    """Return *line* if it is a report row, else a note that quotes it."""
    try:
        row = json.loads(line.decode(), parse_constant=refuse)
        if len(line) <= MAX_BODY and isinstance(row, dict) and isinstance(row.get("kind"), str):
            return line
    except (ValueError, RecursionError):
        pass
    return encode({"v": 1, "kind": "note", "text": line[:MAX_NOTE].decode(errors="replace")})


def refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def write_atomic(path: str, data: bytes) -> None:
    draft = path + ".new"  # this process alone writes it
    with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(data)
    os.replace(draft, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
