"""Packages that a tunnel needs, by the pip of the notebook's own Python."""

import contextlib
import importlib.metadata
import sys

from colabdev.payload.cell.core import CellError, _run, _say


def _install(name: str, known: str, wanted: str) -> None:
    """Install *wanted*, unless *name* is there in a version that begins with *known*."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        if importlib.metadata.version(name).startswith(known):
            return
    _say("Installing {wanted}, and no other package.", wanted=wanted)
    done = _run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", wanted])
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["-"])[-1]
        step = "Try it in another cell."
        raise CellError("pip cannot install {wanted}: {said}", step, wanted=wanted, said=said)
