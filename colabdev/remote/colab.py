"""Google's own CLI, ``colab``: which runtimes it knows, and how it makes one."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any  # what Popen takes besides

from colabdev.errors import HostUnreachable, InputError, RuntimeGone, system_says
from colabdev.language import tr
from colabdev.remote.complaints import complaint
from colabdev.remote.destination import Destination
from colabdev.remote.tunnels import colab_program

# `colab new` takes any other word for an A100, the dearest of them.
GPUS = ("T4", "L4", "G4", "A100", "H100")

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_STATUS = 60.0  # seconds
_NEW = 600.0
# Ctrl-C is for us.
_APART: dict[str, Any] = (
    {"creationflags": 0x00000200} if os.name == "nt" else {"start_new_session": True}
)
_LEFT: list[subprocess.Popen[bytes]] = []  # kept, so that no warning tells of one left running


def place(session: str, host_key: str = "") -> Destination:
    """Return where the runtime *session* is: root, on the road ``colab``.

    Raises:
        InputError: no runtime can be called that here.
    """
    if not _NAME.fullmatch(session):
        raise InputError(
            tr("{name} cannot name a runtime of Google's CLI.", name=ascii(session)),
            tr("Use letters, digits and dashes, as in: colabdev connect --via colab -s train"),
        )
    return Destination("root", session, 22, host_key, "colab")


def check(there: Destination) -> None:
    """Ask Google's CLI whether it knows the runtime *there*; nothing is made by asking.

    `colab ssh` makes a runtime, which costs compute units, when it is given an unknown name: so
    it is never started before this.

    Raises:
        RuntimeGone: there is none of that name.
        HostUnreachable: the CLI fails, or says something else than its published answers.
        ConfigError: it is not on this computer.
    """
    done = _run(["status", "-s", there.hostname], there, _STATUS)
    said = done.stdout + done.stderr
    name = re.escape(there.hostname)
    # "[NAME] endpoint | Hardware: ..." since 0.5, "[colab] Session: NAME | Status: ..." before.
    if not re.search(rf"^(\[{name}\] |\[colab\] Session: {name} )", said, re.MULTILINE):
        raise complaint(there, said)


def make(there: Destination, gpu: str = "") -> None:
    """Have Google's CLI make the runtime *there*, with a *gpu* of `GPUS` or none.

    Whatever ends our waiting does not end the CLI: half of a `colab new` would leave a runtime that
    costs, and that the CLI does not know.

    Raises:
        HostUnreachable: Colab gives none, or it takes too long.
    """
    words = ["new", "-s", there.hostname, *(["--gpu", gpu] if gpu else [])]
    with tempfile.TemporaryFile() as said, _started():
        child = subprocess.Popen(
            [colab_program(), *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            **_APART,
        )
        _LEFT.append(child)
        try:
            code = child.wait(_NEW)
        except subprocess.TimeoutExpired as error:
            raise complaint(there, "timed out") from error
        said.seek(0)
        if code:
            raise complaint(there, said.read().decode(errors="replace"))


def exists(there: Destination) -> bool:
    """Tell whether Google's CLI knows the runtime *there*; raises what `check` does besides."""
    try:
        check(there)
    except RuntimeGone:
        return False
    return True


def _run(
    words: Sequence[str], there: Destination, limit: float
) -> subprocess.CompletedProcess[str]:
    with _started():
        try:
            return subprocess.run(
                [colab_program(), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=limit,
                **_APART,
            )
        except subprocess.TimeoutExpired as error:
            raise complaint(there, "timed out") from error


@contextlib.contextmanager
def _started() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostUnreachable(
            tr("Google's CLI does not start: {reason}.", reason=system_says(error)),
            tr("Install it anew: uv tool install --reinstall google-colab-cli"),
        ) from error
