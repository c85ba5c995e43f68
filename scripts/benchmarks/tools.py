"""The tools as lists of words: OpenSSH and what rides on it, and colabdev."""

import shlex
from pathlib import Path

from benchmarks.testbed import Bed

DIRECT = {"COLABDEV_LINK": "0"}  # colabdev without its kept connection


def ssh(bed: Bed, *words: str, shared: bool = False) -> list[str]:
    """Return the command that runs *words* on the machine, if *shared* over the kept connection."""
    return ["ssh", "-F", str(bed.ssh), _host(shared), shlex.join(words)]


def rsync(bed: Bed, source: str, target: str) -> list[str]:
    """Return the command that makes *target* like *source*; one of them is `at`."""
    return ["rsync", "-az", "-e", f"ssh -F {shlex.quote(str(bed.ssh))}", source, target]


def scp(bed: Bed, source: str, target: str) -> list[str]:
    """Return the command that copies *source* to *target*; one of them is `at`."""
    return ["scp", "-q", "-r", "-F", str(bed.ssh), source, target]


def tar(bed: Bed, source: Path, target: Path) -> list[str]:
    """Return the command that sends the folder *source* as one compressed stream."""
    there = (
        f"mkdir -p {shlex.quote(str(target))} && zstd -qd | tar -C {shlex.quote(str(target))} -xf -"
    )
    far = shlex.join(["ssh", "-F", str(bed.ssh), "far", there])
    line = f"tar -C {shlex.quote(str(source))} -cf - . | zstd -q -3 | {far}"
    return ["bash", "-o", "pipefail", "-c", line]


def at(path: Path | str, *, shared: bool = False) -> str:
    """Return the place *path* on the machine, as rsync and scp write it."""
    return f"{_host(shared)}:{path}"


def colabdev(bed: Bed, *words: str) -> list[str]:
    """Return the command ``colabdev`` with *words*."""
    return [str(bed.python.with_name("colabdev")), *words]


def has_link(bed: Bed) -> bool:
    """Tell whether this colabdev keeps a connection for the commands that follow."""
    return "--no-link" in bed.run(colabdev(bed, "sync", "--help"))


def _host(shared: bool) -> str:
    return "shared" if shared else "far"
