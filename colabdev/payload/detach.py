"""A program of ours in a process that outlives this one, and owes nothing to its connection."""

import contextlib
import importlib.util
import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any  # a program of ours says what its main takes


def detached(program: str, arguments: list[Any], stdin: bytes, log: int, kept: int) -> bytes:
    """Run the main of the file *program* apart from us; return what it says before it lets go.

    It is forked, not started: what it needs is loaded already, and nothing of a user's is, for we
    run with -I and -S. *stdin* never leaves this memory, *log* takes its stderr, and of all other
    descriptors it has *kept* alone.
    """
    heard, told = os.pipe()
    if not os.fork():
        code = 1
        try:
            os.setsid()
            os.chdir("/")
            nowhere = os.open(os.devnull, os.O_RDONLY)
            for ours, its in ((nowhere, 0), (told, 1), (log, 2)):
                os.dup2(ours, its)
            for name in os.listdir("/dev/fd"):
                if int(name) > 2 and int(name) != kept:
                    with contextlib.suppress(OSError):  # that by which the list was read
                        os.close(int(name))
            sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
            code = main_of(program)(*arguments)
        except BaseException:  # its end is its own: nothing of ours may go on in its process
            os.write(2, traceback.format_exc().encode(errors="replace"))
        finally:
            os._exit(code)
    os.close(told)
    with open(heard, "rb") as stream:
        return stream.read()


def main_of(program: str) -> Callable[..., int]:
    """Return the function main of the file *program*; Python keeps what it makes of the text."""
    spec = importlib.util.spec_from_file_location("program", program)
    assert spec is not None, "it is a file of Python"
    assert spec.loader is not None, "as above"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., int] = module.main
    return found
