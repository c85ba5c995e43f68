"""The Cloudflare tunnel: colab-ssh's launcher, fenced in, with its end at our private sshd."""

import collections
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any

from colabdev.payload.cell.core import (
    CellError,
    _alive,
    _children,
    _end,
    _free_port,
    _load,
    _path,
    _read,
    _server,
    _wait_for,
    _write,
)
from colabdev.payload.cell.install import _install
from colabdev.payload.cell.keeper import Held, Kept, TunnelLost

GLOBAL = "/etc/ssh/sshd_config"  # colab-ssh appends to it


class Cloudflared(Kept):
    """A quick tunnel: no account, another name each time, and cloudflared on the laptop too."""

    via = "cloudflared"
    also_at = (22,)  # where colab-ssh lets the tunnel end

    def __init__(self) -> None:
        self.settings = [self.via]

    def check(self) -> None:
        """Refuse any machine but a throw-away one, and one where port 22 is somebody else's."""
        if os.getuid() != 0 or "COLAB_RELEASE_TAG" not in os.environ:
            step = "Choose another tunnel: colabdev cell --tunnel."
            raise CellError("colab-ssh is let loose on a Colab VM only, and as root.", step)
        ours = _server(_load("runtime.json")) and ":22\n" in _read("sshd/sshd_config")
        if not ours and _free_port(22) != 22:
            step = "End that server, or choose another tunnel: colabdev cell --tunnel."
            raise CellError("Port 22 of this machine is taken, and colab-ssh needs it.", step)

    def prepare(self) -> None:
        """Install colab-ssh where it is missing, and requests, which it forgets to ask for."""
        _install("colab-ssh", "0.3.27", "colab-ssh==0.3.27")
        _install("requests", "", "requests")

    def greets(self, address: str) -> bool:
        """Tell whether our SSH server answers through Cloudflare's edge, as it will the laptop."""
        name = address.partition(":")[0]
        try:
            socket.getaddrinfo(name, 443)  # a new name takes a while until it resolves
        except OSError:
            return False
        program = _path("tunnel/cloudflared/cloudflared")
        words = ["timeout", "20", program, "access", "tcp", "--hostname", name]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as line:
            greeting = line.stdout.readline(256) if line.stdout else b""
            line.terminate()
        return greeting.startswith(b"SSH-2.0-")

    def failure(self, state: dict[str, Any]) -> CellError:
        """Return what kept cloudflared from opening."""
        detail = state.get("detail") or "-"
        step = "Run the cell again in a minute: Cloudflare limits how often one may ask."
        return CellError("cloudflared opened no tunnel: {detail}", step, detail=detail)

    def hold(self, facts: dict[str, Any]) -> Held:  # noqa: ARG002 - the port is 22
        """Let colab-ssh start one cloudflared, and wait until it dies."""
        me = os.getpid()
        os.chdir(os.path.dirname(_path("tunnel/cloudflared/log")))  # it writes where it runs
        try:
            with _fence():
                from colab_ssh.get_tunnel_config import get_argo_tunnel_config
                from colab_ssh.launch_ssh_cloudflared import launch_ssh_cloudflared

                launch_ssh_cloudflared(password="", kill_other_processes=False)
                name = get_argo_tunnel_config()["domain"]
            agent = _children(me)[0]
            while not self.greets(f"{name}:443") and not _wait_for(lambda: not _alive(agent), 2):
                pass
            while _alive(agent):
                yield f"{name}:443", agent, {}
                _wait_for(lambda: not _alive(agent), 2)
            raise TunnelLost("cloudflared ended.")  # noqa: TRY301 - as all else that ends it
        except TunnelLost:
            raise
        except Exception as error:  # colab-ssh raises nothing narrower
            raise TunnelLost(" ".join(str(error).split())[:300]) from None
        finally:
            for child in _children(me):
                _end(child)


@contextlib.contextmanager
def _fence() -> Iterator[None]:
    """Let colab-ssh run, and keep it from what it would do to the machine.

    It imports ``apt``, which Colab's Python lacks, and updates apt's lists as it is imported; it
    sets a root password, starts the system's sshd, and appends to the global configuration of
    sshd and, for variables of Colab's, to /etc/environment.
    """
    import importlib.util  # noqa: F401 - colab-ssh uses it without importing it

    before, kept = _path("tunnel/cloudflared/sshd_config.before"), dict(os.environ)
    for name in ("apt-get", "chpasswd", "service"):
        _write(f"tunnel/cloudflared/fence/{name}", "#!/bin/sh\n")
        os.chmod(_path(f"tunnel/cloudflared/fence/{name}"), 0o700)
    there = os.path.exists(GLOBAL)
    if there and not os.path.exists(before):  # one that is there is of a call that was killed
        shutil.copy2(GLOBAL, before)
    apt = types.ModuleType("apt")
    installed = types.SimpleNamespace(is_installed=True)
    apt.Cache = lambda: collections.defaultdict(lambda: installed)  # type: ignore[attr-defined]
    real = sys.modules.get("apt")
    fence = os.path.dirname(_path("tunnel/cloudflared/fence/apt-get"))
    os.environ.clear()
    os.environ.update(HOME=kept["HOME"], PATH=f"{fence}:{kept.get('PATH', os.defpath)}")
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
