"""Ending a job and what it started: politely, then ever harder."""

import contextlib
import os
import signal
import time

from colabdev.payload.marks import marked

LADDER = ("INT", "TERM", "KILL")


class Ending:
    """How *job* is made to end: by the signal asked for, and after each grace by the next one.

    Its command leads the process group *group*.
    """

    def __init__(self, group: int, job: str) -> None:
        self.asked = False
        self._group = group
        self._job = job
        self._rung = -1
        self._grace = float("inf")
        self._due = float("inf")

    def heed(self, wishes: bytes) -> None:
        """Act on what ``cancel`` wrote: a wish no stronger than the last one changes nothing.

        Of two that name the same signal the one with less grace is the stronger; the job, which may
        be saving its work by now, is not sent that signal twice.
        """
        for wish in wishes.decode(errors="replace").splitlines():
            with contextlib.suppress(ValueError):  # the job itself might write there
                name, grace = wish.split()
                self._wish(LADDER.index(name), float(grace))
        if time.monotonic() >= self._due:
            self._climb(self._rung + 1)

    def sweep(self) -> None:
        """End what the command left behind; while one is left, the group's number is its own.

        A command that had to be killed could not end those that it gave groups of their own, as
        torchrun gives its workers.
        """
        with contextlib.suppress(OSError):
            os.killpg(self._group, signal.SIGKILL)
        if self._rung == len(LADDER) - 1:
            for process in marked(self._job):
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)

    def _wish(self, rung: int, grace: float) -> None:
        if rung > self._rung:
            self._grace = grace
            self._climb(rung)
        elif rung == self._rung and grace < self._grace:
            self._grace = grace
            self._wait()

    def _climb(self, rung: int) -> None:
        self.asked = True
        self._rung = rung
        self._wait()
        with contextlib.suppress(OSError):
            os.killpg(self._group, getattr(signal, f"SIG{LADDER[rung]}"))

    def _wait(self) -> None:
        last = self._rung == len(LADDER) - 1
        self._due = float("inf") if last else time.monotonic() + self._grace
