"""The Cloudflare tunnel: colab-ssh's launcher, fenced in, with its end at our private sshd."""

import collections
import contextlib
import importlib
import os
import shutil
import socket
import subprocess
import sys
import time
import types
from collections.abc import Iterator

from colabdev.payload.cell.core import (
    HERE,
    CellError,
    Facts,
    Tunnel,
    _alive,
    _children,
    _end,
    _free_port,
    _load,
    _read,
    _record,
    _run,
    _wait_for,
    _write,
)
from colabdev.payload.cell.install import _install

GLOBAL = "/etc/ssh/sshd_config"  # colab-ssh appends to it


class Cloudflared(Tunnel):
    """A quick tunnel: no account, another name each time, and cloudflared on the laptop too."""

    ports = (22,)  # where colab-ssh lets the tunnel end

    def __init__(self) -> None:
        self.via, self.settings = "cloudflared", []

    def prepare(self) -> None:
        """Refuse all but a throw-away machine with a free port 22; install colab-ssh."""
        if os.getuid() != 0 or "COLAB_RELEASE_TAG" not in os.environ:
            step = "Choose another tunnel: colabdev cell --tunnel."
            raise CellError("colab-ssh is let loose on a Colab VM only, and as root.", step)
        ours = _alive(_load("runtime.json").get("sshd")) and ":22\n" in _read("sshd/sshd_config")
        if not ours and _free_port(22) != 22:
            step = "End that server, or choose another tunnel: colabdev cell --tunnel."
            raise CellError("Port 22 of this machine is taken, and colab-ssh needs it.", step)
        _install("requests", "", "requests")  # which colab-ssh forgets to ask for
        _install("colab-ssh", "0.3.27", "colab-ssh==0.3.27")

    def greets(self, address: str) -> bool:
        """Tell whether our SSH server answers through Cloudflare's edge, as it will the laptop."""
        name, pipe = address.partition(":")[0], subprocess.PIPE
        try:
            socket.getaddrinfo(name, 443)  # a new name takes a while until it resolves
        except OSError:
            return False
        words = ["timeout", "20", f"{HERE}/cloudflared/cloudflared", "access", "tcp", "--hostname"]
        with subprocess.Popen([*words, name], stdin=pipe, stdout=pipe, stderr=-3) as line:
            greeting = line.stdout.readline(256) if line.stdout else b""
            line.terminate()
        return greeting.startswith(b"SSH-2.0-")

    def hold(self, facts: Facts) -> Iterator[Facts]:  # noqa: ARG002 - the port is 22
        """Let colab-ssh start one cloudflared, and wait until it dies."""
        agent, before = None, _children(os.getpid())
        for pid in _run(["pgrep", "-x", "cloudflared"]).stdout.split():  # left by a killed keeper
            if os.path.realpath(f"/proc/{pid}/cwd") == f"{HERE}/cloudflared":
                _end(_record(int(pid)))
        try:
            with _fence():
                from colab_ssh.get_tunnel_config import get_argo_tunnel_config
                from colab_ssh.launch_ssh_cloudflared import launch_ssh_cloudflared

                launch_ssh_cloudflared(password="", kill_other_processes=False)
                name = get_argo_tunnel_config()["domain"]
            agent = next(each for each in _children(os.getpid()) if each not in before)
            while not self.greets(f"{name}:443") and not _wait_for(lambda: not _alive(agent), 2):
                pass
            while _alive(agent):
                yield {"address": f"{name}:443", "agent": agent}
                time.sleep(1)
            raise CellError("cloudflared ended.", "It is started anew.")  # noqa: TRY301
        except CellError:
            raise
        except Exception as error:  # colab-ssh raises nothing narrower
            step = "Cloudflare limits how often one may ask: it is tried again."
            said = " ".join(str(error).split())[:300]
            raise CellError(f"cloudflared opened no tunnel: {said}", step) from None
        finally:
            for child in _children(os.getpid()):
                if child not in before:
                    _end(child)


@contextlib.contextmanager
def _fence() -> Iterator[None]:
    """Let colab-ssh run, and keep it from what it would do to the machine.

    It imports ``apt``, which Colab's Python lacks, and updates apt's lists as it is imported; it
    sets a root password, starts the system's sshd, and appends to the global configuration of
    sshd and, for variables of Colab's, to /etc/environment.
    """
    importlib.import_module("importlib.util")  # colab-ssh uses it without importing it
    folder, kept, there = f"{HERE}/cloudflared", dict(os.environ), os.path.exists(GLOBAL)
    os.makedirs(f"{folder}/fence", mode=0o700, exist_ok=True)
    os.chdir(folder)  # it writes where it runs
    for name in ("apt-get", "chpasswd", "service"):
        os.chmod(_write(f"cloudflared/fence/{name}", "#!/bin/sh\n"), 0o700)
    before = f"{folder}/sshd_config.before"
    if there and not os.path.exists(before):  # one that is there is of a call that was killed
        shutil.copy2(GLOBAL, f"{before}.new")
        os.replace(f"{before}.new", before)
    apt, installed = types.ModuleType("apt"), types.SimpleNamespace(is_installed=True)
    apt.Cache = lambda: collections.defaultdict(lambda: installed)  # type: ignore[attr-defined]
    real = sys.modules.get("apt")
    os.environ.clear()
    os.environ.update(HOME=kept["HOME"], PATH=f"{folder}/fence:{kept.get('PATH', os.defpath)}")
    try:
        sys.modules["apt"] = apt
        yield
    finally:
        del sys.modules["apt"]
        if real is not None:
            sys.modules["apt"] = real
        os.environ.update(kept)
        if os.path.exists(before):
            shutil.copyfile(before, GLOBAL)  # in place: owner and mode stay
            os.remove(before)
        elif not there and os.path.exists(GLOBAL):
            os.remove(GLOBAL)
