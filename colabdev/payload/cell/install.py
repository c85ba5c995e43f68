"""Packages that a tunnel needs, by the pip of the notebook's own Python."""

import importlib.metadata
import subprocess
import sys


def _install(name: str, known: str, *wanted: str) -> None:
    """Install *wanted*, unless *name* is there in a version that begins with *known*."""
    if any(each.version.startswith(known) for each in importlib.metadata.distributions(name=name)):
        return
    print(f"Installing {', '.join(wanted)}, and no other package.")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", *wanted], check=True)
