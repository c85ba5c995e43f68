"""The command line in a terminal of its own: what a person types, and what the screen gets."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from pathlib import Path


class Terminal:
    """A pseudo terminal in which one command runs; *screen* is all that it was sent."""

    def __init__(self, words: tuple[str, ...], env: Mapping[str, str] | None) -> None:
        self.screen = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "colabdev", *words],
            env={**(env or os.environ), "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
        )
        os.close(slave)

    def until(self, pattern: str, *, seconds: float = 60) -> None:
        """Read until *pattern* (a regular expression) has come after what was read before."""
        start, deadline = len(self.screen), time.monotonic() + seconds
        while not re.search(pattern, self.screen[start:]):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.screen!r}"
            assert self._read(), f"ended without {pattern!r}: {self.screen!r}"

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 60)[0]:
            return False
        with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
            chunk = os.read(self._master, 65536)
            self.screen += chunk.decode(errors="replace")
            return bool(chunk)
        return False


@contextlib.contextmanager
def terminal(*words: str, env: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Run ``colabdev`` with *words* in a terminal until the block ends."""
    there = Terminal(words, env)
    try:
        yield there
    finally:
        there.close()


def lent_by_sshd() -> bool:
    """Tell whether this user's sshd can open a terminal here: devpts wants ``gid=``, or root."""
    options = Path("/proc/mounts").read_text().partition(" devpts ")[2][:200]
    return not os.getuid() or "gid=" in options
