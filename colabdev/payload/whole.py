"""Telling a file that is whole from one that is being written."""

import contextlib
import fcntl
import os
import signal


def is_whole(descriptor: int) -> bool:
    """Tell whether the file was given its name when it was written.

    A write sets both of its times, a rename into place the later one alone.
    """
    status = os.fstat(descriptor)
    return status.st_ctime_ns > status.st_mtime_ns


def is_closed(descriptor: int) -> bool:
    """Tell whether nobody has the file open for writing; no where that cannot be known.

    The kernel gives a read lease on those files alone (Linux, to a file's owner, on most file
    systems). It is given back at once. A writer that comes in between waits that long, and we are
    sent SIGURG, which does nothing unless somebody asked for it.
    """
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: no Linux
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return True
    return False
