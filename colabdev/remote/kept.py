"""Which of our programs a machine keeps: those need not travel to it again."""

import contextlib

from colabdev import paths
from colabdev.remote.program import Program

_MACHINES = 20  # they come and go
_PROGRAMS = 16  # of each version of colabdev there are as many as it has


class Kept:
    """What the machine of the life *boot_id* keeps, as far as it has told this computer.

    That is no more than a guess which saves bytes: the machine says when it is wrong. A file that
    cannot be written costs those bytes again. None is known of a machine without a *boot_id*.
    """

    def __init__(self, boot_id: str) -> None:
        self._file = paths.kept_dir() / boot_id if boot_id else None

    def has(self, program: Program) -> bool:
        """Tell whether *program* is there."""
        return _line(program) in self._lines()

    def note(self, program: Program, kept: bool) -> None:
        """Note that *program* is there, or that it is not."""
        lines = self._lines()
        if self._file is None or (_line(program) in lines) == kept:
            return
        lines = [line for line in lines if line != _line(program)]
        if kept:
            lines.append(_line(program))
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.write_text("\n".join(lines[-_PROGRAMS:]), encoding="ascii")
            files = sorted(self._file.parent.iterdir(), key=lambda file: file.stat().st_mtime)
            for file in files[:-_MACHINES]:
                file.unlink()

    def _lines(self) -> list[str]:
        with contextlib.suppress(OSError, ValueError):
            if self._file:
                return self._file.read_text(encoding="ascii").split("\n")
        return []


def _line(program: Program) -> str:
    return f"{program.name}-{program.digest}"
