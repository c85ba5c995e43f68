"""What a command writes to one of its streams, taken by a thread that waits in the read itself.

Who has ever polled a pipe is woken by each write to it, and a flood of short ones takes a fifth
longer for that. One who waits in a read is woken by the first of them alone.
"""

import contextlib
import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable

from colabdev.payload.pace import Pace

PIECE = 256 * 1024
ROOM = 1024 * 1024  # bytes that a pipe shall hold
POKE = signal.SIGUSR1
MAX_AFTERWARDS = 4 * 1024 * 1024  # bytes taken after the end: more than two pipes can hold


class Outlet:
    """The pipe *descriptor* of a command; *take* gets each piece once the last one is taken.

    A lone line is taken at once; of a burst, which goes on meanwhile, what has been gathered.
    """

    def __init__(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        self._descriptor = descriptor
        self._room = widened(descriptor)
        self._take = take
        self._afterwards = 0  # bytes taken after the command's end
        self._over = threading.Event()
        self._trouble: BaseException | None = None
        self._ending = threading.Lock()  # a thread that has ended must not be sent a signal
        self._ended = False
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def is_open(self) -> bool:
        """Tell whether there may be more."""
        return not self._ended

    def check(self) -> None:
        """Raise what *take* has raised: nobody would read on, and the command would be held up."""
        if self._trouble:
            raise self._trouble

    def wait(self, seconds: float) -> None:
        """Wait for its end; the command has ended, so that nothing is gathered any more."""
        self._over.set()
        self._thread.join(seconds)

    def cut(self) -> None:
        """Let what is there by now be taken, and nothing that a background process writes later."""
        os.set_blocking(self._descriptor, False)
        with self._ending:
            if self._thread.ident and not self._ended:
                # Where it waits, the read begins anew, and finds that it is to wait no more.
                signal.pthread_kill(self._thread.ident, POKE)

    def _hear(self) -> None:
        pace = Pace()
        asked = time.monotonic()
        try:
            while self._afterwards < MAX_AFTERWARDS:
                data = os.read(self._descriptor, PIECE)
                if not data:
                    return
                self._take(data)
                self._afterwards += len(data) * self._over.is_set()
                now = time.monotonic()
                # Never so long that the pipe might fill up, and the command have to wait.
                pause = min(pace.pause(len(data)), self._room / 2 * (now - asked) / len(data))
                asked = now
                if pause and len(data) < min(PIECE, self._room // 2):
                    self._over.wait(pause)
        except BlockingIOError:
            pass  # cut, and that was all
        except BaseException as error:  # not swallowed: raised by `check`
            self._trouble = error
        finally:
            with self._ending:
                self._ended = True


def widened(pipe: int) -> int:
    """Make *pipe* hold more, so that a flood goes on meanwhile; return what it holds."""
    with contextlib.suppress(AttributeError, OSError):  # not Linux; or too many of a user's
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM)
    return 64 * 1024
