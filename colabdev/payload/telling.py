"""Telling the laptop: frames on stdout, a failure as a record, and an explicit end."""

import os
from collections.abc import Callable
from typing import Any  # what a verb returns is nobody's business

from colabdev.payload.records import HEADER, encode


class Failure(Exception):
    """A failure to tell the laptop: a stable *kind*, a sentence and a next step."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.record = {"kind": kind, "message": message, "hint": hint}


def answer(program: str, verb: Callable[..., Any], arguments: "tuple[str, ...]") -> int:
    """Say hello for *program*, do what *verb* does, and return the exit code."""
    try:
        write_all(1, f"\0colabdev {program} 1\n".encode())
        try:
            verb(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            place = error.filename or os.path.join(os.path.expanduser("~"), ".colabdev")
            message = f"The far side cannot use {place}: {error.strerror}."
            hint = "Mend its permissions there, or make room: colabdev shell"
            send(b"E", encode({"kind": "storage", "message": message, "hint": hint}))
        except Failure as failure:
            send(b"E", encode(failure.record))
        send(b".", b"")
    except BrokenPipeError:
        return 1  # nobody listens any more
    return 0


def send(kind: bytes, body: bytes) -> None:
    write_all(1, HEADER.pack(kind, len(body)) + body)


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
