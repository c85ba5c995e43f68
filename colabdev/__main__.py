"""The process ``colabdev``: quick to begin, and quick to end."""

import atexit
import contextlib
import gc
import io
import os
import sys

# Options of a sync with which it begins on the same machine and with the same question.
_NO_OTHERWISE = {"--json", "--large", "--yes"}


def main() -> None:
    """Run one command, and leave with its exit code as soon as what it said is out.

    What the interpreter would still do, which is to take every module and object apart, costs
    more than many a command. Whatever must not be lost is closed by then: threads that still run
    are those that nobody waits for.
    """
    gc.set_threshold(50_000, 20, 50)  # loading modules makes objects that stay, not garbage
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _stand_in()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # An old code page lacks letters; stderr shows those in this way from the start.
        sys.stdout.reconfigure(errors="backslashreplace")
    code: object = 1
    try:
        if sys.argv[1:2] == ["sync"] and set(sys.argv[2:]) <= _NO_OTHERWISE:
            _ask_ahead()
        from colabdev.cli.main import main as run

        run()
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # while that was loaded: there is nothing to say of yet
        code = 130
    with contextlib.suppress(OSError):  # nobody reads it any more
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()  # what libraries have to put away, as temporary folders
    os._exit(code if isinstance(code, int) else 0)


def _ask_ahead() -> None:
    """Let what takes a round trip begin before the command line is loaded."""
    from pathlib import Path

    from colabdev.sync.ahead import begin

    with contextlib.suppress(Exception):  # as of a folder that is gone: it is met again, and told
        begin(Path.cwd())


def _stand_in() -> None:
    """Put the null device where a standard stream is closed, as ``>&-`` leaves it.

    Else the next file that is opened would have the stream's number, and get what is printed.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)  # what is started from here prints too
    os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115 - a number, for good
            setattr(sys, name, stream)


if __name__ == "__main__":
    main()
