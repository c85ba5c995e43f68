"""One side of a sync: list a tree, send contents of its files, and put new ones into it.

Run as a program it serves the laptop in frames (one byte kind, four bytes length, body) after a
hello line. Bodies are compressed JSON, but for the contents:

    laptop                      here
    q  {"root", "rules", "known", "push", "strong", "brief", "verdict"}
                           ->
                           <-   s [row, ...] ...     S {"problems": [[path, why], ...],
                                                        "now", "same", "strong"}
    d  [path, ...]         ->
                           <-   D {path: digest}
    g  [[path, most, base], ...] ->
                           <-   z, r or l  contents ...  G [[path, why it did not come], ...]
    z, r or l  contents ... ->
    .                      ->
                           <-   a [[path, state, row or null, reason], ...] ...
                                A [ctime_ns, ...] ...     .

Contents are frames again, compressed (z), raw (r), or all together one LZMA stream (l), which goes
to who called himself "strong": x [path, expected row] takes something away; p [row, expected row or
null] puts something, of a file followed by c bytes ... and f digest (empty: forget this one). A put
whose p says true besides takes the blocks that k names (start, size) from what it replaces; "base"
are the marks of such blocks in base64. b puts many small files: the SHA-256 of all that follows,
four bytes of length, the list of [row, expected row or null], and their contents.

A row is [path, kind, size, mtime_ns, ctime_ns, executable, target]; "now" is this machine's clock
in the same unit. Where the digest *known* is that of the whole listing, no row is sent, and "same"
is true. With *push* contents follow the request at once: they are for the tree that is known, and
where the listing is another one they are let go by, up to the next ".". To who is *brief* A tells
of all that is not told of in a, in the order of the paths: it went well, and stands there as it was
announced; of files, how much later than the last one each was changed. Under *verdict*, a token,
word is left for another program here: whether the tree was the known one and took all that was
pushed. The first of what the laptop says may come as an argument of the program, in base64: it
saves a round trip. Contents are staged, and only when the last of them has arrived whole are they
moved into place.
"""

import base64
import contextlib
import errno
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, BinaryIO  # JSON is anything until it has been checked

from colabdev.payload.digests import MEMORY, Digests
from colabdev.payload.folders import (
    FULL,
    STATE,
    Folder,
    sweep,
)
from colabdev.payload.frames import (
    BATCH,
    CHUNK,
    HEADER,
    MAX_FRAME,
    MAX_JSON,
    Failure,
    Frame,
    Packer,
    Unpacker,
    batches,
    damaged,
    frames,
    inflate,
    is_strong,
    load_json,
    pack_json,
    strong_filters,
    unpack_json,
)
from colabdev.payload.reading import BLOCK, LARGE, MARK, Known, mark, marks_of
from colabdev.payload.sending import (
    SPAN,
    TRIES,
    Sending,
    Wanted,
    batch_frame,
    batched,
    span_of,
)
from colabdev.payload.stage import Stage
from colabdev.payload.tree import (
    MAX_ENTRIES,
    MAX_PATH,
    NEVER,
    Row,
    Rules,
    check_row,
    digest_of,
    digest_of_rows,
    leads_out,
    make_row,
    open_file,
    scan,
    why_unsafe,
)
from colabdev.payload.verdict import tell_verdict

# The laptop takes what it shares with this program from here.
__all__ = [
    "BATCH",
    "BLOCK",
    "CHUNK",
    "FULL",
    "HEADER",
    "LARGE",
    "MARK",
    "MAX_ENTRIES",
    "MAX_FRAME",
    "MAX_JSON",
    "MAX_PATH",
    "MEMORY",
    "NEVER",
    "SPAN",
    "STATE",
    "TRIES",
    "Digests",
    "Failure",
    "Folder",
    "Frame",
    "Known",
    "Packer",
    "Row",
    "Rules",
    "Sending",
    "Stage",
    "Unpacker",
    "Wanted",
    "batch_frame",
    "batched",
    "batches",
    "check_row",
    "damaged",
    "digest_of",
    "digest_of_rows",
    "frames",
    "inflate",
    "is_strong",
    "leads_out",
    "load_json",
    "make_row",
    "mark",
    "marks_of",
    "open_file",
    "pack_json",
    "scan",
    "span_of",
    "strong_filters",
    "sweep",
    "unpack_json",
    "why_unsafe",
]


class _Source:
    """What the laptop says: *first*, which came with the program, and then what follows."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first = io.BytesIO(first)
        self._rest = rest

    def read(self, size: int) -> bytes:
        return (self._first.read(size) or self._rest.read(size)) if size else b""


def _receive(source: _Source) -> tuple[bytes, bytes]:
    header = source.read(HEADER.size)
    if len(header) == HEADER.size:
        kind, length = HEADER.unpack(header)
        if length > MAX_FRAME:
            raise damaged(f"a message of {length} bytes was announced")
        body = source.read(length)
        if len(body) == length:
            return kind, body
    raise Failure("truncated", "The stream from the laptop ended too early.")


def _send(sink: BinaryIO, kind: bytes, body: bytes) -> None:
    header = HEADER.pack(kind, len(body))
    if len(body) < CHUNK:
        sink.write(header + body)
        sink.flush()
        return
    sink.flush()
    sent = os.writev(sink.fileno(), (header, body))  # as it is: a copy of all costs time
    if sent < len(header) + len(body):
        sink.write((header + body)[sent:])
        sink.flush()


class _Request:
    """What the laptop asks first, in the words of the protocol above."""

    def __init__(self, kind: bytes, body: bytes) -> None:
        asked = unpack_json(body)
        self.root = asked["root"]
        if kind != b"q" or not isinstance(self.root, str) or not os.path.isabs(self.root):
            raise damaged("it asks for no absolute folder")
        self.rules = Rules(asked["rules"])
        self.known = str(asked.get("known", ""))
        self.push = asked.get("push") is True
        self.strong = asked.get("strong") is True
        self.brief = asked.get("brief") is True
        self.verdict = str(asked.get("verdict", ""))


def _serve(source: _Source, sink: BinaryIO, request: _Request) -> None:
    root = request.root
    _make_root(root)
    sweep(root)
    problems: list[list[str]] = []
    files: dict[str, Row] = {}
    rows: Iterable[Row] = scan(root, request.rules, problems)
    same = False
    if request.known:  # else the rows travel while the scan goes on
        rows = list(rows)
        same = digest_of_rows(sorted(rows, key=itemgetter(0))) == request.known
        # Who is strong may have packed what follows so, and cannot know whether it is read here.
        same = same and (is_strong() or not request.strong)
    for batch in batches(rows):
        if not same:
            _send(sink, b"s", pack_json(batch))
        files.update((row[0], row) for row in batch if row[1] == "f")
    if len(problems) > BATCH:  # what is not told of would look as if it had been taken away
        raise Failure("unreadable", f"{len(problems)} paths in {root} cannot be read there.")
    end = {"problems": problems, "now": time.time_ns(), "same": same, "strong": is_strong()}
    well = same and not problems
    if request.verdict and not (request.push and well):
        tell_verdict(request.verdict, well)
    _send(sink, b"S", pack_json(end))
    if request.push and not well:
        while _receive(source)[0] != b".":
            pass  # it was meant for another tree than there is
    unpacker = Unpacker()
    digests = Digests(root)
    with contextlib.ExitStack() as opened:
        stage = None
        kind = b""
        while kind != b".":
            kind, body = _receive(source)
            if kind == b"d":
                asked = [path for path in unpack_json(body) if path in files]
                _send(sink, b"D", pack_json(digests.of(files[path] for path in asked)))
                digests.save()
            elif kind == b"g":
                wanted = [one for one in unpack_json(body) if one[0] in files]
                left: list[list[str]] = []
                for piece in Packer(request.strong).pieces(_contents(root, wanted, left)):
                    _send(sink, *piece)
                _send(sink, b"G", pack_json(left))
            elif kind in (b"z", b"r", b"l"):
                if stage is None:
                    stage = Stage(root)
                    opened.callback(stage.close)
                for frame in unpacker.frames(kind, body):
                    stage.take(*frame)
            elif kind != b".":
                raise damaged("a message of no known kind came")
        unpacker.end()
        # All of them before the first is told of: a laptop that goes now leaves nothing halfway.
        outcomes = list(stage.apply()) if stage else []
        brief: list[list[Any]] = []
        if stage and request.brief:
            brief = sorted(filter(stage.as_announced, outcomes), key=itemgetter(0))
            outcomes = [one for one in outcomes if not stage.as_announced(one)]
        if request.verdict and request.push and well:
            tell_verdict(request.verdict, all(outcome[1] == "done" for outcome in outcomes))
    for batch in batches(outcomes):
        _send(sink, b"a", pack_json(batch))
    for batch in batches(_later(row for _, _, row, _ in brief)):
        _send(sink, b"A", pack_json(batch))
    _send(sink, b".", b"")


def _later(rows: Iterable[Row | None]) -> Iterator[int]:
    """Yield how much later than the last one each file was changed, 0 for what is none."""
    last = 0
    for row in rows:
        is_file = row is not None and row[1] == "f"
        yield row[4] - last if row and is_file else 0
        last = row[4] if row and is_file else last


def _contents(
    root: str, wanted: Iterable[tuple[str, int, str]], left: list[list[str]]
) -> Iterator[Frame]:
    def leave(path: str, why: str) -> None:
        left.append([path, why])

    # The laptop makes the marks of what comes by itself.
    sending = Sending(root, lambda _row, _digest, _marks: None, leave, marked=False)
    yield from sending.frames(
        Wanted(path, most, base=base64.b64decode(base)) for path, most, base in wanted
    )


def _make_root(root: str) -> None:
    try:
        os.makedirs(root, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Failure(
            "root",
            f"{root} cannot be the project's folder on the runtime: a file stands in the way.",
            "Move that file away with 'colabdev shell' and sync again.",
        ) from None


def _translated(error: Exception, root: str) -> Failure:
    if not isinstance(error, OSError):
        return damaged(str(error))
    if error.errno in FULL:
        hint = "Free space there ('df -h' in 'colabdev shell' shows it) and sync again."
        return Failure("full", f"The runtime's disk with {root} is full.", hint)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "Run the cell with a workspace root that its user may write to."
        sentence = f"{root} cannot be written on the runtime: {error.strerror}."
        return Failure("unwritable", sentence, hint)
    return Failure("io", f"{root} cannot be used on the runtime: {error}.")


def main() -> int:
    """Serve one sync over stdin and stdout."""
    sink = sys.stdout.buffer
    sink.write(b"\0colabdev replica 1\n")
    root = ""
    try:
        try:
            source = _Source(base64.b64decode("".join(sys.argv[1:])), sys.stdin.buffer)
            request = _Request(*_receive(source))
            root = request.root
            _serve(source, sink, request)
            return 0
        except BrokenPipeError:
            raise
        except Failure as error:
            failure = error
        except (OSError, ValueError, KeyError, TypeError, re.error) as error:
            failure = _translated(error, root)
        record = {"kind": failure.kind, "message": failure.message, "hint": failure.hint}
        _send(sink, b"E", json.dumps(record).encode("ascii"))
    except BrokenPipeError:
        # Nobody listens any more; the interpreter's last flush must find an open file.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main())
