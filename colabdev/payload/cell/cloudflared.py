"""The Cloudflare tunnel: colab-ssh's launcher, fenced in, with its end at our private sshd."""

import collections
import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import time
import types
from collections.abc import Generator
from typing import Any
from unittest import mock

from colabdev.payload.cell.core import (
    HERE,
    IN_COLAB,
    CellError,
    Facts,
    _alive,
    _around,
    _end,
    _free_port,
    _load,
    _wait_for,
    _write,
)
from colabdev.payload.cell.install import _install
from colabdev.payload.cell.linux import _record

VIA, PORTS, PATIENCE = "cloudflared", (22,), 120  # colab-ssh lets the tunnel end at 22
GLOBAL = "/etc/ssh/sshd_config"  # and appends to this file


def _prepare(settings: list[Any]) -> None:  # noqa: ARG001 - there are none
    """Refuse all but a throw-away machine with a free port 22; install colab-ssh."""
    if os.getuid() != 0 or not IN_COLAB:
        step = "Choose another tunnel: colabdev cell --tunnel."
        raise CellError("colab-ssh is let loose on a Colab VM only, and as root.", step)
    runs = _load("runtime.json")
    if not (runs.get("via") == VIA and _alive(runs.get("sshd"))) and _free_port(22) != 22:
        step = "End that server, or choose another tunnel: colabdev cell --tunnel."
        raise CellError("Port 22 of this machine is taken, and colab-ssh needs it.", step)
    _install("requests", "", "requests")  # which colab-ssh forgets to ask for
    _install("colab-ssh", "0.3.27", "colab-ssh==0.3.27")


def _greets(address: str) -> bool:
    """Tell whether our SSH server answers through Cloudflare's edge, as it will the laptop."""
    name, pipe = address.partition(":")[0], subprocess.PIPE  # a new name resolves after a while
    words = ["timeout", "20", f"{HERE}/cloudflared/cloudflared", "access", "tcp", "--hostname"]
    with subprocess.Popen([*words, name], stdin=pipe, stdout=pipe, stderr=-3) as line:
        greeting = line.stdout.readline(256) if line.stdout else b""
        line.terminate()
    return greeting.startswith(b"SSH-2.0-")


def _hold(facts: Facts) -> Generator[Facts, None, None]:  # noqa: ARG001 - the port is 22
    """Let colab-ssh start one cloudflared, and wait until it dies."""
    me = _record(os.getpid())
    before = _around("-P", me)
    try:
        with _fence():
            from colab_ssh.get_tunnel_config import get_argo_tunnel_config
            from colab_ssh.launch_ssh_cloudflared import launch_ssh_cloudflared

            launch_ssh_cloudflared(password="", kill_other_processes=False)
            address = f"{get_argo_tunnel_config()['domain']}:443"
        [agent] = [each for each in _around("-P", me) if each not in before]
        while not _greets(address) and not _wait_for(lambda: not _alive(agent), 2):
            pass
        while _alive(agent):
            yield {"address": address, "agent": agent}
            time.sleep(1)
        raise CellError("cloudflared ended.", "It is started anew.")  # noqa: TRY301
    except CellError:
        raise
    except Exception as error:  # colab-ssh raises nothing narrower
        step = "Cloudflare limits how often one may ask: it is tried again."
        said = " ".join(str(error).split())[:300]
        raise CellError(f"cloudflared opened no tunnel: {said}", step) from None
    finally:
        for child in _around("-P", me):
            _end(None if child in before else child)


@contextlib.contextmanager
def _fence() -> Generator[None, None, None]:
    """Let colab-ssh run, and keep it from what it would do to the machine.

    It imports ``apt``, which Colab's Python lacks, and updates apt's lists as it is imported; it
    sets a root password, starts the system's sshd, and appends to the global configuration of
    sshd and, for variables of Colab's, to /etc/environment.
    """
    importlib.import_module("importlib.util")  # colab-ssh uses it without importing it
    folder, before = f"{HERE}/cloudflared", HERE / "cloudflared/sshd_config.before"
    os.makedirs(f"{folder}/fence", mode=0o700, exist_ok=True)
    os.chdir(folder)  # it writes where it runs
    for name in ("apt-get", "chpasswd", "service"):
        os.chmod(_write(f"cloudflared/fence/{name}", "#!/bin/sh\n"), 0o700)
    if not before.exists():  # one that is there is of a call that was killed
        os.replace(shutil.copy2(GLOBAL, f"{before}.new"), before)
    known: Any = collections.defaultdict(lambda: types.SimpleNamespace(is_installed=True))
    apt: Any = types.SimpleNamespace(Cache=lambda: known)
    path = f"{folder}/fence:{os.environ.get('PATH', os.defpath)}"
    try:
        with mock.patch.dict(os.environ, {"HOME": f"{HERE.parent}", "PATH": path}, clear=True):
            sys.modules["apt"] = apt
            yield
    finally:
        sys.modules.pop("apt", None)
        shutil.copyfile(before, GLOBAL)  # in place: owner and mode stay
        before.unlink()
