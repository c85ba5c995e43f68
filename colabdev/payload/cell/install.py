"""Packages that a tunnel needs, by the pip of the notebook's own Python."""

import contextlib
import importlib.metadata
import sys

from colabdev.payload.cell.core import CellError, _run


def _install(name: str, known: str, *wanted: str) -> None:
    """Install *wanted*, unless *name* is there in a version that begins with *known*."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        if importlib.metadata.version(name).startswith(known):
            return
    print(f"Installing {', '.join(wanted)}, and no other package.")
    done = _run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", *wanted])
    if done.returncode:
        raise CellError(f"pip cannot install {wanted[0]}.", done.stderr.strip()[-300:])
