"""The process ``colabdev``: quick to begin, and quick to end."""

import atexit
import contextlib
import gc
import os
import sys


def main() -> None:
    """Run one command, and leave with its exit code as soon as what it said is out.

    What the interpreter would still do, which is to take every module and object apart, costs
    more than many a command. Whatever must not be lost is closed by then: threads that still run
    are those that nobody waits for.
    """
    gc.set_threshold(50_000, 20, 50)  # loading modules makes objects that stay, not garbage
    from colabdev.cli.main import main as run

    code: object = 1
    try:
        run()
    except SystemExit as end:
        code = end.code
    with contextlib.suppress(OSError):  # nobody reads it any more
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()  # what libraries have to put away, as temporary folders
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
